// Package scenario tests whole lessons on a whole box. It has tests only.
package scenario

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// faultCount is how often a fault is made: the default, or what the environment asks for.
func faultCount(t *testing.T, env string, def int) int {
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

// chatWriter is a person who writes on and on over all drops.
type chatWriter struct {
	*wiretest.Member
	name string
	sent int
}

// write sends one message; when the box is away it comes back and sends again what was
// not acknowledged.
func (c *chatWriter) write(stop *atomic.Bool) {
	c.sent++
	cmd := wiretest.Command{
		ID: fmt.Sprint(c.name, "-", c.sent), Name: "chat.say",
		Payload: map[string]any{"text": fmt.Sprint(c.name, " ", c.sent), "to": "all"},
	}
	_, err := c.SendCommand(cmd)
	for err != nil && !stop.Load() {
		time.Sleep(20 * time.Millisecond) // the box is a process that starts
		if c.CurrentConn() != nil {
			c.Drop()
		}
		_, err = c.Connect()
	}
	time.Sleep(60 * time.Millisecond) // below the rate limit
}

// settled connects until nothing is unacknowledged.
func (c *chatWriter) settled(t *testing.T) {
	t.Helper()
	timetest.WaitUntil(t, "answers for "+c.name, func() bool {
		if len(c.UnackedCommands()) == 0 {
			return true
		}
		c.Drop()
		_, _ = c.Connect() // tried again
		return false
	})
}

func TestKilledAtAnyMomentNothingAcknowledgedIsLostOrDoubled(t *testing.T) {
	kills := faultCount(t, "LIVELEARN_KILLS", 20)
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 12), "Planets")
	people := []*chatWriter{{Member: ada.NewMember(lesson.Room), name: ada.User}}
	for _, n := range lesson.Names {
		people = append(people, &chatWriter{Member: box.JoinLesson(lesson, n.ID).NewMember(lesson.Room), name: n.ID})
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
		time.Sleep(time.Duration(30+rand.IntN(300)) * time.Millisecond) // the kill comes at any moment
		box.Kill()
		box = box.Restart()
		ready = append(ready, box.Ready)
	}
	time.Sleep(time.Second) // people write in the last run too
	stop.Store(true)
	writing.Wait()
	for _, p := range people {
		p.settled(t)
	}
	box.Stop()
	checkJournal(t, dir, lesson.Room, people)
	slices.Sort(ready)
	t.Logf("%d kills; ready again after %v (median), %v (worst)", kills, ready[len(ready)/2], ready[len(ready)-1])
}

// checkJournal compares the acknowledged answers with the journal.
func checkJournal(t *testing.T, dir, class string, people []*chatWriter) {
	t.Helper()
	j := openJournal(t, dir)
	defer j.Close()
	stored := map[string]int{}
	for e, err := range j.Replay(room.StreamOf(class), 0) {
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
		answers := p.AckedBodies()
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
