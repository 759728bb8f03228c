package clustertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/timetest"
)

// Boxes are the buses under test. SetCut cuts the link between the boxes i and j, or heals it; where it
// is nil, the suite cuts nothing. Stop ends everything that the test started.
type Boxes struct {
	IDs    []string
	Buses  []cluster.Bus
	SetCut func(i, j int, cut bool)
	Stop   func()
}

// TestBus checks what cluster.Bus promises. makeBoxes returns n boxes that are linked, or about to be.
// It runs on the real clock and in fake time.
func TestBus(t *testing.T, makeBoxes func(t *testing.T, n int) Boxes) {
	t.Helper()
	for _, c := range []struct {
		name  string
		check func(*testing.T, Boxes)
	}{
		{"order", checkOrder}, {"ask", checkAsk}, {"reply", checkNoReply}, {"cut", checkCut}, {"stop", checkStop},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			b := makeBoxes(t, 3)
			if c.name == "cut" && b.SetCut == nil {
				b.Stop()
				return // there is no network between these boxes that a test could cut
			}
			stop := sync.OnceFunc(b.Stop)
			defer stop() // after t.Fatal
			for i := range b.Buses {
				waitLinked(t, b, i, slices.Delete(slices.Clone(b.IDs), i, i+1))
			}
			c.check(t, b)
			stop()
			timetest.WaitUntil(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

func waitLinked(t *testing.T, b Boxes, i int, want []string) {
	t.Helper()
	slices.Sort(want)
	timetest.WaitUntil(t, fmt.Sprint("links of ", b.IDs[i], " to ", want), func() bool {
		got := slices.Clone(b.Buses[i].Linked())
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

// inbox keeps what a subscription gets.
type inbox struct {
	mu   sync.Mutex
	got  []string
	asks int
}

func (in *inbox) take(data []byte, reply func([]byte)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.got = append(in.got, string(data))
	if reply != nil {
		in.asks++
	}
}

func (in *inbox) list() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got)
}

// subscribe subscribes and waits until the others know it: the news of a subscription travels too.
func subscribe(t *testing.T, b Boxes, i int, subject string, handle func([]byte, func([]byte))) (stop func()) {
	t.Helper()
	probe := subject + ".probe"
	stopProbe, err := b.Buses[i].Subscribe(probe, func(_ []byte, reply func([]byte)) {
		if reply != nil {
			reply(nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stopProbe()
	stop, err = b.Buses[i].Subscribe(subject, handle)
	if err != nil {
		t.Fatal(err)
	}
	for j, other := range b.Buses {
		timetest.WaitUntil(t, fmt.Sprint(b.IDs[j], " to know a subscription"), func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := other.Ask(ctx, probe, nil)
			return j == i || err == nil
		})
	}
	return stop
}

// checkOrder: what two boxes publish on two subjects comes once, in the order of each sender and
// subject, and not back to the sender.
func checkOrder(t *testing.T, b Boxes) {
	const each = 300
	boxes := map[string]*inbox{}
	for i := range b.Buses {
		for _, subject := range []string{"a", "b"} {
			in := &inbox{}
			boxes[fmt.Sprint(i, subject)] = in
			subscribe(t, b, i, subject, in.take)
		}
	}
	for n := range each {
		for _, from := range []int{0, 1} {
			for _, subject := range []string{"a", "b"} {
				data := binary.BigEndian.AppendUint32([]byte{byte(from)}, uint32(n))
				if err := b.Buses[from].Publish(subject, data); err != nil {
					t.Fatal(err)
				}
				data[0] = 99 // the bus has taken its own copy
			}
		}
	}
	for i, want := range []int{each, each, 2 * each} {
		for _, subject := range []string{"a", "b"} {
			in := boxes[fmt.Sprint(i, subject)]
			timetest.WaitUntil(t, fmt.Sprintf("%d messages of %s at %s", want, subject, b.IDs[i]), func() bool { return len(in.list()) >= want })
			next := map[byte]uint32{}
			for _, m := range in.list() {
				from, n := m[0], binary.BigEndian.Uint32([]byte(m[1:]))
				if int(from) == i || n != next[from] {
					t.Fatalf("%s got message %d of sender %d, want %d", b.IDs[i], n, from, next[from])
				}
				next[from]++
			}
			if len(in.list()) != want || in.asks > 0 {
				t.Errorf("%s has %d messages, %d of them with a reply: want %d and none", b.IDs[i], len(in.list()), in.asks, want)
			}
		}
	}
}

// checkAsk: a question has its answer, and a subject without a listener is errs.Missing.
func checkAsk(t *testing.T, b Boxes) {
	subscribe(t, b, 1, "double", func(data []byte, reply func([]byte)) { reply(append(data, data...)) })
	for i := range 50 {
		ctx, cancel := context.WithTimeout(context.Background(), timetest.Patience)
		got, err := b.Buses[2*(i%2)].Ask(ctx, "double", fmt.Appendf(nil, "%d.", i))
		cancel()
		if want := fmt.Sprintf("%d.%d.", i, i); err != nil || string(got) != want {
			t.Fatalf("answer %q, %v, want %q", got, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timetest.Patience)
	defer cancel()
	if _, err := b.Buses[0].Ask(ctx, "nobody", nil); errs.KindOf(err) != errs.Missing {
		t.Errorf("a question to nobody: %v, want errs.Missing", err)
	}
}

// checkNoReply: a question without an answer ends with its context.
func checkNoReply(t *testing.T, b Boxes) {
	in := &inbox{}
	subscribe(t, b, 1, "silent", in.take)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if got, err := b.Buses[0].Ask(ctx, "silent", []byte("?")); err == nil || errs.KindOf(err) == errs.Missing && ctx.Err() == nil {
		t.Errorf("a question that nobody answers: %q, %v", got, err)
	}
	timetest.WaitUntil(t, "the question", func() bool { return len(in.list()) == 1 })
}

// checkCut: Linked shows a cut and its end, and what was published in between does not come late.
func checkCut(t *testing.T, b Boxes) {
	in := &inbox{}
	subscribe(t, b, 1, "cut", in.take)
	b.SetCut(0, 1, true)
	waitLinked(t, b, 0, []string{b.IDs[2]})
	waitLinked(t, b, 1, []string{b.IDs[2]})
	_ = b.Buses[0].Publish("cut", []byte("during")) // errs.Down is right too
	b.SetCut(0, 1, false)
	waitLinked(t, b, 0, b.IDs[1:])
	timetest.WaitUntil(t, "a message after the cut", func() bool {
		return b.Buses[0].Publish("cut", []byte("after")) == nil && slices.Contains(in.list(), "after")
	})
	if slices.Contains(in.list(), "during") {
		t.Error("a message that was published during the cut came after it")
	}
}

// checkStop: nothing comes after stop, and the other subscriptions stay.
func checkStop(t *testing.T, b Boxes) {
	first, second := &inbox{}, &inbox{}
	stop := subscribe(t, b, 1, "stop", first.take)
	subscribe(t, b, 1, "stop", second.take)
	stop()
	if err := b.Buses[0].Publish("stop", []byte("x")); err != nil {
		t.Fatal(err)
	}
	timetest.WaitUntil(t, "the message", func() bool { return len(second.list()) == 1 })
	if len(first.list()) > 0 {
		t.Error("a message came to a subscription that was stopped")
	}
}
