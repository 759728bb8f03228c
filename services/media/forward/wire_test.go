//go:build linux

package forward

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// on makes works that send on a socket of that address.
func on(t *testing.T, addr string) *rig {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", a)
	if err != nil {
		t.Fatal(err)
	}
	return rigOn(t, Config{Shards: 1}, conn)
}

func TestBothFamiliesOfAddressesAreReached(t *testing.T) {
	for _, c := range []struct{ name, from, to string }{
		{"IPv6", "[::1]:0", "[::1]:0"},
		{"IPv4 from a socket of both", ":0", "127.0.0.1:0"},
		{"IPv6 from a socket of both", ":0", "[::1]:0"},
		{"IPv4", "127.0.0.1:0", "127.0.0.1:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := on(t, c.from)
			m := r.mouth(VP8, nil)
			e := r.earOn(AEADAES128GCM, c.to)
			e.sub.Slot(vp8Slot(1)).Select(m.layer, false)
			r.settle()
			m.say(m.vp8(true, 1100, 1100, 300)...)
			for range 3 {
				e.hear()
			}
		})
	}
}

// A device that cannot cut segments says so only when it is asked to: nothing is lost, and it
// is not asked again.
func TestADeviceThatRefusesSegmentsGetsPacketsOneByOne(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	if !r.works.Mode().GSO {
		t.Log("this kernel cuts no segments")
		return
	}
	m := r.mouth(VP8, nil)
	e := r.ear(AEADAES128GCM)
	e.sub.Slot(vp8Slot(1)).Select(m.layer, false)
	asked := 0
	r.works.shards[0].order(func() {
		w := &r.works.shards[0].out.wire
		real := w.call
		w.call = func(fd uintptr) bool {
			if w.msgs[w.at].Control != nil {
				asked++
				w.took, w.errno = 0, unix.EIO
				return true
			}
			return real(fd)
		}
	})
	r.settle()
	for range 3 {
		m.say(m.vp8(true, 1100, 1100, 1090, 300)...)
		for range 4 {
			e.hear()
		}
	}
	r.settle()
	if asked != 1 || r.works.Mode().GSO || r.works.Totals().Dropped != 0 {
		t.Errorf("asked %d times, %+v, %+v", asked, r.works.Mode(), r.works.Totals())
	}
}

// A shard that does nothing for a while loses bursts, counts them, and holds nobody up.
func TestABusyShardIsNotWaitedFor(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	m := r.mouth(VP8, nil)
	e := r.ear(AEADAES128GCM)
	e.sub.Slot(vp8Slot(1)).Select(m.layer, false)
	r.settle()
	held := make(chan struct{})
	r.works.shards[0].order(func() { <-held })
	for range mailboxLen + 100 {
		m.say(m.vp8(true, 10)...)
	}
	close(held)
	r.settle()
	if d := r.works.Totals().Dropped; d < 90 || d > 110 {
		t.Errorf("%d bursts are counted as lost", d)
	}
	m.say(m.vp8(true, 10)...) // and goes on
	e.hear()
}

func TestAnUnfinishedFrameLeavesAfterAWhile(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	m := r.mouth(VP8, nil)
	e := r.ear(AEADAES128GCM)
	e.sub.Slot(vp8Slot(1)).Select(m.layer, false)
	r.settle()
	list := m.vp8(true, 100, 200, 300)
	m.say(list[0], list[1])
	e.hear()
	e.hear()
}
