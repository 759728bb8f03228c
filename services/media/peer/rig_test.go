package peer

import (
	"context"
	"encoding/binary"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
)

// serve runs a node and ends it with the test.
func serve(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.UDP == "" {
		cfg.UDP = "127.0.0.1:0"
	}
	n, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return run(t, n)
}

func run(t testing.TB, n *Node) *Node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for {
		if _, err := n.Load(ctx); err == nil {
			return n
		}
		time.Sleep(time.Millisecond)
	}
}

// client is a pion connection as a browser makes it.
func client(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	return clientOn(t, nil)
}

// clientOn is a client on a virtual network, or the machine's.
func clientOn(t testing.TB, on transport.Net) *webrtc.PeerConnection {
	t.Helper()
	var se webrtc.SettingEngine
	if on != nil {
		se.SetNet(on)
		se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	}
	se.LoggerFactory = quiet{}
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// talk offers, has the node answer, and waits until media can flow.
func talk(t testing.TB, pc *webrtc.PeerConnection, ask func(sdp string) (media.Answer, error)) {
	t.Helper()
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(up) })
		}
	})
	o, err := pc.CreateOffer(nil)
	if err == nil {
		err = pc.SetLocalDescription(o)
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := ask(pc.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP}); err != nil {
		t.Fatalf("%v\n%s", err, a.SDP)
	}
	select {
	case <-up:
	case <-time.After(10 * time.Second):
		t.Fatal("does not connect")
	}
}

// camera sends VP8-shaped frames at 30 a second until the test ends, with sound between.
type camera struct {
	pc           *webrtc.PeerConnection
	video, audio *webrtc.TrackLocalStaticRTP
	plis         chan struct{}
	stop         chan struct{}
}

func publish(t testing.TB, n media.Node, room, user string, first bool) *camera {
	t.Helper()
	return filming(t, n, client(t), room, user, first)
}

func filming(t testing.TB, n media.Node, pc *webrtc.PeerConnection, room, user string, first bool) *camera {
	t.Helper()
	c := &camera{pc: pc, plis: make(chan struct{}, 1000), stop: make(chan struct{})}
	var err error
	c.video, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	c.audio, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(c.video)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(c.audio); err != nil {
		t.Fatal(err)
	}
	talk(t, pc, func(sdp string) (media.Answer, error) {
		return n.Publish(t.Context(), media.Publish{
			Room: room, User: user, Session: user + "-pub", SDP: sdp, First: first,
			Tracks: []media.Track{{MID: "0", Source: media.Camera}, {MID: "1", Source: media.Microphone}},
		})
	})
	go c.listen(sender)
	done := make(chan struct{})
	go func() { defer close(done); c.film() }()
	t.Cleanup(func() { close(c.stop); <-done })
	return c
}

func (c *camera) listen(s *webrtc.RTPSender) {
	for {
		ps, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range ps {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				c.plis <- struct{}{}
			}
		}
	}
}

// film sends 6 packets a frame, a key frame of 18 each 3 s or when asked.
func (c *camera) film() {
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	var seq, aseq, pid uint16
	for f := 0; ; f++ {
		key := f%90 == 0
		select {
		case <-c.stop:
			return
		case <-c.plis:
			key = true
		case <-tick.C:
		}
		packets := 6
		if key {
			packets = 18
		}
		for i := range packets {
			body := make([]byte, 1100)
			body[0], body[1] = 0x80, 0x80
			if i == 0 {
				body[0] |= 0x10
			}
			binary.BigEndian.PutUint16(body[2:], pid|0x8000)
			if !key {
				body[4] = 1
			}
			binary.BigEndian.PutUint64(body[8:], uint64(time.Now().UnixNano()))
			binary.BigEndian.PutUint32(body[16:], uint32(f))
			if i == packets-1 {
				body = body[:600]
			}
			_ = c.video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(f * 3000), Marker: i == packets-1}, Payload: body})
			seq++
		}
		pid = (pid + 1) & 0x7fff
		for range 1 + f%2 {
			_ = c.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: aseq, Timestamp: uint32(aseq) * 960}, Payload: make([]byte, 100)})
			aseq++
		}
	}
}

// viewer counts what it is sent.
type viewer struct {
	pc *webrtc.PeerConnection
	mu sync.Mutex
	by map[string]*count // by kind and slot
}

type count struct {
	packets, gaps int
	last, low     uint16
	got           map[uint16]bool
	size          int // of the last payload
	ssrc          uint32
	late          []time.Duration
}

func watch(t testing.TB, n media.Node, room, user string, audio, video int) *viewer {
	t.Helper()
	return watchOver(t, n, nil, room, user, audio, video)
}

// watchOver is watch by way of a link.
func watchOver(t testing.TB, n media.Node, over *link, room, user string, audio, video int) *viewer {
	t.Helper()
	return viewing(t, n, over, client(t), room, user, audio, video)
}

func viewing(t testing.TB, n media.Node, over *link, pc *webrtc.PeerConnection, room, user string, audio, video int) *viewer {
	t.Helper()
	v := &viewer{pc: pc, by: map[string]*count{}}
	for range audio {
		v.slot(t, webrtc.RTPCodecTypeAudio)
	}
	for range video {
		v.slot(t, webrtc.RTPCodecTypeVideo)
	}
	v.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		c := &count{}
		v.mu.Lock()
		v.by[tr.ID()] = c
		v.mu.Unlock()
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			v.mu.Lock()
			c.note(p)
			if len(p.Payload) >= 600 {
				c.late = append(c.late, time.Duration(time.Now().UnixNano()-int64(binary.BigEndian.Uint64(p.Payload[8:]))))
			}
			v.mu.Unlock()
		}
	})
	talk(t, v.pc, func(sdp string) (media.Answer, error) {
		a, err := n.Watch(t.Context(), media.Watch{Room: room, User: user, Session: user + "-watch", SDP: sdp, Mode: media.Full})
		if over != nil {
			a.SDP = over.through(a.SDP)
		}
		return a, err
	})
	return v
}

func (c *count) note(p *rtp.Packet) {
	if c.packets > 0 && p.SequenceNumber != c.last+1 {
		c.gaps++
	}
	if c.packets == 0 {
		c.got = map[uint16]bool{}
		c.low = p.SequenceNumber
	}
	c.got[p.SequenceNumber] = true
	c.last = p.SequenceNumber
	c.size = max(len(p.Payload), 0)
	c.ssrc = p.SSRC
	c.packets++
}

// missing is how many numbers between the first and the last never came.
func (c *count) missing() (n int) {
	for s := c.low; s != c.last; s++ {
		if !c.got[s] {
			n++
		}
	}
	return n
}

func (v *viewer) slot(t testing.TB, kind webrtc.RTPCodecType) {
	_, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		t.Fatal(err)
	}
}

func (v *viewer) seen(id string) count {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.by[id]; c != nil {
		x := *c
		x.got = maps.Clone(c.got)
		return x
	}
	return count{}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
