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

// pionAPIs make the connections of publishers and watchers. Pion copies the engines for each
// connection.
type pionAPIs struct {
	publisherEngine, watcherEngine                             *webrtc.MediaEngine
	publisherInterceptors, fastInterceptors, plainInterceptors *interceptor.Registry
}

const levelURI = sdp.AudioLevelURI

// codec is a codec that browsers publish, with its payload type in our answers if the offer has
// none of its own.
type codec struct {
	mime string
	fmtp string
	pt   webrtc.PayloadType
}

// In order of preference of the answer: every browser sends VP8 with simulcast.
var videoCodecs = []codec{
	{webrtc.MimeTypeVP8, "", 96},
	{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 106},
	{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", 102},
	{webrtc.MimeTypeVP9, "profile-id=0", 98},
	{webrtc.MimeTypeAV1, "", 45},
}

// newMediaEngine registers the codecs. feedback is the RTCP feedback that video requests from
// the other side.
func newMediaEngine(feedback []webrtc.RTCPFeedback) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	opus := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;usedtx=1",
	}
	err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, err
	}
	for _, c := range videoCodecs {
		for _, p := range []webrtc.RTPCodecParameters{
			{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: c.mime, ClockRate: 90000, SDPFmtpLine: c.fmtp, RTCPFeedback: feedback}, PayloadType: c.pt},
			{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: rtxFormat(c.pt)}, PayloadType: c.pt + 1},
		} {
			if err := m.RegisterCodec(p, webrtc.RTPCodecTypeVideo); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func newAPIs() (a pionAPIs, err error) {
	repair := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	if a.publisherEngine, err = newMediaEngine(append(repair, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC})); err != nil {
		return a, err
	}
	if a.watcherEngine, err = newMediaEngine(append(repair, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBGoogREMB})); err != nil {
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
		if err := a.publisherEngine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: e.uri}, e.kind); err != nil {
			return a, err
		}
	}
	return a, a.buildInterceptors()
}

// buildInterceptors builds the interceptors of each kind of connection. A publisher gets NACKs
// for lost packets and reports on its link (TWCC). A watcher on the fast path has no
// interceptor, because pion must not write RTP there. The plain path has the same interceptors
// as any program made with pion.
func (a *pionAPIs) buildInterceptors() error {
	a.publisherInterceptors, a.fastInterceptors, a.plainInterceptors = &interceptor.Registry{}, &interceptor.Registry{}, &interceptor.Registry{}
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
		a.publisherInterceptors.Add(f)
	}
	answer, err := nack.NewResponderInterceptor()
	if err != nil {
		return err
	}
	sr, err := report.NewSenderInterceptor()
	if err != nil {
		return err
	}
	a.plainInterceptors.Add(answer)
	a.plainInterceptors.Add(sr)
	return nil
}

// baseSettings are the settings of all connections: ICE-lite on the one port, no name lookups.
func (n *Node) baseSettings() webrtc.SettingEngine {
	var se webrtc.SettingEngine
	se.LoggerFactory = silentLogger{}
	se.SetLite(true)
	se.SetICEUDPMux(n.mux)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // it would need a socket and 64 kB for each person
	se.SetIncludeLoopbackCandidate(true)                    // a browser on the box itself
	se.SetICETimeouts(iceDisconnectedTimeout, iceFailedTimeout, iceKeepalive)
	se.SetReceiveMTU(maxPacket)
	se.SetDTLSInsecureSkipHelloVerify(true) // ICE has verified the address, saves a round trip
	if n.cfg.Net != nil {
		se.SetNet(n.cfg.Net)
	}
	return se
}

func (n *Node) newConnection(se webrtc.SettingEngine, m *webrtc.MediaEngine, r *interceptor.Registry) (*webrtc.PeerConnection, error) {
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r))
	return api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{n.cert}})
}

// parseOffer checks everything that can be checked before pion sees the offer, and makes the
// session description.
func parseOffer(op, session, sdpText string) (webrtc.SessionDescription, *sdp.SessionDescription, error) {
	d := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdpText}
	switch {
	case session == "" || len(session) > maxSession:
		return d, nil, errs.NewField(op, "session", "too_long", maxSession, "must have 1 to %d characters", maxSession)
	case len(sdpText) > maxSDP:
		return d, nil, errs.NewField(op, "sdp", "too_long", maxSDP, "%d bytes, at most %d", len(sdpText), maxSDP)
	}
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(sdpText); err != nil {
		return d, nil, errs.NewField(op, "sdp", "bad_sdp", 0, "%s", truncateError(err))
	}
	if n := len(parsed.MediaDescriptions); n == 0 || n > maxMedia {
		return d, nil, errs.NewField(op, "sdp", "bad_media", maxMedia, "%d m-lines, must be 1 to %d", n, maxMedia)
	}
	return d, &parsed, nil
}

// createAnswer returns the answer to an offer, with all candidates in it.
func createAnswer(ctx context.Context, op string, pc *webrtc.PeerConnection, o webrtc.SessionDescription, prepare func() error) (media.Answer, error) {
	if err := pc.SetRemoteDescription(o); err != nil {
		return media.Answer{}, errs.NewField(op, "sdp", "bad_offer", 0, "%s", truncateError(err))
	}
	if err := prepare(); err != nil {
		return media.Answer{}, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return media.Answer{}, errs.NewField(op, "sdp", "bad_offer", 0, "%s", truncateError(err))
	}
	if err := pc.SetLocalDescription(a); err != nil {
		return media.Answer{}, errs.NewField(op, "sdp", "bad_offer", 0, "%s", truncateError(err))
	}
	select {
	case <-gathered:
		return media.Answer{SDP: pc.LocalDescription().SDP}, nil
	case <-ctx.Done():
		return media.Answer{}, errs.New(op, errs.Down, context.Cause(ctx))
	}
}

// truncateError shortens a library's error about an offer, which may quote pages of it.
func truncateError(err error) string {
	text := err.Error()
	if len(text) > maxReason {
		text = text[:maxReason]
	}
	return strings.ToValidUTF8(text, "")
}

// newCertificate makes a new certificate at each start. Browsers learn its fingerprint from the
// answer.
func newCertificate() (webrtc.Certificate, error) {
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

func rtxFormat(pt webrtc.PayloadType) string { return "apt=" + strconv.Itoa(int(pt)) }

const (
	maxSession = 128      // characters
	maxSDP     = 64 << 10 // bytes
	maxMedia   = 24       // m-lines
	maxPacket  = 1500     // bytes
	maxReason  = 200      // bytes of a refusal

	iceDisconnectedTimeout = 5 * time.Second
	iceFailedTimeout       = 10 * time.Second
	iceKeepalive           = 2 * time.Second
)
