package peer

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
)

// The layers of a camera of our own pages, and how many packets a frame of each has: at 30
// frames a second some 150, 500 and 1500 kbit/s.
var (
	rids       = []string{"q", "h", "f"}
	layerParts = []int{1, 2, 6}
	layerSize  = []int{600, 1000, 1020}
)

// layeredCamera publishes a camera in three layers, each with its own SSRC, numbers and clock.
type layeredCamera struct {
	pc     *webrtc.PeerConnection
	tracks []*webrtc.TrackLocalStaticRTP
	plis   []chan struct{}
	off    []atomic.Bool // the layer is not sent
	asked  []atomic.Int32
	mid    uint8
	rid    uint8
	stop   chan struct{}
	wg     sync.WaitGroup
}

func publishLayers(t testing.TB, n media.Node, room, user string) *layeredCamera {
	t.Helper()
	return publishLayersOn(t, n, newClient(t), room, user)
}

func publishLayersOn(t testing.TB, n media.Node, pc *webrtc.PeerConnection, room, user string) *layeredCamera {
	t.Helper()
	l := &layeredCamera{pc: pc, off: make([]atomic.Bool, len(rids)), asked: make([]atomic.Int32, len(rids)), stop: make(chan struct{})}
	var sender *webrtc.RTPSender
	for i, rid := range rids {
		tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s", webrtc.WithRTPStreamID(rid))
		checkError(t, err)
		l.tracks = append(l.tracks, tr)
		l.plis = append(l.plis, make(chan struct{}, 100))
		if i == 0 {
			tv, err := l.pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			checkError(t, err)
			sender = tv.Sender()
			continue
		}
		checkError(t, sender.AddEncoding(tr))
	}
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case sdp.SDESMidURI:
			l.mid = uint8(e.ID)
		case sdp.SDESRTPStreamIDURI:
			l.rid = uint8(e.ID)
		}
	}
	connectClient(t, l.pc, func(sdp string) (media.Answer, error) {
		return n.Publish(t.Context(), media.Publish{
			Room: room, User: user, Session: user + "-pub", SDP: sdp, First: true,
			Tracks: []media.Track{{MID: "0", Source: media.Camera}},
		})
	})
	for i := range rids {
		go l.listen(sender, i)
		l.wg.Go(func() { l.film(i) })
	}
	t.Cleanup(func() { close(l.stop); l.wg.Wait() })
	return l
}

func (l *layeredCamera) listen(s *webrtc.RTPSender, i int) {
	for {
		ps, _, err := s.ReadSimulcastRTCP(rids[i])
		if err != nil {
			return
		}
		for _, p := range ps {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				l.asked[i].Add(1)
				l.plis[i] <- struct{}{}
			}
		}
	}
}

// film sends a layer. A key frame when asked, when it begins, and each 10 s.
func (l *layeredCamera) film(i int) {
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	r := vp8Sequence{who: 1, layer: i, seq: uint16(i * 20000), ts: uint32(i) * 1e9, pid: uint16(i * 9000)}
	was := true
	for f := 0; ; f++ {
		key := f%300 == 0 || was && !l.off[i].Load()
		select {
		case <-l.stop:
			return
		case <-l.plis[i]:
			key = true
		case <-tick.C:
		}
		if was = l.off[i].Load(); was {
			r.ts += 3000
			continue
		}
		for _, p := range r.frame(key) {
			check := p.SetExtension(l.mid, []byte("0"))
			if check == nil {
				check = p.SetExtension(l.rid, []byte(rids[i]))
			}
			if check != nil {
				panic(check)
			}
			_ = l.tracks[i].WriteRTP(p)
		}
	}
}

// vp8Sequence makes the packets of one VP8 layer, marked with their layer.
type vp8Sequence struct {
	who, layer int
	seq, pid   uint16
	ts         uint32
}

func (r *vp8Sequence) frame(key bool) (list []*rtp.Packet) {
	parts := layerParts[r.layer]
	if key {
		parts *= 3
	}
	for i := range parts {
		b := make([]byte, layerSize[r.layer])
		b[0], b[1] = 0x80, 0x80 // RFC 7741 4.2
		if i == 0 {
			b[0] |= 0x10
		}
		binary.BigEndian.PutUint16(b[2:], r.pid&0x7fff|0x8000)
		if !key {
			b[4] = 1
		}
		b[20], b[21] = uint8(r.layer), uint8(r.who)
		list = append(list, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: r.seq, Timestamp: r.ts, Marker: i == parts-1}, Payload: b})
		r.seq++
	}
	r.pid++
	r.ts += 3000
	return list
}
