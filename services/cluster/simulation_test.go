package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

// The simulation has lessons of two boxes while messages are lost and delayed, the link is cut, and
// rooms crash, all by a seed. Afterwards everybody must have seen every fact that they may see, in
// order and once, each command must count once, and everybody must see who is there.
//
//	LIVELEARN_SIMULATION_SEEDS=10000 go test -run TestSimulation ./services/cluster   the long form
//	LIVELEARN_SIMULATION_SEED=17 go test -run TestSimulation ./services/cluster       one seed again
const (
	shortSeeds = 100
	chaosFor   = 10 * time.Second
	calmFor    = 9 * time.Second // after it: joins and commands that wait are done, and lost boxes are back
)

func TestSimulation(t *testing.T) {
	first, count := 1, readNumber(t, "LIVELEARN_SIMULATION_SEEDS", shortSeeds)
	if one := readNumber(t, "LIVELEARN_SIMULATION_SEED", 0); one > 0 {
		first, count = one, 1
	}
	for seed := first; seed < first+count; seed++ {
		ok := t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			withBoxes(t, uint64(seed), []room.Kind{crashKind()}, func(t *testing.T, net *clustertest.Net, a, b *box) {
				simulate(t, uint64(seed), net, a, b)
			})
		})
		if !ok {
			t.Fatalf("run it again with LIVELEARN_SIMULATION_SEED=%d", seed)
		}
	}
}

func readNumber(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is no number from 1", name, text)
	}
	return n
}

// crashKind is a feature that crashes its room at the first try of each command.
func crashKind() room.Kind {
	c := &crash{tried: map[string]bool{}}
	return room.Kind{Name: "crash", New: func() room.Feature { return c }, Commands: []room.Command{{Name: "crash.room"}}}
}

type crash struct {
	mu    sync.Mutex
	tried map[string]bool
}

func (c *crash) Handle(_ *room.Turn, m room.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.tried[m.ID] {
		c.tried[m.ID] = true
		panic("the simulation crashes a room")
	}
	return nil
}

func (c *crash) Apply(event.Event)                  {}
func (c *crash) View(event.Viewer, event.Stamp) any { return nil }

// player is a person of the simulation with their page.
type player struct {
	*wiretest.Member
	user   string
	at     *box
	rand   *rand.Rand
	fails  int    // phx_error that the page has seen
	viewed uint64 // seq of the last view
	sent   []string
}

func simulate(t *testing.T, seed uint64, net *clustertest.Net, a, b *box) {
	t.Helper()
	var players []*player
	for i, who := range []struct {
		user, room string
		at         *box
	}{{"t1", "a1", a}, {"p1", "a1", a}, {"p2", "a1", b}, {"p3", "a1", b}, {"p4", "b1", b}, {"t2", "b1", a}, {"p5", "b1", a}} {
		players = append(players, &player{
			Member: who.at.person(who.user, who.room), user: who.user, at: who.at, rand: rand.New(rand.NewPCG(seed, uint64(i))),
		})
	}
	chaos := time.Now().Add(chaosFor)
	var playing sync.WaitGroup
	playing.Go(func() { makeWeather(rand.New(rand.NewPCG(seed, 99)), net, chaos, a, b) })
	for _, p := range players {
		playing.Go(func() { p.play(t, chaos, chaos.Add(calmFor)) })
	}
	playing.Wait()
	for _, p := range players {
		p.check(t, map[string]*box{"a": a, "b": b}[ownerOf(p.Room)], players)
	}
	for _, x := range []*box{a, b} {
		if n := x.rooms.Len(); n != 1 {
			t.Errorf("box %s runs %d rooms, want its own one", x.id, n)
		}
	}
}

// makeWeather makes it bad until the time, and then good.
func makeWeather(r *rand.Rand, net *clustertest.Net, until time.Time, a, b *box) {
	heal := func() {
		net.SetWeather(clustertest.Weather{MinDelay: 100 * time.Microsecond, MaxDelay: 3 * time.Millisecond})
		net.SetCut("a", "b", false)
		net.SetDown("a", false)
	}
	for n := 0; time.Now().Before(until); n++ {
		switch r.IntN(6) {
		case 0, 1:
			net.SetWeather(clustertest.Weather{Loss: []float64{0.02, 0.1, 0.4}[r.IntN(3)], MaxDelay: time.Duration(r.IntN(200)) * time.Millisecond})
		case 2:
			net.SetCut("a", "b", true)
		case 3:
			net.SetOneWayCut([]string{"a", "b"}[r.IntN(2)], []string{"b", "a"}[r.IntN(2)], true)
		case 4:
			net.SetDown("a", true)
		case 5:
			x := []*box{a, b}[r.IntN(2)]
			_, _ = x.rooms.Call(context.Background(), x.id+"1", room.Message{
				Name: "crash.room", ID: fmt.Sprint("crash", n), By: event.Viewer{User: "t1", Role: event.Teacher}, Data: json.RawMessage("{}"),
			}) // what matters is the crash
		}
		time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
		if r.IntN(2) == 0 {
			heal()
		}
	}
	heal()
}

