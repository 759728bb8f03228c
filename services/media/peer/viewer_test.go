package peer

import (
	"encoding/binary"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/timetest"
)

// viewer counts its packets.
type viewer struct {
	pc *webrtc.PeerConnection
	mu sync.Mutex
	by map[string]*packetCount // by kind and slot
}

type packetCount struct {
	packets, gaps int
	last, low     uint16
	got           map[uint16]bool
	size          int // of the last payload
	ssrc          uint32
	late          []time.Duration
}

func newViewer(t testing.TB, n media.Node, room, user string, audio, video int) *viewer {
	t.Helper()
	return watchOver(t, n, nil, room, user, audio, video)
}

// watchOver is watch over a link.
func watchOver(t testing.TB, n media.Node, over *lossyLink, room, user string, audio, video int) *viewer {
	t.Helper()
	return newViewerOn(t, n, over, newClient(t), room, user, audio, video)
}

func newViewerOn(t testing.TB, n media.Node, over *lossyLink, pc *webrtc.PeerConnection, room, user string, audio, video int) *viewer {
	t.Helper()
	v := &viewer{pc: pc, by: map[string]*packetCount{}}
	for range audio {
		v.slot(t, webrtc.RTPCodecTypeAudio)
	}
	for range video {
		v.slot(t, webrtc.RTPCodecTypeVideo)
	}
	v.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		c := &packetCount{}
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
	connectClient(t, v.pc, func(sdp string) (media.Answer, error) {
		a, err := n.Watch(t.Context(), media.Watch{Room: room, User: user, Session: user + "-watch", SDP: sdp, Mode: media.Full})
		if over != nil {
			a.SDP = over.through(a.SDP)
		}
		return a, err
	})
	return v
}

func (c *packetCount) note(p *rtp.Packet) {
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

// missing is the number of sequence numbers between the first and the last that never came.
func (c *packetCount) missing() (n int) {
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

func (v *viewer) seen(id string) packetCount {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.by[id]; c != nil {
		x := *c
		x.got = maps.Clone(c.got)
		return x
	}
	return packetCount{}
}

// waitUntil waits for a condition and returns the time that this took.
func waitUntil(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	return timetest.WaitUntil(t, what, ok)
}

// waitStill waits until a count of packets has not changed for half a second, in which a publisher
// sends 15 pictures.
func waitStill(t testing.TB, what string, count func() int) {
	t.Helper()
	last, since := count(), time.Now()
	waitUntil(t, "an end of "+what, func() bool {
		if n := count(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) >= 500*time.Millisecond
	})
}
