// Package scenario tells whole-box stories. It has tests only.
package scenario

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire/wiretest"
)

// times is how often a fault is made: the default, or what the environment asks for.
func times(t *testing.T, env string, def int) int {
	t.Helper()
	if testing.Short() {
		def = (def + 4) / 5
	}
	if v := os.Getenv(env); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", env, err)
		}
		return n
	}
	return def
}

// chatter is a person who writes on and on over all drops.
type chatter struct {
	*wiretest.Member
	name string
	sent int
}

// write sends one message; when the box is away it comes back and sends again what was
// not acknowledged.
func (c *chatter) write(stop *atomic.Bool) {
	c.sent++
	cmd := wiretest.Command{
		ID: fmt.Sprint(c.name, "-", c.sent), Name: "chat.say",
		Payload: map[string]any{"text": fmt.Sprint(c.name, " ", c.sent), "to": "all"},
	}
	_, err := c.Do(cmd)
	for err != nil && !stop.Load() {
		time.Sleep(20 * time.Millisecond)
		if c.Conn() != nil {
			c.Drop()
		}
		_, err = c.Connect()
	}
	time.Sleep(60 * time.Millisecond) // below the rate limit
}

// settled connects until nothing is unacknowledged.
func (c *chatter) settled(t *testing.T) {
	for range 200 {
		if len(c.Unacked()) == 0 {
			return
		}
		c.Drop()
		_, _ = c.Connect() // tried again below
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s: %d commands were never answered", c.name, len(c.Unacked()))
}

func TestKilledAtAnyMomentNothingAcknowledgedIsLostOrDoubled(t *testing.T) {
	kills := times(t, "LIVELEARN_KILLS", 20)
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.Claim("Ada")
	lesson := ada.Lesson(ada.Class("7B", 12), "Planets")
	people := []*chatter{{Member: ada.Member(lesson.Room), name: ada.User}}
	for _, n := range lesson.Names {
		people = append(people, &chatter{Member: box.Join(lesson, n.ID).Member(lesson.Room), name: n.ID})
	}
	var stop atomic.Bool
	var writing sync.WaitGroup
	for _, p := range people {
		if _, err := p.Connect(); err != nil {
			t.Fatal(err)
		}
		writing.Go(func() {
			for !stop.Load() {
				p.write(&stop)
			}
		})
	}
	var ready []time.Duration
	for range kills {
		time.Sleep(time.Duration(30+rand.IntN(300)) * time.Millisecond)
		box.Kill()
		box = box.Restart()
		ready = append(ready, box.Ready)
	}
	time.Sleep(time.Second)
	stop.Store(true)
	writing.Wait()
	for _, p := range people {
		p.settled(t)
	}
	box.Stop()
	count(t, dir, lesson.Room, people)
	slices.Sort(ready)
	t.Logf("%d kills; ready again after %v (median), %v (worst)", kills, ready[len(ready)/2], ready[len(ready)-1])
}

// count compares what was acknowledged with what is in the journal.
func count(t *testing.T, dir, class string, people []*chatter) {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	stored := map[string]int{}
	for e, err := range j.Replay(room.Stream(class), 0) {
		if err != nil {
			t.Fatal(err)
		}
		var said struct{ Text string }
		if e.Kind == "chat.said" && json.Unmarshal(e.Data, &said) == nil {
			stored[said.Text]++
		}
	}
	acked, sent := 0, 0
	for _, p := range people {
		answers := p.Acked()
		acked += len(answers)
		sent += p.sent
		for i := 1; i <= p.sent; i++ {
			n := stored[fmt.Sprint(p.name, " ", i)]
			_, ok := answers[fmt.Sprint(p.name, "-", i)]
			if n > 1 || ok && n != 1 {
				t.Errorf("%s message %d: acknowledged %v, stored %d times", p.name, i, ok, n)
			}
		}
	}
	if acked == 0 {
		t.Error("nothing was acknowledged at all")
	}
	t.Logf("%d sent, %d acknowledged, %d stored", sent, acked, len(stored))
}
