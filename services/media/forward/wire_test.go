//go:build linux

package forward

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// newRigOn makes a Forwarder that sends on a socket of that address.
func newRigOn(t *testing.T, addr string) *rig {
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
			r := newRigOn(t, c.from)
			m := r.publisher(VP8, nil)
			e := r.subscriberOn(AEADAES128GCM, c.to)
			e.sub.NewSlot(vp8Slot(1)).Select(m.layer, false)
			r.settle()
			m.send(m.vp8(true, 1100, 1100, 300)...)
			for range 3 {
				e.receive()
			}
		})
	}
}

// A device that cannot cut segments refuses only the send itself. No packet may be lost, and
// segments are not tried again.
func TestADeviceThatRefusesSegmentsGetsPacketsOneByOne(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	if !r.forwarder.Mode().GSO {
		t.Log("this kernel cuts no segments")
		return
	}
	m := r.publisher(VP8, nil)
	e := r.subscriber(AEADAES128GCM)
	e.sub.NewSlot(vp8Slot(1)).Select(m.layer, false)
	asked := 0
	r.forwarder.shards[0].submit(func() {
		w := &r.forwarder.shards[0].batch.wire
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
		m.send(m.vp8(true, 1100, 1100, 1090, 300)...)
		for range 4 {
			e.receive()
		}
	}
	r.settle()
	if asked != 1 || r.forwarder.Mode().GSO || r.forwarder.Totals().Dropped != 0 {
		t.Errorf("asked %d times, %+v, %+v", asked, r.forwarder.Mode(), r.forwarder.Totals())
	}
}

// A busy shard loses bursts, counts them, and delays no other.
func TestABusyShardIsNotWaitedFor(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	m := r.publisher(VP8, nil)
	e := r.subscriber(AEADAES128GCM)
	e.sub.NewSlot(vp8Slot(1)).Select(m.layer, false)
	r.settle()
	held := make(chan struct{})
	r.forwarder.shards[0].submit(func() { <-held })
	for range mailboxSize + 100 {
		m.send(m.vp8(true, 10)...)
	}
	close(held)
	r.settle()
	if d := r.forwarder.Totals().Dropped; d < 90 || d > 110 {
		t.Errorf("%d bursts are counted as lost", d)
	}
	m.send(m.vp8(true, 10)...) // and continues
	e.receive()
}

func TestAnUnfinishedFrameLeavesAfterAWhile(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	m := r.publisher(VP8, nil)
	e := r.subscriber(AEADAES128GCM)
	e.sub.NewSlot(vp8Slot(1)).Select(m.layer, false)
	r.settle()
	list := m.vp8(true, 100, 200, 300)
	m.send(list[0], list[1])
	e.receive()
	e.receive()
}
