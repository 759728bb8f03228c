package forward

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

func TestEachSubscriberGetsEachFrameInItsOwnStream(t *testing.T) {
	for name, cfg := range map[string]Config{"segments": {}, "one by one": {NoGSO: true}, "one shard": {Shards: 1}} {
		for _, profile := range []Profile{AEADAES128GCM, AEADAES256GCM, AES128CMSHA180} {
			t.Run(name, func(t *testing.T) { testDelivery(t, cfg, profile) })
		}
	}
}

func testDelivery(t *testing.T, cfg Config, profile Profile) {
	r := newRig(t, cfg)
	m := r.publisher(VP8, nil)
	var ears []*testSubscriber
	for i := range 5 {
		e := r.subscriber(profile)
		e.sub.NewSlot(vp8Slot(uint32(1000+i))).Select(m.layer, false)
		ears = append(ears, e)
	}
	r.settle()
	var last []uint32
	for f := range 40 {
		list := m.vp8(f%10 == 0, 1100, 1100, 1099, 1090, 300)
		m.send(list...)
		for n, e := range ears {
			for i := range list {
				p := e.receive()
				want := list[i][20:] // fixed header, one word of extensions
				if !bytes.Equal(p.Payload[6:], want[6:]) || p.SSRC != uint32(1000+n) || p.PayloadType != 100 || p.Marker != (i == 4) || p.Extension {
					t.Fatalf("frame %d packet %d: got %v with %d bytes, want %d", f, i, p.Header, len(p.Payload), len(want))
				}
				if n == 0 {
					last = append(last, uint32(p.SequenceNumber), p.Timestamp)
				}
			}
		}
	}
	for i := 2; i < len(last); i += 2 {
		if uint16(last[i])-uint16(last[i-2]) != 1 {
			t.Fatalf("numbers jump from %d to %d", last[i-2], last[i])
		}
	}
}

// Rollover: RFC 3711 3.3.1. The receiver counts for itself.
func TestNumbersRollOverForSenderAndReceiver(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	m := r.publisher(Opus, nil)
	for _, profile := range []Profile{AEADAES128GCM, AES128CMSHA180} {
		e := r.subscriber(profile)
		e.sub.NewSlot(vp8Slot(5)).Select(m.layer, false)
		r.settle()
		for i := range 140_000 {
			m.send(m.vp8(false, 3)...)
			if p := e.receive(); len(p.Payload) != 9 {
				t.Fatalf("packet %d has %d bytes", i, len(p.Payload))
			}
		}
	}
}

func TestALateWatcherBeginsWithTheKeptKeyFrame(t *testing.T) {
	var wanted atomic.Int32
	r := newRig(t, Config{Shards: 1})
	m := r.publisher(VP8, func() { wanted.Add(1) })
	m.send(m.vp8(true, 1000, 1000)...)
	for range 10 {
		m.send(m.vp8(false, 500)...)
	}
	e := r.subscriber(AEADAES128GCM)
	e.sub.NewSlot(vp8Slot(1)).Select(m.layer, false)
	first := e.receive()
	for range 11 {
		e.receive()
	}
	if first.Payload[5] != 0 {
		t.Error("the first packet begins no key frame")
	}
	m.send(m.vp8(false, 400)...)
	p := e.receive()
	if span := p.Timestamp - first.Timestamp; span < 3000 || span > 3000+3000 {
		t.Errorf("kept frames span %d ticks: a late watcher must see the present at once", span)
	}
	if wanted.Load() != 0 {
		t.Errorf("the publisher was asked %d times for a key frame in the ring", wanted.Load())
	}
}

func TestSwitchingLayersIsCleanAndWaitsForAKeyFrame(t *testing.T) {
	var wanted atomic.Int32
	r := newRig(t, Config{Shards: 1})
	low, high := r.publisher(VP8, nil), r.publisher(VP8, func() { wanted.Add(1) })
	high.pid, high.tl0, high.ts = 5, 200, 77
	e := r.subscriber(AEADAES128GCM)
	s := e.sub.NewSlot(vp8Slot(1))
	s.Select(low.layer, false)
	r.settle()
	low.send(low.vp8(true, 100)...)
	a := e.receive()
	s.Select(high.layer, true)
	r.settle()
	high.now = low.now
	high.send(high.vp8(false, 900)...)
	low.send(low.vp8(false, 101)...)
	b := e.receive()
	if wanted.Load() == 0 || len(b.Payload) != 107 {
		t.Fatalf("asked %d times, got %d bytes", wanted.Load(), len(b.Payload))
	}
	high.send(high.vp8(true, 902)...)
	c := e.receive()
	low.send(low.vp8(false, 103)...)
	if p := e.quiet(50 * time.Millisecond); p != nil {
		t.Fatal("the old layer continues")
	}
	if b.SequenceNumber-a.SequenceNumber != 1 || c.SequenceNumber-b.SequenceNumber != 1 {
		t.Errorf("numbers %d %d %d", a.SequenceNumber, b.SequenceNumber, c.SequenceNumber)
	}
	if d := int32(c.Timestamp - b.Timestamp); d <= 0 || d > 9000 {
		t.Errorf("time goes by %d", d)
	}
	pid := func(p []byte) int { return int(p[2]&0x7f)<<8 | int(p[3]) }
	if (pid(b.Payload)+1)&0x7fff != pid(c.Payload) || b.Payload[4]+1 != c.Payload[4] {
		t.Errorf("picture ids %d %d, TL0 %d %d", pid(b.Payload), pid(c.Payload), b.Payload[4], c.Payload[4])
	}
}

