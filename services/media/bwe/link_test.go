package bwe_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/livelearn/box/services/media/bwe"
)

const voice = 32_000 // bits/s of sound that no choice changes

var camera = []int{150_000, 500_000, 1_500_000}

// simulatedLink is a path with a queue of its own. At its end one watcher of one camera reports
// each second.
type simulatedLink struct {
	queue  float64 // seconds of traffic that the queue holds
	random float64 // fraction lost at any rate
	remb   bool    // the receiver sends its estimate, as browsers do
	burst  *rand.Rand

	now      time.Duration
	waiting  float64 // bits
	guess    float64 // the receiver's
	e        *bwe.Estimator
	layer    int
	switches int
}

func newLink(l simulatedLink, start int) *simulatedLink {
	l.e, l.layer, l.guess = bwe.New(start), -1, 300_000
	l.choose()
	l.switches = 0
	return &l
}

func (l *simulatedLink) choose() {
	next := bwe.Choose(l.e.Rate()-voice, []bwe.Stream{{Rates: camera, Max: 2, Now: l.layer}})[0]
	if next != l.layer {
		l.layer = next
		l.switches++
	}
}

// second simulates a second in which the link carries capacity bits/s.
func (l *simulatedLink) second(capacity int) {
	sent := float64(voice + camera[l.layer])
	if l.burst != nil {
		sent *= 0.85 + 0.3*l.burst.Float64()
	}
	arrived := sent * (1 - l.random)
	before := l.waiting
	l.waiting = max(0, l.waiting+arrived-float64(capacity))
	dropped := max(0, l.waiting-l.queue*float64(capacity))
	l.waiting -= dropped
	through := arrived - dropped - (l.waiting - before)
	// Draft-ietf-rmcat-gcc-02 section 5, as browsers do it.
	if l.waiting > before || dropped > 0 {
		l.guess = 0.85 * through
	} else {
		l.guess = max(min(1.08*l.guess, 1.5*through+10_000), min(l.guess, 1.5*through+10_000))
	}
	l.now += time.Second
	r := bwe.Report{At: l.now, Loss: (sent - arrived + dropped) / sent, Sent: int(sent)}
	if l.remb {
		r.REMB = int(l.guess)
	}
	l.e.Report(r)
	l.choose()
}

// allLinks are links of all kinds, by name.
func allLinks(start int) map[string]*simulatedLink {
	all := map[string]*simulatedLink{}
	for _, queue := range []float64{0, 0.1, 0.5, 1} {
		for _, remb := range []bool{false, true} {
			for _, burst := range []*rand.Rand{nil, rand.New(rand.NewPCG(1, 1))} {
				all[fmt.Sprintf("queue %v remb %v bursts %v", queue, remb, burst != nil)] = newLink(simulatedLink{queue: queue, remb: remb, burst: burst}, start)
			}
		}
	}
	return all
}

func TestSlowLinkDoesNotSwing(t *testing.T) {
	for _, start := range []int{100_000, 300_000, 1_000_000, 5_000_000} {
		for name, l := range allLinks(start) {
			for range 60 {
				l.second(400_000)
			}
			if l.switches > 3 {
				t.Errorf("start %d, %s: %d switches in 60 s, want at most 3", start, name, l.switches)
			}
		}
	}
}

func TestGoodLinkReachesTheTop(t *testing.T) {
	for name, l := range allLinks(300_000) {
		for range 40 {
			l.second(5_000_000)
		}
		if l.layer != 2 || l.switches > 2 {
			t.Errorf("%s: layer %d after %d switches, want 2 after at most 2", name, l.layer, l.switches)
		}
	}
}

// A link that was slow for a while is tried again soon. A link that was slow for long is tried
// again within the longest hold.
func TestLinkThatRecoversShowsTheTopAgain(t *testing.T) {
	for _, c := range []struct{ slow, within int }{{3, 15}, {5, 15}, {8, 15}, {60, 75}} {
		for name, l := range allLinks(3_000_000) {
			for range 20 {
				l.second(5_000_000)
			}
			if l.layer != 2 {
				t.Fatalf("%s: layer %d at the start, want 2", name, l.layer)
			}
			for range c.slow {
				l.second(400_000)
			}
			if l.layer == 2 {
				t.Errorf("%s: still at the top after %d s at 400 kbit/s", name, c.slow)
			}
			took := 0
			for ; l.layer != 2 && took < 100; took++ {
				l.second(5_000_000)
			}
			if took > c.within {
				t.Errorf("%s: slow for %d s, at the top %d s after it recovered, want %d", name, c.slow, took, c.within)
			}
		}
	}
}

// Wi-Fi loses some packets, and retransmissions repair them: a picture need not suffer.
func TestLinkThatLosesSomeKeepsTheTop(t *testing.T) {
	l := newLink(simulatedLink{random: 0.05}, 3_000_000)
	for range 60 {
		l.second(5_000_000)
	}
	if l.layer != 2 || l.switches != 0 {
		t.Errorf("layer %d after %d switches, want 2 after none", l.layer, l.switches)
	}
}
