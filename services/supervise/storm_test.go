package supervise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// crash_storm_bystanders: 1 % of ten thousand entities crash every second. Time in the bubble
// advances only while goroutines wait for it, so a call that takes any has waited for another
// entity's crash. (BenchmarkStorm measures in real time.)
func TestCrashStormBystanders(t *testing.T) {
	const many = 10_000
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) {
		k.Observe = func(Report) { time.Sleep(10 * time.Millisecond) }
		k.Hang, k.Idle = 10*time.Second, time.Hour
	}, func(t *testing.T, o *poolRig) {
		o.run()
		for n := range many {
			o.cast(fmt.Sprint(n), "m", nil)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for tick := range 500 {
			time.Sleep(10 * time.Millisecond)
			victim := 1 + 2*r.IntN(many/2)
			o.cast(fmt.Sprint(victim), "storm", panicHandler)
			for range 5 {
				begun := time.Now()
				if _, err := o.ask(fmt.Sprint(2 * r.IntN(many/2))); err != nil || time.Since(begun) != 0 {
					t.Fatalf("tick %d: %v after %v", tick, err, time.Since(begun))
				}
			}
		}
		for n := range many {
			if _, err := o.ask(fmt.Sprint(n)); err != nil {
				t.Fatalf("entity %d: %v", n, err)
			}
		}
		advanceTime(time.Minute) // the observer catches up
		o.stop()
	})
}

// A storm among supervised children: none stays dead, and the supervisor lives.
func TestCrashStormAmongChildren(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		const many = 1000
		starts := make([]int, many)
		victims := make([]chan struct{}, many)
		w.run(Spec{Each: true, MaxRestarts: 1000})
		for n := range many {
			victims[n] = make(chan struct{})
			c := Run(fmt.Sprint(n), serve(func(ctx context.Context) error {
				starts[n]++
				select {
				case <-ctx.Done():
					return nil
				case <-victims[n]:
					panic("storm")
				}
			}))
			c.Backoff = Backoff{Min: 300 * time.Millisecond, Max: 450 * time.Millisecond}
			if err := w.sup.Start(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 600 { // one every 100 ms
			victims[n] <- struct{}{}
			advanceTime(100 * time.Millisecond)
		}
		advanceTime(time.Second)
		if st := w.sup.Tree(); st.Running != many || st.Restarts != 600 {
			t.Fatalf("%d run, %d restarts", st.Running, st.Restarts)
		}
		for n := range 600 {
			if starts[n] != 2 {
				t.Fatalf("child %d started %d times", n, starts[n])
			}
		}
		w.stop()
	})
}

// An idle entity takes at most half a KiB, its map entry included.
func TestIdleEntityIsSmall(t *testing.T) {
	const many = 20_000
	before := inUse()
	c := newPooled(many)
	defer c.stop()
	if got := (int64(inUse()) - int64(before)) / many; got > 512 {
		t.Fatalf("%d bytes", got)
	}
}

func TestSlowObserverDoesNotBlock(t *testing.T) {
	var seen, dropped int
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) {
		k.MaxRestarts = 1 << 20
		k.Observe = func(r Report) { seen++; dropped += r.Dropped; time.Sleep(time.Second) }
	}, func(t *testing.T, o *poolRig) {
		o.run()
		begun := time.Now()
		for range 500 {
			mustBe(t, o.try("a", "x", panicHandler), errNotDone)
		}
		if got := time.Since(begun); got != 0 {
			t.Fatalf("crashes took %v", got)
		}
		advanceTime(time.Hour)
		mustBe(t, o.try("a", "x", panicHandler), errNotDone)
		advanceTime(time.Hour)
		o.stop()
		if seen+dropped != 1002 || seen > outboxSize+10 {
			t.Fatalf("%d seen, %d dropped of 1002", seen, dropped)
		}
	})
}

// Whenever entities crash, each message is handled once or is dead, in order per sender.
func TestNoMessageIsLostOrDoubledInACrashStorm(t *testing.T) {
	for seed := range uint64(6) {
		testPool(t, func(o *poolRig, k *Kind[string, testState, testMessage]) {
			k.MaxRestarts, k.Mailbox = 1<<20, 1<<20
			k.Idle, k.Hang = 50*time.Millisecond, 200*time.Millisecond
		}, func(t *testing.T, o *poolRig) { runStorm(t, o, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func runStorm(t *testing.T, o *poolRig, r *rand.Rand) {
	const keys, messages = 7, 1200
	done := map[string][]int{} // the bubble runs each key's messages one at a time, mu guards the map
	o.run()
	for n := range messages {
		k := fmt.Sprint(r.IntN(keys))
		fate, nap := r.IntN(20), time.Duration(r.IntN(2000))*time.Microsecond
		tries := 0
		o.cast(k, fmt.Sprint(n), func(context.Context, *testState) error {
			time.Sleep(nap)
			if tries++; fate == 0 || fate == 1 && tries == 1 {
				panic("storm")
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			done[k] = append(done[k], n)
			return nil
		})
		if r.IntN(4) == 0 {
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		}
		if r.IntN(50) == 0 {
			o.pool.Stop(k)
		}
	}
	time.Sleep(time.Minute)
	o.stop()
	total := len(o.deadLetters())
	for k, ns := range done {
		if !slices.IsSorted(ns) {
			t.Errorf("entity %s: out of order", k)
		}
		total += len(slices.Compact(ns))
	}
	if total != messages {
		t.Errorf("%d of %d messages are accounted for", total, messages)
	}
}