func TestWhatIsMissedIsSentAgainAtMostThreeTimes(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	m := r.publisher(VP8, nil)
	e := r.subscriber(AEADAES128GCM)
	s := e.sub.NewSlot(vp8Slot(8))
	s.Select(m.layer, false)
	r.settle()
	m.send(m.vp8(true, 1000, 999)...)
	p, _ := e.receive(), e.receive()
	for range 5 {
		s.Nack([]uint16{p.SequenceNumber})
	}
	for i := range 3 {
		x := e.receive()
		if x.SSRC != 9 || x.PayloadType != 101 || uint16(x.Payload[0])<<8|uint16(x.Payload[1]) != p.SequenceNumber ||
			!bytes.Equal(x.Payload[2:], p.Payload) || x.Timestamp != p.Timestamp {
			t.Fatalf("repeat %d is %v", i, x.Header)
		}
	}
	if x := e.quiet(50 * time.Millisecond); x != nil {
		t.Fatal("a fourth time")
	}
}

// No index of an SSRC is sealed twice, whatever is lost, late, doubled, switched or asked for.
func TestNoNonceIsUsedTwice(t *testing.T) {
	r := newRig(t, Config{Shards: 2})
	rnd := rand.New(rand.NewPCG(1, 2))
	a, b := r.publisher(VP8, nil), r.publisher(VP8, nil)
	e := r.subscriber(AEADAES128GCM)
	s := e.sub.NewSlot(vp8Slot(8))
	seen := map[[2]uint32]bool{}
	var held [][]byte
	for i := range 4000 {
		m := a
		if i%2 == 0 {
			m = b
		}
		for _, p := range m.vp8(rnd.IntN(20) == 0, 200+rnd.IntN(30), 220) {
			switch rnd.IntN(12) {
			case 0: // lost
			case 1:
				if m == a {
					held = append(held, p)
				}
			case 2:
				_ = m.layer.Write(p, m.now)
				_ = m.layer.Write(p, m.now)
			default:
				_ = m.layer.Write(p, m.now)
			}
		}
		if len(held) > 3 {
			for _, p := range held {
				_ = a.layer.Write(p, a.now)
			}
			held = nil
		}
		if i%17 == 0 {
			s.Select([]*Layer{a.layer, b.layer}[rnd.IntN(2)], rnd.IntN(2) == 0)
		}
		for p := e.quiet(time.Millisecond); p != nil; p = e.quiet(time.Millisecond / 4) {
			id := [2]uint32{p.SSRC, uint32(p.SequenceNumber)}
			if p.SSRC == 8 && seen[id] { // fewer than 65,536 in all
				t.Fatalf("number %d comes twice", p.SequenceNumber)
			}
			seen[id] = true
			if rnd.IntN(5) == 0 {
				s.Nack([]uint16{p.SequenceNumber, p.SequenceNumber - 3})
			}
		}
	}
	if len(seen) < 1000 {
		t.Fatalf("heard only %d", len(seen))
	}
}

func TestASubscriberMovesAndLeaves(t *testing.T) {
	r := newRig(t, Config{})
	m := r.publisher(VP8, nil)
	e, other := r.subscriber(AEADAES128GCM), r.subscriber(AEADAES128GCM)
	e.sub.NewSlot(vp8Slot(8)).Select(m.layer, false)
	r.settle()
	m.send(m.vp8(true, 10)...)
	e.receive()
	e.sub.SetAddr(other.conn.LocalAddr().(*net.UDPAddr).AddrPort())
	r.settle()
	m.send(m.vp8(false, 10)...)
	other.ctx = e.ctx
	other.receive()
	e.sub.Close()
	if n := m.layer.Stats().Slots; n != 0 {
		t.Errorf("%d slots are left", n)
	}
	m.send(m.vp8(false, 10)...)
	if p := other.quiet(50 * time.Millisecond); p != nil {
		t.Error("sent to one that has left")
	}
}

func TestATapReadsInOrderAndLeavesOutWhatIsLost(t *testing.T) {
	r := newRig(t, Config{})
	m := r.publisher(VP8, nil)
	tap := m.layer.OpenTap()
	defer tap.Close()
	var list [][]byte
	for range 60 {
		list = append(list, m.vp8(false, 20, 30, 40)...)
	}
	list[4], list[5] = list[5], list[4]
	m.send(append(append([][]byte{}, list[:9]...), list[10:]...)...)
	buf := make([]byte, 1500)
	for i := range 100 {
		n, err := tap.Next(t.Context(), buf)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		_ = i
	}
}
