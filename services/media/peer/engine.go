package peer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// apis are what publishers' and watchers' connections are made of; pion copies the engines
// for each connection.
type apis struct {
	in, out           *webrtc.MediaEngine
	ingest, bare, own *interceptor.Registry
}

const levelURI = sdp.AudioLevelURI

// codec is one that browsers publish, with the number of its payload type in our answers
// where the offer has none of its own.
type codec struct {
	mime string
	fmtp string
	pt   webrtc.PayloadType
}

// In order of preference of the answer: VP8 is what every browser sends with simulcast.
var video = []codec{
	{webrtc.MimeTypeVP8, "", 96},
	{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 106},
	{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", 102},
	{webrtc.MimeTypeVP9, "profile-id=0", 98},
	{webrtc.MimeTypeAV1, "", 45},
}

// engine knows the codecs; feedback is what video asks of the other side.
func engine(feedback []webrtc.RTCPFeedback) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	opus := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;usedtx=1",
	}
	err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, err
	}
	for _, c := range video {
		for _, p := range []webrtc.RTPCodecParameters{
			{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: c.mime, ClockRate: 90000, SDPFmtpLine: c.fmtp, RTCPFeedback: feedback}, PayloadType: c.pt},
			{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: apt(c.pt)}, PayloadType: c.pt + 1},
		} {
			if err := m.RegisterCodec(p, webrtc.RTPCodecTypeVideo); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func newAPIs() (a apis, err error) {
	repair := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	if a.in, err = engine(append(repair, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC})); err != nil {
		return a, err
	}
	if a.out, err = engine(append(repair, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBGoogREMB})); err != nil {
		return a, err
	}
	for _, e := range []struct {
		uri  string
		kind webrtc.RTPCodecType
	}{
		{levelURI, webrtc.RTPCodecTypeAudio},
		{sdp.SDESMidURI, webrtc.RTPCodecTypeAudio},
		{sdp.SDESMidURI, webrtc.RTPCodecTypeVideo},
		{sdp.SDESRTPStreamIDURI, webrtc.RTPCodecTypeVideo},
		{sdp.SDESRepairRTPStreamIDURI, webrtc.RTPCodecTypeVideo},
		{sdp.TransportCCURI, webrtc.RTPCodecTypeVideo},
		{sdp.TransportCCURI, webrtc.RTPCodecTypeAudio},
	} {
		if err := a.in.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: e.uri}, e.kind); err != nil {
			return a, err
		}
	}
	return a, a.interceptors()
}

// interceptors: a publisher is asked again for what is lost and told how its link is (TWCC).
// A watcher on the fast path has none: nothing of pion's may write RTP there. The plain path
// has what any program made with pion has.
func (a *apis) interceptors() error {
	a.ingest, a.bare, a.own = &interceptor.Registry{}, &interceptor.Registry{}, &interceptor.Registry{}
	ask, err := nack.NewGeneratorInterceptor()
	if err != nil {
		return err
	}
	rr, err := report.NewReceiverInterceptor()
	if err != nil {
		return err
	}
	cc, err := twcc.NewSenderInterceptor()
	if err != nil {
		return err
	}
	for _, f := range []interceptor.Factory{ask, rr, cc} {
		a.ingest.Add(f)
	}
	answer, err := nack.NewResponderInterceptor()
	if err != nil {
		return err
	}
	sr, err := report.NewSenderInterceptor()
	if err != nil {
		return err
	}
	a.own.Add(answer)
	a.own.Add(sr)
	return nil
}

// settings are those of all connections: ICE-lite on the one port, no name lookups.
func (n *Node) settings() webrtc.SettingEngine {
	var se webrtc.SettingEngine
	se.LoggerFactory = quiet{}
	se.SetLite(true)
	se.SetICEUDPMux(n.mux)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // it would be a socket and 64 kB for each person
	se.SetIncludeLoopbackCandidate(true)                    // a browser on the box itself
	se.SetICETimeouts(iceGone, iceFailed, iceKeep)
	se.SetReceiveMTU(maxPacket)
	se.SetDTLSInsecureSkipHelloVerify(true) // ICE has verified the address; saves a round trip
	if n.cfg.Net != nil {
		se.SetNet(n.cfg.Net)
	}
	return se
}

func (n *Node) connection(se webrtc.SettingEngine, m *webrtc.MediaEngine, r *interceptor.Registry) (*webrtc.PeerConnection, error) {
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r))
	return api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{n.cert}})
}

// offer checks what can be checked before pion sees it, and makes the session description.
func offer(op, session, sdpText string) (webrtc.SessionDescription, *sdp.SessionDescription, error) {
	d := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdpText}
	switch {
	case session == "" || len(session) > maxSession:
		return d, nil, errs.Field(op, "session", "too_long", maxSession, "must have 1 to %d characters", maxSession)
	case len(sdpText) > maxSDP:
		return d, nil, errs.Field(op, "sdp", "too_long", maxSDP, "%d bytes, at most %d", len(sdpText), maxSDP)
	}
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(sdpText); err != nil {
		return d, nil, errs.Field(op, "sdp", "bad_sdp", 0, "%s", brief(err))
	}
	if n := len(parsed.MediaDescriptions); n == 0 || n > maxMedia {
		return d, nil, errs.Field(op, "sdp", "bad_media", maxMedia, "%d m-lines, must be 1 to %d", n, maxMedia)
	}
	return d, &parsed, nil
}

// negotiate gives the answer to an offer, with all candidates in it.
func negotiate(ctx context.Context, op string, pc *webrtc.PeerConnection, o webrtc.SessionDescription, prepare func() error) (media.Answer, error) {
	if err := pc.SetRemoteDescription(o); err != nil {
		return media.Answer{}, errs.Field(op, "sdp", "bad_offer", 0, "%s", brief(err))
	}
	if err := prepare(); err != nil {
		return media.Answer{}, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return media.Answer{}, errs.Field(op, "sdp", "bad_offer", 0, "%s", brief(err))
	}
	if err := pc.SetLocalDescription(a); err != nil {
		return media.Answer{}, errs.Field(op, "sdp", "bad_offer", 0, "%s", brief(err))
	}
	select {
	case <-gathered:
		return media.Answer{SDP: pc.LocalDescription().SDP}, nil
	case <-ctx.Done():
		return media.Answer{}, errs.New(op, errs.Down, context.Cause(ctx))
	}
}

// brief is what a library says of an offer, without the pages of it that it may quote.
func brief(err error) string {
	text := err.Error()
	if len(text) > maxReason {
		text = text[:maxReason]
	}
	return strings.ToValidUTF8(text, "")
}

// certificate is made anew at each start: browsers learn its fingerprint from the answer.
func certificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	c, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	return *c, nil
}

func apt(pt webrtc.PayloadType) string { return "apt=" + strconv.Itoa(int(pt)) }

const (
	maxSession = 128      // characters
	maxSDP     = 64 << 10 // bytes
	maxMedia   = 24       // m-lines
	maxPacket  = 1500     // bytes
	maxReason  = 200      // bytes of a refusal

	iceGone   = 5 * time.Second
	iceFailed = 10 * time.Second
	iceKeep   = 2 * time.Second
)
