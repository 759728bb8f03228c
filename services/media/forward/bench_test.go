package forward

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// fullSubscriber is a subscriber with a socket that drops every packet: its queue is small and full.
func (r *rig) fullSubscriber() *Sub {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		r.t.Fatal(err)
	}
	_ = conn.SetReadBuffer(1)
	r.t.Cleanup(func() { _ = conn.Close() })
	keys := Keys{Profile: AEADAES128GCM, Key: make([]byte, 16), Salt: make([]byte, 12)}
	s, err := r.forwarder.Subscribe(SubConfig{Keys: keys, Addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// A frame of six packets to each of n subscribers, on one shard. The floor of the same mix is
// measured by scripts/bench media.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{10, 30, 100, 300} {
		for _, gso := range []bool{true, false} {
			b.Run(fmt.Sprintf("subs=%d/gso=%v", n, gso), func(b *testing.B) {
				r := newRig(b, Config{Shards: 1, NoGSO: !gso})
				m := r.publisher(VP8, nil)
				for range n {
					r.fullSubscriber().NewSlot(vp8Slot(1)).Select(m.layer, false)
				}
				r.settle()
				m.send(m.vp8(true, 1100)...)
				r.settle()
				frame := m.vp8(false, 1100, 1100, 1100, 1100, 1100, 1100)
				b.ReportAllocs()
				for b.Loop() {
					m.renumber(frame)
					m.send(frame...)
					r.settle()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*6), "ns/packet")
			})
		}
	}
}

// renumber makes the packets of a frame those of the next.
func (m *testPublisher) renumber(frame [][]byte) {
	for _, p := range frame {
		p[2], p[3] = byte(m.seq>>8), byte(m.seq)
		m.seq++
	}
	m.now += int64(33 * time.Millisecond)
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates; without -race this test counts")
		return
	}
	for _, profile := range []Profile{AEADAES128GCM, AES128CMSHA180} {
		r := newRig(t, Config{Shards: 1})
		m := r.publisher(VP8, nil)
		for range 30 {
			r.subscriber(profile).sub.NewSlot(vp8Slot(1)).Select(m.layer, false)
		}
		r.settle()
		m.send(m.vp8(true, 1100)...)
		frame := m.vp8(false, 1100, 1100, 1090, 1100, 1100, 400)
		done := make(chan struct{})
		order := func() { done <- struct{}{} }
		n := testing.AllocsPerRun(200, func() {
			m.renumber(frame)
			for _, p := range frame {
				_ = m.layer.Write(p, m.now)
			}
			r.forwarder.shards[0].submit(order)
			<-done
		})
		if n != 0 {
			t.Errorf("profile %#x: %v allocations for a frame to 30 subscribers", profile, n)
		}
	}
}
