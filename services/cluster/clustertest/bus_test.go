package clustertest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func makeBoxes(t *testing.T, n int) clustertest.Boxes {
	t.Helper()
	net := clustertest.NewNet(1)
	net.SetWeather(clustertest.Weather{MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond})
	b := clustertest.Boxes{Stop: net.Wait}
	for i := range n {
		id := string(rune('a' + i))
		b.IDs, b.Buses = append(b.IDs, id), append(b.Buses, cluster.Bus(net.Box(id)))
	}
	b.SetCut = func(i, j int, cut bool) { net.SetCut(b.IDs[i], b.IDs[j], cut) }
	return b
}

func TestMemoryBusKeepsThePromisesOfABus(t *testing.T) {
	clustertest.TestBus(t, makeBoxes)
}

// A lossy net loses about its share, the same messages for the same seed, and others for another one.
func TestLossesFollowFromTheSeed(t *testing.T) {
	lose := func(seed uint64) (kept string) {
		synctest.Test(t, func(t *testing.T) {
			net := clustertest.NewNet(seed)
			net.SetWeather(clustertest.Weather{Loss: 0.3, MaxDelay: 10 * time.Millisecond})
			stop, err := net.Box("b").Subscribe("x", func(data []byte, _ func([]byte)) { kept += string(data) })
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			for i := range 1000 {
				if err := net.Box("a").Publish("x", []byte{byte(i), byte(i >> 8)}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			net.Wait()
			if lost := net.Lost(); lost < 200 || lost > 400 || len(kept) != 2*(1000-lost) {
				t.Errorf("%d of 1000 lost, %d bytes came", lost, len(kept))
			}
		})
		return kept
	}
	if first, again := lose(1), lose(1); first != again {
		t.Error("one seed lost different messages in two runs")
	}
	if lose(1) == lose(2) {
		t.Error("two seeds lost the same messages")
	}
}

// A message that is on its way when the test ends is handled before Wait returns, and an answer to it
// has arrived.
func TestWaitWaitsForMessagesOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNet(1)
		net.SetWeather(clustertest.Weather{MinDelay: time.Second, MaxDelay: time.Second})
		began, got := time.Now(), 0
		_, err := net.Box("b").Subscribe("x", func(_ []byte, reply func([]byte)) {
			if got++; reply != nil {
				reply(nil)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := net.Box("a").Publish("x", nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = net.Box("a").Ask(ctx, "x", nil) // the question is on its way
		net.Wait()
		if took := time.Since(began); got != 2 || took != 2*time.Second {
			t.Errorf("%d messages after %v, want 2 after 2 s", got, took)
		}
	})
}

// A one-way cut stops one direction only. Publish fails with errs.Down at a box without a connection.
func TestOneWayCutAndDeadEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNet(1)
		got := map[string]int{}
		for _, id := range []string{"a", "b"} {
			if _, err := net.Box(id).Subscribe("x", func([]byte, func([]byte)) { got[id]++ }); err != nil {
				t.Fatal(err)
			}
		}
		net.SetOneWayCut("a", "b", true)
		_ = net.Box("a").Publish("x", nil) // lost
		_ = net.Box("b").Publish("x", nil)
		synctest.Wait()
		if got["a"] != 1 || got["b"] != 0 {
			t.Errorf("messages: %v", got)
		}
		net.SetDown("a", true)
		if err := net.Box("a").Publish("x", nil); errs.KindOf(err) != errs.Down {
			t.Errorf("publish without a connection: %v, want errs.Down", err)
		}
	})
}
