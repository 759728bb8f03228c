package peer

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
)

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
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.by[id]
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
		case x.start && int32(x.ts-was.ts) <= 0, !x.start && x.ts != was.ts:
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