// play is a person at a page: it joins, sends commands until the chaos ends, and does what a page does
// when the room lets it go or a command is not saved.
func (p *player) play(t *testing.T, chaos, end time.Time) {
	t.Helper()
	time.Sleep(time.Duration(p.rand.IntN(1000)) * time.Millisecond)
	p.join(t, end, p.Connect)
	for n := 0; time.Now().Before(end); n++ {
		time.Sleep(time.Duration(100+p.rand.IntN(500)) * time.Millisecond)
		switch fails := p.PhxCount(wire.Error); {
		case fails > p.fails:
			p.fails = fails
			p.join(t, end, p.Join)
		case time.Now().Before(chaos) && p.rand.IntN(20) == 0:
			p.Drop()
			p.join(t, end, p.Connect)
		case time.Now().Before(chaos):
			p.send(n)
		case len(p.UnackedCommands()) > 0:
			p.join(t, end, p.Join)
		}
	}
}

func (p *player) join(t *testing.T, end time.Time, how func() (wiretest.Body, error)) {
	t.Helper()
	var err error
	var body wiretest.Body
	for time.Now().Before(end) {
		body, err = how()
		if err == nil {
			if body.Missed == nil {
				p.viewed = body.Seq
			}
			return
		}
		time.Sleep(300 * time.Millisecond)
		if how = p.Join; errors.Is(err, wiretest.ErrClosed) {
			how = p.Connect
		}
	}
	t.Errorf("%s at %s cannot join %s: %v", p.user, p.at.id, p.Room, err)
}

func (p *player) send(n int) {
	c := say(fmt.Sprint(p.user, "-", n), fmt.Sprint("text ", n), []string{"all", "teacher"}[p.rand.IntN(2)])
	if p.user[0] == 'p' && p.rand.IntN(3) == 0 {
		c.Name, c.Payload = []string{"hand.raise", "hand.lower"}[p.rand.IntN(2)], nil
	} else {
		p.sent = append(p.sent, c.ID) // a hand that is up already makes no fact
	}
	if _, err := p.SendCommand(c); err != nil && !strings.Contains(err.Error(), "to be sent again") {
		p.sent = slices.DeleteFunc(p.sent, func(id string) bool { return id == c.ID && !strings.Contains(err.Error(), "closed") })
	}
}

// check compares what a player has with the log of the room's owner.
func (p *player) check(t *testing.T, owner *box, players []*player) {
	t.Helper()
	facts, err := owner.journal.Since(room.StreamOf(p.Room), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	viewer := event.Viewer{User: p.user, Role: event.Pupil}
	if p.user[0] == 't' {
		viewer.Role = event.Teacher
	}
	var want, got []string
	count := map[string]int{}
	for _, e := range facts {
		count[e.By+" "+e.ID]++
		if def, ok := owner.rooms.Def(e.Kind); ok && e.Seq > p.viewed && def.AudienceOf(e).Has(viewer) {
			want = append(want, fmt.Sprint(e.Epoch, " ", e.Seq, " ", e.Kind, " ", e.By, " ", e.ID, " ", string(e.Data)))
		}
	}
	for _, e := range p.SeenEvents() {
		got = append(got, fmt.Sprint(e.Epoch, " ", e.Seq, " ", e.Kind, " ", e.By, " ", e.ID, " ", string(e.Data)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s at %s in %s, since seq %d: has seen %d facts, may see %d\n%s", p.user, p.at.id, p.Room, p.viewed, len(got), len(want), firstDifference(got, want))
	}
	for _, id := range p.sent {
		if n := count[p.user+" "+id]; n != 1 {
			t.Errorf("%s at %s in %s: command %s counts %d times", p.user, p.at.id, p.Room, id, n)
		}
	}
	if left := p.UnackedCommands(); len(left) > 0 {
		t.Errorf("%s at %s in %s: %d commands without an answer", p.user, p.at.id, p.Room, len(left))
	}
	present := map[string]int{}
	for _, other := range players {
		if other.Room == p.Room {
			present[other.user] = 1
		}
	}
	if got := p.PresentCounts(); !maps.Equal(got, present) {
		t.Errorf("%s at %s in %s: sees %v, there are %v", p.user, p.at.id, p.Room, got, present)
	}
	noFaults(t, p.Member)
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		x, y := "nothing", "nothing"
		if i < len(got) {
			x = got[i]
		}
		if i < len(want) {
			y = want[i]
		}
		if x != y {
			return fmt.Sprintf("fact %d: seen %s\n        log  %s", i, x, y)
		}
	}
	return ""
}
