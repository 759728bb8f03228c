package capacity

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/timetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMeasurementIsSane(t *testing.T) {
	r, err := Measure(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v: %d watchers a core, %s", r, r.Capacity(1, CPUShare), r.Profile())
	for name, d := range map[string]time.Duration{"GCM": r.GCM, "CM": r.CM, "burst": r.Burst, "single": r.Single} {
		if d < 10*time.Nanosecond {
			t.Errorf("%s: %v a packet", name, d)
		}
		timetest.CheckBudget(t, name+": a packet", d, 10*time.Millisecond)
	}
	if r.Segmented {
		timetest.CheckBudget(t, "a packet in a burst", r.Burst, r.Single)
	}
	timetest.CheckBudget(t, "the measurement", r.Took, 20*DefaultLength)
	if r.Iterations == 0 || r.Capacity(1, CPUShare) < 1 {
		t.Errorf("nothing was measured: %+v", r)
	}
}

func TestMeasurementEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Measure(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want deadline exceeded", err)
	}
}

func TestCapacityFollowsFromTheCost(t *testing.T) {
	const us = time.Microsecond
	pi5 := Result{GCM: us, CM: 2 * us, Burst: 2 * us, Single: 5 * us}
	pi4 := Result{GCM: 20 * us, CM: 7 * us, Burst: 4 * us, Single: 9 * us}
	// 2 x (184 x (1 + 2) + 50 x (1 + 5)) us = 1704 us, 2 x (184 x 11 + 50 x 16) = 5648 us
	for _, c := range []struct {
		r       Result
		cores   int
		share   float64
		want    int
		profile string
	}{
		{pi5, 4, CPUShare, 1173, "AEAD_AES_128_GCM"},
		{pi5, 2, CPUShare, 586, "AEAD_AES_128_GCM"},
		{pi5, 4, 1, 2347, "AEAD_AES_128_GCM"},
		{pi5, 4, 7, 2347, "AEAD_AES_128_GCM"},
		{pi4, 4, CPUShare, 354, "AES128_CM_HMAC_SHA1_80"},
		{pi4, 4, 0, 1, "AES128_CM_HMAC_SHA1_80"},
		{pi4, 0, CPUShare, 0, "AES128_CM_HMAC_SHA1_80"},
		{Result{}, 4, CPUShare, 0, "AEAD_AES_128_GCM"},
	} {
		if got := c.r.Capacity(c.cores, c.share); got != c.want || c.r.Profile() != c.profile {
			t.Errorf("%+v on %d cores, share %v: got %d, %s, want %d, %s", c.r, c.cores, c.share, got, c.r.Profile(), c.want, c.profile)
		}
	}
}

// Data sent as one burst arrives as six packets.
func TestBurstIsCutIntoPackets(t *testing.T) {
	w := newTestSender(t)
	if !w.segmented {
		t.Skip("no UDP_SEGMENT: Linux before 4.18")
	}
	buf := make([]byte, 2*packetSize)
	count := 0
	for {
		n, _, err := unix.Recvfrom(w.to, buf, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil || n != packetSize {
			t.Fatalf("%d bytes, %v, want %d", n, err, packetSize)
		}
		count++
	}
	if count != burstPackets { // of the probe
		t.Errorf("%d packets, want %d", count, burstPackets)
	}
}

func newTestSender(tb testing.TB) *packetSender {
	tb.Helper()
	w, err := newPacketSender()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.closeSockets(); err != nil {
			tb.Error(err)
		}
	})
	return w
}

func TestSealingAndSendingDoNotAllocate(t *testing.T) {
	w := newTestSender(t)
	for name, turn := range map[string]func() error{"GCM": w.sealGCM, "single": w.sendOne, "burst": w.sendBurst} {
		if n := testing.AllocsPerRun(100, func() { _ = turn() }); n > 0 {
			t.Errorf("%s: %v allocations, which the measurement would count", name, n)
		}
	}
}

func BenchmarkPacket(b *testing.B) {
	for _, c := range []struct {
		name    string
		packets int
		turn    func(*packetSender) error
	}{
		{"GCM", 1, (*packetSender).sealGCM},
		{"CM", 1, (*packetSender).sealCM},
		{"single", 1, (*packetSender).sendOne},
		{"burst", burstPackets, (*packetSender).sendBurst},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := newTestSender(b)
			for b.Loop() {
				if err := c.turn(w); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.packets), "ns/packet")
		})
	}
}
