package room_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
	"github.com/livelearn/box/services/wire"
)

// presenceMember keeps the list of who is here as the stock client does (phoenix.js, Presence):
// a join is added by its phx_ref, and a leave of an unknown person is ignored.
type presenceMember struct {
	seat *room.Seat

	mu    sync.Mutex
	list  map[string]map[string]bool // phx_refs by key
	diffs int
	bytes int // of all presence frames
}

func (m *presenceMember) Closed(*room.Seat) {}

func (m *presenceMember) Send(f wire.Frame) {
	if !bytes.Contains(f.Bytes[:min(64, len(f.Bytes))], []byte(`"presence_`)) {
		return
	}
	r := bytes.NewReader(f.Bytes)
	if _, err := ws.ReadHeader(r); err != nil {
		panic(err)
	}
	msg, err := decodeLong(f.Bytes[len(f.Bytes)-r.Len():])
	if err != nil {
		panic(err)
	}
	type list map[string]struct {
		Metas []struct {
			PhxRef string `json:"phx_ref"`
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += len(f.Bytes)
	var d struct{ Joins, Leaves list }
	if msg.Event == wire.PresenceState {
		m.list = map[string]map[string]bool{}
		err = json.Unmarshal(msg.Payload, &d.Joins)
	} else {
		m.diffs++
		err = json.Unmarshal(msg.Payload, &d)
	}
	if err != nil {
		panic(err)
	}
	for key, entry := range d.Joins {
		if m.list[key] == nil {
			m.list[key] = map[string]bool{}
		}
		for _, meta := range entry.Metas {
			m.list[key][meta.PhxRef] = true
		}
	}
	for key, entry := range d.Leaves {
		for _, meta := range entry.Metas {
			delete(m.list[key], meta.PhxRef)
		}
		if len(m.list[key]) == 0 {
			delete(m.list, key)
		}
	}
}

// decodeLong decodes a frame of the box, which may be longer than one from a client.
func decodeLong(data []byte) (m wire.Message, err error) {
	var parts [5]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return m, err
	}
	m.Payload = parts[4]
	return m, json.Unmarshal(parts[3], &m.Event)
}

// cost returns how many diffs and bytes of presence came.
func (m *presenceMember) cost() (diffs, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.diffs, m.bytes
}

func (m *presenceMember) counts() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := map[string]int{}
	for key, refs := range m.list {
		n[key] = len(refs)
	}
	return n
}

func joinPresence(t testing.TB, h *roomtest.Harness, user string) *presenceMember {
	m := &presenceMember{}
	m.seat = takeSeat(t, h, user, m)
	return m
}

func takeSeat(t testing.TB, h *roomtest.Harness, user string, m room.Member) *room.Seat {
	s := &room.Seat{Room: "c1", Viewer: event.Viewer{User: user, Role: event.Pupil}, Name: "Name of " + user, JoinRef: "1", Member: m}
	if err := h.Rooms.Join(s, "1"); err != nil {
		t.Fatal(err)
	}
	return s
}

// discard is a member that reads nothing.
type discard struct{}

func (discard) Send(wire.Frame)   {}
func (discard) Closed(*room.Seat) {}

// TestEveryMemberKnowsWhoIsHere has people come and go at random in a room of several pages. Some
// have two devices. In the end each member's list is right.
func TestEveryMemberKnowsWhoIsHere(t *testing.T) {
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			h := roomtest.New(t, t.TempDir(), room.Config{}, kinds...)
			h.StartLesson("l1")
			rnd := rand.New(rand.NewPCG(seed, 7))
			var here []*room.Seat
			readers := map[*room.Seat]*presenceMember{} // every twentieth: to read all frames takes long
			for i := range 1500 {
				switch {
				case rnd.IntN(4) == 0 && len(here) > 0:
					k := rnd.IntN(len(here))
					h.Rooms.Leave(here[k])
					delete(readers, here[k])
					here = slices.Delete(here, k, k+1)
				case i%20 == 0:
					m := joinPresence(t, h, fmt.Sprint("p", rnd.IntN(1200)))
					here, readers[m.seat] = append(here, m.seat), m
				default:
					here = append(here, takeSeat(t, h, fmt.Sprint("p", rnd.IntN(1200)), discard{}))
				}
				if rnd.IntN(20) == 0 {
					time.Sleep(time.Duration(rnd.IntN(120)) * time.Millisecond)
				}
				synctest.Wait()
			}
			time.Sleep(3 * time.Second) // the pages come one after the other
			synctest.Wait()
			want := map[string]int{}
			for _, s := range here {
				want[s.Viewer.User]++
			}
			for s, m := range readers {
				if got := m.counts(); !maps.Equal(got, want) {
					t.Fatalf("seed %d: %s sees %d people, want %d: %s", seed, s.Viewer.User, len(got), len(want), cmp.Diff(want, got))
				}
			}
			if len(want) < 512 || len(readers) == 0 {
				t.Fatalf("%d people and %d readers: too few for more than the pages of the start", len(want), len(readers))
			}
		})
	}
}

// TestPresenceOfThousandsFitsInAQueue joins a room of 3,000. What comes at once leaves room in a
// member's queue, and the whole list comes.
func TestPresenceOfThousandsFitsInAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, t.TempDir(), room.Config{}, kinds...)
		h.StartLesson("l1")
		const people = 3000
		for i := range people - 1 {
			takeSeat(t, h, fmt.Sprint("p", i), discard{})
			synctest.Wait()
		}
		time.Sleep(time.Second)
		last := joinPresence(t, h, "last")
		synctest.Wait()
		if _, bytes := last.cost(); bytes == 0 || bytes > 100<<10 {
			t.Errorf("%d bytes of presence at once", bytes)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := len(last.counts()); got != people {
			t.Errorf("the last to join sees %d people, want %d", got, people)
		}
	})
}

// TestAStormOfJoinsIsAFewFrames has a whole school come at once.
func TestAStormOfJoinsIsAFewFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, t.TempDir(), room.Config{}, kinds...)
		h.StartLesson("l1")
		first := joinPresence(t, h, "first")
		time.Sleep(time.Second)
		for i := range 500 {
			takeSeat(t, h, fmt.Sprint("p", i), discard{})
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		diffs, _ := first.cost()
		if n := len(first.counts()); n != 501 || diffs > 3 {
			t.Errorf("the first sees %d people after %d frames", n, diffs)
		}
	})
}

// BenchmarkJoin fills a room at once, and counts the processor time for each join, without sockets.
func BenchmarkJoin(b *testing.B) {
	for _, people := range []int{30, 200, 1000, 5000} {
		b.Run(fmt.Sprintf("room=%d", people), func(b *testing.B) {
			h := roomtest.New(b, b.TempDir(), room.Config{Mailbox: 2*people + 64}, kinds...)
			h.StartLesson("l1")
			before := processorTime(b)
			joins := 0
			for b.Loop() {
				var seats []*room.Seat
				for i := range people {
					seats = append(seats, takeSeat(b, h, fmt.Sprint("p", i), discard{}))
				}
				joins += people
				if err := h.SendCommand(roomtest.Ada, "tap.clear", fmt.Sprint(joins), nil); err != nil { // behind all joins
					b.Fatal(err)
				}
				for _, s := range seats {
					h.Rooms.Leave(s)
				}
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(joins), "us/join")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
