package peer

import (
	"context"
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/timetest"
)

// startNode runs a node and ends it with the test.
func startNode(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.UDP == "" {
		cfg.UDP = "127.0.0.1:0"
	}
	n, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return runNode(t, n)
}

func runNode(t testing.TB, n *Node) *Node {
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
	waitUntil(t, "the node", func() bool { _, err := n.Load(ctx); return err == nil })
	return n
}

// newClient is a pion connection as a browser makes it.
func newClient(t testing.TB) *webrtc.PeerConnection {
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
	se.LoggerFactory = silentLogger{}
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// connectClient offers, has the node answer, and waits until media can flow.
func connectClient(t testing.TB, pc *webrtc.PeerConnection, ask func(sdp string) (media.Answer, error)) {
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
	case <-time.After(timetest.Patience):
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

func publishCamera(t testing.TB, n media.Node, room, user string, first bool) *camera {
	t.Helper()
	return publishCameraOn(t, n, newClient(t), room, user, first)
}

func publishCameraOn(t testing.TB, n media.Node, pc *webrtc.PeerConnection, room, user string, first bool) *camera {
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
	connectClient(t, pc, func(sdp string) (media.Answer, error) {
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
