package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/livelearn/box/services/session"
)

// BenchmarkGrowth shows how the costs of a socket grow with the number of sockets, in rooms of 30 that
// all chat. A join has the upgrade of its connection with it, and no sign-in.
func BenchmarkGrowth(b *testing.B) {
	for _, sockets := range []int{90, 990, 4980} {
		b.Run(fmt.Sprintf("sockets=%d", sockets), func(b *testing.B) {
			for range b.N {
				growSockets(b, sockets)
			}
		})
	}
}

func growSockets(b *testing.B, sockets int) {
	r := newRig(b, b.TempDir(), session.Config{})
	defer r.stop()
	addr, stop := r.listen(b, sockets)
	defer stop()
	per := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
	before := residentBytes()
	user, sys := cpuTime()
	g := startGenerator(b, addr, sockets, 1, "phoenix")
	user0, sys0 := cpuTime()
	b.ReportMetric(per(user0+sys0-user-sys, sockets), "us/join")
	b.ReportMetric(float64(residentBytes()-before)/float64(sockets), "B/socket")
	user0, sys0 = cpuTime()
	f := g.load(b)
	user, sys = cpuTime()
	b.ReportMetric(per(user+sys-user0-sys0, f.Delivered), "us/delivery")
	b.ReportMetric(0, "ns/op")
}
