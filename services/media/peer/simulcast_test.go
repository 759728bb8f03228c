package peer

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
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

// ladder publishes a camera in three layers, each with its own SSRC, numbers and clock.
type ladder struct {
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

func climb(t testing.TB, n media.Node, room, user string) *ladder {
	t.Helper()
	return climbing(t, n, client(t), room, user)
}

func climbing(t testing.TB, n media.Node, pc *webrtc.PeerConnection, room, user string) *ladder {
	t.Helper()
	l := &ladder{pc: pc, off: make([]atomic.Bool, len(rids)), asked: make([]atomic.Int32, len(rids)), stop: make(chan struct{})}
	var sender *webrtc.RTPSender
	for i, rid := range rids {
		tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s", webrtc.WithRTPStreamID(rid))
		check(t, err)
		l.tracks = append(l.tracks, tr)
		l.plis = append(l.plis, make(chan struct{}, 100))
		if i == 0 {
			tv, err := l.pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			check(t, err)
			sender = tv.Sender()
			continue
		}
		check(t, sender.AddEncoding(tr))
	}
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case sdp.SDESMidURI:
			l.mid = uint8(e.ID)
		case sdp.SDESRTPStreamIDURI:
			l.rid = uint8(e.ID)
		}
	}
	talk(t, l.pc, func(sdp string) (media.Answer, error) {
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

func (l *ladder) listen(s *webrtc.RTPSender, i int) {
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

// film sends a layer; a key frame when asked, when it begins, and each 10 s.
func (l *ladder) film(i int) {
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	r := roll{who: 1, layer: i, seq: uint16(i * 20000), ts: uint32(i) * 1e9, pid: uint16(i * 9000)}
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

// roll makes the packets of one VP8 layer, which say whose they are.
type roll struct {
	who, layer int
	seq, pid   uint16
	ts         uint32
}

func (r *roll) frame(key bool) (list []*rtp.Packet) {
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

// shot is one packet as a watcher has it.
type shot struct {
	seq, pid   uint16
	ts         uint32
	layer, who int
	start, key bool
	at         time.Time
}

// spectator keeps all that its picture slots get.
type spectator struct {
	pc *webrtc.PeerConnection
	mu sync.Mutex
	by map[string][]shot
}

// attend watches pictures only, in slots whose mids are 0, 1, ...
func attend(t testing.TB, n media.Node, over *link, room, user string, slots int) *spectator {
	t.Helper()
	return attending(t, n, over, client(t), room, user, slots)
}

func attending(t testing.TB, n media.Node, over *link, pc *webrtc.PeerConnection, room, user string, slots int) *spectator {
	t.Helper()
	s := &spectator{pc: pc, by: map[string][]shot{}}
	for range slots {
		_, err := s.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		check(t, err)
	}
	s.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { s.look(tr) })
	talk(t, s.pc, func(sdp string) (media.Answer, error) {
		a, err := n.Watch(t.Context(), media.Watch{Room: room, User: user, Session: user + "-watch", SDP: sdp, Mode: media.Full})
		if over != nil {
			a.SDP = over.through(a.SDP)
		}
		return a, err
	})
	return s
}

func (s *spectator) look(tr *webrtc.TrackRemote) {
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		b := p.Payload
		if len(b) < 22 {
			continue
		}
		x := shot{
			seq: p.SequenceNumber, pid: binary.BigEndian.Uint16(b[2:]) & 0x7fff, ts: p.Timestamp, layer: int(b[20]), who: int(b[21]),
			start: b[0]&0x10 != 0, key: b[4]&1 == 0, at: time.Now(),
		}
		s.mu.Lock()
		s.by[tr.ID()] = append(s.by[tr.ID()], x)
		s.mu.Unlock()
	}
}

func (s *spectator) shots(id string) []shot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.by[id])
}

// last is what came newest; layer -1: nothing within the last so long.
func (s *spectator) last(id string, within time.Duration) shot {
	all := s.shots(id)
	if len(all) == 0 || time.Since(all[len(all)-1].at) > within {
		return shot{layer: -1}
	}
	return all[len(all)-1]
}

// turns waits until the slot shows a layer, and tells how long that took.
func (s *spectator) turns(t testing.TB, id, rid string, most time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for slices.Index(rids, rid) != s.last(id, 200*time.Millisecond).layer {
		if time.Since(began) > most {
			t.Fatalf("waited %v in vain for layer %q; is %d", most, rid, s.last(id, 200*time.Millisecond).layer)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}

// drawn is as much as kept packets of two seconds are drawn together to, in ticks: a switch
// may step back by that.
const drawn = 2 * 90000 / 64

// shrinks waits until the picture has been one that fits the link, for three seconds.
func (s *spectator) shrinks(t testing.TB, rate int, most time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	since := began
	for time.Since(since) < 3*time.Second {
		time.Sleep(50 * time.Millisecond)
		l := s.last("video0", 500*time.Millisecond).layer
		if l < 0 || layerParts[l]*layerSize[l]*8*30 > rate {
			since = time.Now()
		}
		if since.Sub(began) > most {
			t.Fatalf("the picture is too large for %d bits/s after %v", rate, most)
		}
	}
	return since.Sub(began)
}

// clean tells what a decoder would stumble over in the packets of one slot.
func clean(all []shot) error {
	for i, x := range all {
		if i == 0 {
			if !x.start || !x.key {
				return fmt.Errorf("begins within a picture")
			}
			continue
		}
		was := all[i-1]
		switch {
		case x.seq != was.seq+1:
			return fmt.Errorf("packet %d: number %d after %d (layer %d after %d)", i, x.seq, was.seq, x.layer, was.layer)
		case x.layer != was.layer && !(x.start && x.key):
			return fmt.Errorf("packet %d: layer %d begins without a key frame", i, x.layer)
		case x.start && x.pid != (was.pid+1)&0x7fff:
			return fmt.Errorf("packet %d: picture %d after %d (layer %d after %d)", i, x.pid, was.pid, x.layer, was.layer)
		case !x.start && x.pid != was.pid:
			return fmt.Errorf("packet %d: picture %d has no beginning", i, x.pid)
		case x.start && int32(x.ts-was.ts) <= -drawn, !x.start && x.ts != was.ts:
			return fmt.Errorf("packet %d: time %d after %d", i, x.ts, was.ts)
		}
	}
	return nil
}

// events keeps what a node tells.
type events struct {
	mu  sync.Mutex
	all []media.Event
}

func hear(t testing.TB, n media.Node) *events {
	e := &events{}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case x := <-n.Events():
				e.mu.Lock()
				e.all = append(e.all, x)
				e.mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return e
}

// last is the newest event of a kind that is about a user; one with no kind: none yet.
func (e *events) last(kind, user string) media.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range slices.Backward(e.all) {
		if x.Kind == kind && x.User == user {
			return x
		}
	}
	return media.Event{}
}

func want(t testing.TB, n media.Node, user string, mode media.Mode, heights map[string]int) {
	t.Helper()
	check(t, n.Want(t.Context(), media.Want{Session: user + "-watch", Mode: mode, Heights: heights}))
}

func TestTheLayerIsWhatThePageShows(t *testing.T) {
	for name, cfg := range map[string]Config{"fast": {}, "plain": {Plain: true}} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, cfg)
			climb(t, n, "c1", "ada")
			s := attend(t, n, nil, "c1", "ben", 1)
			t.Logf("first picture of f after %v", s.turns(t, "video0", "f", 5*time.Second))
			for _, step := range []struct {
				mode   media.Mode
				height int // -1: no entry
				rid    string
			}{{media.Full, 150, "q"}, {media.Full, 300, "h"}, {media.Full, -1, "f"}, {media.Full, 150, "q"}, {media.Full, 900, "f"}, {media.Saver, -1, "q"}, {media.Full, 300, "h"}} {
				heights := map[string]int{"0": step.height}
				if step.height < 0 {
					heights = nil
				}
				want(t, n, "ben", step.mode, heights)
				t.Logf("%s, %d px: %q after %v", step.mode, step.height, step.rid, s.turns(t, "video0", step.rid, 2*time.Second))
			}
			want(t, n, "ben", media.Full, map[string]int{"0": 0})
			time.Sleep(100 * time.Millisecond)
			was := len(s.shots("video0"))
			time.Sleep(500 * time.Millisecond)
			if is := len(s.shots("video0")); is > was {
				t.Errorf("%d packets of what is out of sight", is-was)
			}
			want(t, n, "ben", media.Full, nil)
			s.turns(t, "video0", "f", 2*time.Second)
			if err := clean(s.shots("video0")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLayersThatNobodyWatchesRest(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	e := hear(t, n)
	l := climb(t, n, "c1", "ada")
	s := attend(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	active := func() string { return strings.Join(e.last(media.Layers, "ada").Active, "") }
	want(t, n, "ben", media.Full, map[string]int{"0": 300})
	s.turns(t, "video0", "h", 2*time.Second)
	began := time.Now()
	until(t, "f to rest", func() bool { return active() == "qh" })
	took := time.Since(began)
	t.Logf("f rests after %v", took)
	if took < 4*time.Second || took > 7500*time.Millisecond {
		t.Errorf("f was told to rest after %v, should be about 6 s", took)
	}
	l.off[2].Store(true)
	time.Sleep(4 * time.Second) // as silent as can be
	began = time.Now()
	want(t, n, "ben", media.Full, nil)
	until(t, "f to be asked for", func() bool { return active() == "qhf" })
	if took = time.Since(began); took > 300*time.Millisecond {
		t.Errorf("f was asked for after %v", took)
	}
	told := took
	// A publisher takes a while to begin again, and must not be given up on meanwhile.
	time.Sleep(1500 * time.Millisecond)
	l.off[2].Store(false)
	t.Logf("f asked for after %v; shown %v after it came", told, s.turns(t, "video0", "f", 3*time.Second))
	if active() != "qhf" {
		t.Errorf("active are %q", active())
	}
	if err := clean(s.shots("video0")); err != nil {
		t.Error(err)
	}
}

func TestAPublisherThatStopsItsBestLayer(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	l := climb(t, n, "c1", "ada")
	s := attend(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	time.Sleep(2 * time.Second)
	l.off[2].Store(true)
	time.Sleep(300 * time.Millisecond)
	t.Logf("falls to h after %v", 300*time.Millisecond+s.turns(t, "video0", "h", 5*time.Second))
	time.Sleep(time.Second)
	l.off[2].Store(false)
	t.Logf("f again after %v", s.turns(t, "video0", "f", 5*time.Second))
	all := s.shots("video0")
	gap := time.Duration(0)
	for i := range all[1:] {
		gap = max(gap, all[i+1].at.Sub(all[i].at))
	}
	t.Logf("longest gap %v", gap)
	if gap > 3500*time.Millisecond {
		t.Errorf("the picture stood still for %v", gap)
	}
	if err := clean(all); err != nil {
		t.Error(err)
	}
}

// A link of 400 kbit/s has a short queue; what it cannot hold is lost.
func TestASlowLinkHasASmallerPicture(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	climb(t, n, "c1", "ada")
	road := newLink(t, n, nil)
	s := attend(t, n, road, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	time.Sleep(2 * time.Second)
	road.rate.Store(400_000)
	t.Logf("smaller after %v", s.shrinks(t, 400_000, 10*time.Second))
	road.rate.Store(0)
	t.Logf("f again after %v", s.turns(t, "video0", "f", 75*time.Second))
}
