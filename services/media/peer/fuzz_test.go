package peer

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/bwe"
	"github.com/livelearn/box/services/media/forward"
	"github.com/livelearn/box/services/timetest"
)

// seedOffers are offers like those of browsers, as far as pion can make them: three layers with
// sound and a screen, the fixed slots of a watcher. It also has broken variants.
func seedOffers(t testing.TB) []string {
	t.Helper()
	pc := newVoiceClient(t)
	for i, rid := range []string{"q", "h", "f"} {
		tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s", webrtc.WithRTPStreamID(rid))
		checkError(t, err)
		if i == 0 {
			_, err = pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		} else {
			err = pc.GetTransceivers()[0].Sender().AddEncoding(tr)
		}
		checkError(t, err)
	}
	for _, mime := range []string{webrtc.MimeTypeOpus, webrtc.MimeTypeH264} {
		tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, mime, "s")
		checkError(t, err)
		_, err = pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		checkError(t, err)
	}
	sends, err := pc.CreateOffer(nil)
	checkError(t, err)
	v := &viewer{pc: newClient(t)}
	for range 4 {
		v.slot(t, webrtc.RTPCodecTypeAudio)
	}
	for range 6 {
		v.slot(t, webrtc.RTPCodecTypeVideo)
	}
	receives, err := v.pc.CreateOffer(nil)
	checkError(t, err)
	list := []string{sends.SDP, receives.SDP, "", "v=0\r\n"}
	for _, o := range []string{sends.SDP, receives.SDP} {
		list = append(list,
			strings.ReplaceAll(o, "a=mid:", "a=mod:"),
			strings.ReplaceAll(o, "a=rid:", "a=rid"),
			strings.ReplaceAll(o, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 zz"),
			strings.ReplaceAll(o, "a=setup:actpass", "a=setup:passive"),
			strings.ReplaceAll(o, "m=video 9", "m=video 0"),
			strings.ReplaceAll(o, "m=audio 9", "m=application 9"),
			strings.ReplaceAll(o, "a=recvonly", "a=sendrecv"),
			strings.ReplaceAll(o, "a=sendonly", "a=recvonly"),
			strings.ReplaceAll(o, "a=group:BUNDLE", "a=group:LS"),
			strings.ReplaceAll(o, "opus/48000/2", "opus/8000"),
			strings.ReplaceAll(o, "apt=96", "apt=97"),
			regexp.MustCompile(`a=mid:\d+`).ReplaceAllString(o, "a=mid:0"),
			regexp.MustCompile(`a=ice-ufrag:.*\r\n`).ReplaceAllString(o, ""),
			strings.Replace(o, "a=extmap:", "a=extmap:"+strings.Repeat("y", 3000), 1),
			strings.Replace(o, "UDP/TLS", strings.Repeat("y", 3000), 1),
			o[:len(o)/2], o+o,
		)
	}
	return list
}

// FuzzOffer: no offer can end the node, each refusal has a kind that the caller can act on, and
// a session that was refused or closed leaves nothing behind.
func FuzzOffer(f *testing.F) {
	for _, o := range seedOffers(f) {
		f.Add(o)
	}
	n := startNode(f, Config{})
	discardEvents(f, n)
	f.Fuzz(func(t *testing.T, o string) {
		ctx, cancel := context.WithTimeout(context.Background(), timetest.Patience)
		defer cancel()
		judge := func(session string, err error) {
			switch k := errs.KindOf(err); {
			case err == nil:
				checkError(t, n.Close(ctx, session))
			case k != errs.Invalid:
				t.Errorf("kind %v: %v", k, err)
			case len(err.Error()) > 2*maxReason:
				t.Errorf("a refusal of %d characters", len(err.Error()))
			}
		}
		tracks := []media.Track{{MID: "0", Source: media.Camera}, {MID: "1", Source: media.Microphone}}
		_, err := n.Publish(ctx, media.Publish{Room: "c1", User: "u", Session: "p", SDP: o, Tracks: tracks})
		judge("p", err)
		_, err = n.Watch(ctx, media.Watch{Room: "c1", User: "u", Session: "w", SDP: o, Mode: media.Full})
		judge("w", err)
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.sessions)+len(n.rooms) > 0 {
			t.Errorf("%d sessions and %d rooms are left", len(n.sessions), len(n.rooms))
		}
	})
}

// discardEvents reads and drops the events.
func discardEvents(t testing.TB, n *Node) {
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() {
		for {
			select {
			case <-n.Events():
			case <-ctx.Done():
				return
			}
		}
	}()
}

// FuzzRTCP: no feedback of a receiver can bring a slot down, and an estimate stays one.
func FuzzRTCP(f *testing.F) {
	const ssrc, other = 1000, 2000
	for _, p := range []rtcp.Packet{
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: 65530, LostPackets: 0xffff}, {PacketID: 1}}},
		&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: ssrc},
		&rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: 1}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{ssrc}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 3e38, SSRCs: []uint32{ssrc}},
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 128}, {SSRC: other, FractionLost: 255}}},
		&rtcp.SenderReport{SSRC: ssrc},
		&rtcp.Goodbye{Sources: []uint32{ssrc}},
	} {
		b, err := p.Marshal()
		checkError(f, err)
		f.Add(b)
	}
	n := startNode(f, Config{})
	f.Fuzz(func(t *testing.T, b []byte) {
		ps, err := rtcp.Unmarshal(b)
		if err != nil {
			return
		}
		sub, err := n.forwarder.Subscribe(forward.SubConfig{Plain: plainWriter{}})
		checkError(t, err)
		defer sub.Close()
		w := &watcher{n: n, est: bwe.New(initialRate), loss: -1, keys: newKeyExporter(), sub: sub}
		cfg := forward.SlotConfig{SSRC: ssrc, RTX: ssrc + 1}
		s := &slot{w: w, bound: &cfg, out: sub.NewSlot(cfg), source: &source{}}
		w.slots = []*slot{s}
		for i, p := range ps {
			s.handleRTCP(p)
			w.updateEstimate(time.Duration(i) * time.Second)
		}
		w.updateEstimate(time.Duration(len(ps)) * time.Second)
		if w.loss > 1 || w.remb < 0 {
			t.Errorf("loss %v, REMB %d", w.loss, w.remb)
		}
		if r := w.est.Rate(); r < bwe.Floor || r > bwe.Ceiling {
			t.Errorf("an estimate of %d bits/s", r)
		}
	})
}
