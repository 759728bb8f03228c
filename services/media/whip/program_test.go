package whip

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// whipClient is an encoder or a player made with pion, as RFC 9725 describes one.
type whipClient struct {
	*realServer
	pc              *webrtc.PeerConnection
	token, at, tag  string
	answer          string
	packets, sounds atomic.Int64 // that came
	video, audio    *webrtc.TrackLocalStaticRTP
}

type silentTrack struct{}

func (silentTrack) NewLogger(string) logging.LeveledLogger { return &logging.DefaultLeveledLogger{} }

func (r *realServer) program(token string) *whipClient {
	r.t.Helper()
	var se webrtc.SettingEngine
	se.LoggerFactory = silentTrack{}
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = pc.GracefulClose() })
	return &whipClient{realServer: r, pc: pc, token: token}
}

// encoder publishes 60 frames of one packet a second, with sound, until the test ends.
func (r *realServer) encoder() *whipClient {
	r.t.Helper()
	p := r.program(inToken)
	p.video, p.audio = newTrack(r.t, webrtc.MimeTypeVP8), newTrack(r.t, webrtc.MimeTypeOpus)
	for _, tr := range []*webrtc.TrackLocalStaticRTP{p.audio, p.video} {
		if _, err := p.pc.AddTrack(tr); err != nil {
			r.t.Fatal(err)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); p.film(stop) }()
	r.t.Cleanup(func() { close(stop); <-done })
	return p
}

func newTrack(t *testing.T, mime string) *webrtc.TrackLocalStaticRTP {
	t.Helper()
	tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, mime[:5], "s")
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (p *whipClient) film(stop chan struct{}) {
	tick := time.NewTicker(time.Second / 60)
	defer tick.Stop()
	for n := uint16(0); ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		// RFC 7741 4.2: X, S. A picture id. Then a frame: its first bit 0 marks a key frame
		body := append([]byte{0x90, 0x80, byte(n>>8) | 0x80, byte(n), 0x10, 0, 0, 0x9d, 0x01, 0x2a}, make([]byte, 200)...)
		_ = p.video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 1500, Marker: true}, Payload: body})
		_ = p.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 960}, Payload: make([]byte, 60)})
	}
}

// player counts packets.
func (r *realServer) player() *whipClient {
	r.t.Helper()
	p := r.program(outToken)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			r.t.Fatal(err)
		}
	}
	p.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := t.ReadRTP(); err != nil {
				return
			}
			if t.Kind() == webrtc.RTPCodecTypeVideo {
				p.packets.Add(1)
			} else {
				p.sounds.Add(1)
			}
		}
	})
	return p
}

// begin posts the offer and takes the answer.
func (p *whipClient) begin() *whipClient {
	p.t.Helper()
	offer, err := p.pc.CreateOffer(nil)
	if err == nil {
		err = p.pc.SetLocalDescription(offer)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	use := "/whip/l_1"
	if p.token == outToken {
		use = "/whep/l_1"
	}
	res, body := p.send("POST", p.url+use, p.token, typeSDP, p.pc.LocalDescription().SDP)
	if res.StatusCode != http.StatusCreated {
		p.t.Fatalf("%d %s", res.StatusCode, body)
	}
	p.at, p.tag, p.answer = res.Header.Get("Location"), res.Header.Get("ETag"), body
	p.take(body)
	return p
}

func (p *whipClient) take(answer string) {
	p.t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.t.Fatalf("%v\n%s", err, answer)
	}
	p.until("the connection", func() bool { return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

// hundred waits for so many packets more of each kind.
func (p *whipClient) hundred() {
	p.t.Helper()
	v, a := p.packets.Load()+100, p.sounds.Load()+100
	p.until("a hundred packets of each", func() bool { return p.packets.Load() >= v && p.sounds.Load() >= a })
}

// restart begins another ICE session by PATCH.
func (p *whipClient) restart() {
	p.t.Helper()
	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err == nil {
		err = p.pc.SetLocalDescription(offer)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	var f strings.Builder
	for line := range strings.Lines(offer.SDP) {
		if f.Len() < 400 && (strings.HasPrefix(line, "a=ice-ufrag") || strings.HasPrefix(line, "a=ice-pwd")) {
			f.WriteString(line)
		}
	}
	p.until("the end of the ICE session", func() bool { return p.pc.ConnectionState() != webrtc.PeerConnectionStateConnected })
	res, body := p.send("PATCH", p.at, p.token, typeFragment, f.String(), "If-Match", "*")
	if res.StatusCode != 200 || res.Header.Get("ETag") == p.tag || !strings.HasPrefix(res.Header.Get("Content-Type"), typeFragment) {
		p.t.Fatalf("%d %v %s", res.StatusCode, res.Header, body)
	}
	p.tag = res.Header.Get("ETag")
	p.take(p.answered(body))
}

// answered is the last answer with the ICE session of a fragment (RFC 9725 4.3.3).
func (p *whipClient) answered(fragment string) string {
	p.t.Helper()
	f, err := readFragment(fragment)
	if err != nil {
		p.t.Fatal(err)
	}
	use := Ingest
	if p.token == outToken {
		use = Egress
	}
	d, err := readAnswer(p.answer, use)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := f.restartOffer(d).Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out)
}
