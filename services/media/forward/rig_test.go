package forward

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/livelearn/box/services/timetest"
)

// rig is a Forwarder on loopback.
type rig struct {
	t         testing.TB
	forwarder *Forwarder
	conn      *net.UDPConn
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return rigOn(t, cfg, conn)
}

func rigOn(t testing.TB, cfg Config, conn *net.UDPConn) *rig {
	t.Helper()
	_ = conn.SetWriteBuffer(4 << 20)
	w, err := New(cfg, conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	})
	return &rig{t, w, conn}
}

var sizes = map[Profile][2]int{AES128CMSHA180: {16, 14}, AEADAES128GCM: {16, 12}, AEADAES256GCM: {32, 12}}

// testSubscriber is a subscriber that decrypts with pion's SRTP, an implementation of others.
type testSubscriber struct {
	t    testing.TB
	conn *net.UDPConn
	sub  *Sub
	keys Keys
	ctx  *srtp.Context
}

func (r *rig) subscriber(p Profile) *testSubscriber { return r.subscriberOn(p, "127.0.0.1:0") }

func (r *rig) subscriberOn(p Profile, addr string) *testSubscriber {
	r.t.Helper()
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		r.t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", a)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	r.t.Cleanup(func() { _ = conn.Close() })
	keys := Keys{Profile: p, Key: bytes.Repeat([]byte{7}, sizes[p][0]), Salt: bytes.Repeat([]byte{9}, sizes[p][1])}
	binary.BigEndian.PutUint16(keys.Key, uint16(conn.LocalAddr().(*net.UDPAddr).Port))
	sub, err := r.forwarder.Subscribe(SubConfig{Keys: keys, Addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, err := srtp.CreateContext(keys.Key, keys.Salt, srtp.ProtectionProfile(p))
	if err != nil {
		r.t.Fatal(err)
	}
	return &testSubscriber{r.t, conn, sub, keys, ctx}
}

// receive is the next packet, decrypted.
func (e *testSubscriber) receive() *rtp.Packet {
	e.t.Helper()
	p := e.quiet(timetest.Patience)
	if p == nil {
		e.t.Fatal("heard nothing")
	}
	return p
}

// quiet is the next packet, or nil when no packet comes in time.
func (e *testSubscriber) quiet(d time.Duration) *rtp.Packet {
	e.t.Helper()
	buf := make([]byte, 2000)
	_ = e.conn.SetReadDeadline(time.Now().Add(d))
	n, err := e.conn.Read(buf)
	if err != nil {
		return nil
	}
	var h rtp.Header
	plain, err := e.ctx.DecryptRTP(nil, buf[:n], &h)
	if err != nil {
		e.t.Fatalf("seq %d: %v", binary.BigEndian.Uint16(buf[2:]), err)
	}
	p := &rtp.Packet{}
	if err := p.Unmarshal(plain); err != nil {
		e.t.Fatal(err)
	}
	return p
}

// testPublisher writes a layer as a publisher does.
type testPublisher struct {
	t     testing.TB
	layer *Layer
	seq   uint16
	ts    uint32
	pid   uint16
	tl0   uint8
	ssrc  uint32
	now   int64
}

func (r *rig) publisher(c Codec, want func()) *testPublisher {
	l := r.forwarder.NewLayer(LayerConfig{Codec: c, ClockRate: 90000, KeyWanted: want})
	return &testPublisher{t: r.t, layer: l, seq: 65000, ts: 0xfffff000, pid: 0x7ff0, ssrc: 42, now: 1e9}
}

// vp8 makes the packets of a frame. The first byte of each body is its number.
func (m *testPublisher) vp8(key bool, sizes ...int) [][]byte {
	var list [][]byte
	for i, size := range sizes {
		body := make([]byte, 6, 6+size)
		body[0], body[1] = 0x80, 0xc0
		if i == 0 {
			body[0] |= 0x10
		}
		binary.BigEndian.PutUint16(body[2:], m.pid|0x8000)
		body[4] = m.tl0
		if !key {
			body[5] = 1
		}
		for j := range size {
			body = append(body, byte(i+j))
		}
		p := rtp.Packet{Header: rtp.Header{
			Version: 2, PayloadType: 96, SequenceNumber: m.seq, Timestamp: m.ts, SSRC: m.ssrc, Marker: i == len(sizes)-1,
		}, Payload: body}
		_ = p.SetExtension(3, []byte{1, 2})
		raw, err := p.Marshal()
		if err != nil {
			m.t.Fatal(err)
		}
		list = append(list, raw)
		m.seq++
	}
	m.ts += 3000
	m.pid = (m.pid + 1) & 0x7fff
	m.tl0++
	m.now += 33e6
	return list
}

func (m *testPublisher) send(list ...[]byte) {
	m.t.Helper()
	for _, p := range list {
		if err := m.layer.Write(p, m.now); err != nil {
			m.t.Fatal(err)
		}
	}
}

func vp8Slot(ssrc uint32) SlotConfig {
	cfg := SlotConfig{SSRC: ssrc, RTX: ssrc + 1}
	cfg.PT[VP8], cfg.RTXPT[VP8], cfg.PT[Opus] = 100, 101, 111
	return cfg
}

// settle waits until the shards have handled all requests.
func (r *rig) settle() {
	var wg sync.WaitGroup
	for _, s := range r.forwarder.shards {
		wg.Add(1)
		s.submit(wg.Done)
	}
	wg.Wait()
}
