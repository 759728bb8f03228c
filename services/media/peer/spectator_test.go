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
	"github.com/livelearn/box/services/timetest"
)

// seenPacket is one packet as a watcher has it.
type seenPacket struct {
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
	by map[string][]seenPacket
}

// watchPackets watches pictures only, in slots with the mids 0, 1, ...
func watchPackets(t testing.TB, n media.Node, over *lossyLink, room, user string, slots int) *spectator {
	t.Helper()
	return watchPacketsOn(t, n, over, newClient(t), room, user, slots)
}

func watchPacketsOn(t testing.TB, n media.Node, over *lossyLink, pc *webrtc.PeerConnection, room, user string, slots int) *spectator {
	t.Helper()
	s := &spectator{pc: pc, by: map[string][]seenPacket{}}
	for range slots {
		_, err := s.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		checkError(t, err)
	}
	s.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { s.look(tr) })
	connectClient(t, s.pc, func(sdp string) (media.Answer, error) {
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
		x := seenPacket{
			seq: p.SequenceNumber, pid: binary.BigEndian.Uint16(b[2:]) & 0x7fff, ts: p.Timestamp, layer: int(b[20]), who: int(b[21]),
			start: b[0]&0x10 != 0, key: b[4]&1 == 0, at: time.Now(),
		}
		s.mu.Lock()
		s.by[tr.ID()] = append(s.by[tr.ID()], x)
		s.mu.Unlock()
	}
}

func (s *spectator) shots(id string) []seenPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.by[id])
}

// last is the newest packet. Layer -1: no packet within the given time.
func (s *spectator) last(id string, within time.Duration) seenPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.by[id]
	if len(all) == 0 || time.Since(all[len(all)-1].at) > within {
		return seenPacket{layer: -1}
	}
	return all[len(all)-1]
}

// turns waits until the slot shows a layer and returns the time that this took.
func (s *spectator) turns(t testing.TB, id, rid string) time.Duration {
	t.Helper()
	return waitUntil(t, "layer "+rid, func() bool { return slices.Index(rids, rid) == s.last(id, time.Second).layer })
}

// shrinks waits until the picture has fitted the link for three seconds and returns the time before
// these.
func (s *spectator) shrinks(t testing.TB, rate int) time.Duration {
	t.Helper()
	began := time.Now()
	since := began
	waitUntil(t, "a picture that fits the link", func() bool {
		l := s.last("video0", 500*time.Millisecond).layer
		if l < 0 || layerParts[l]*layerSize[l]*8*30 > rate {
			since = time.Now()
		}
		return time.Since(since) >= 3*time.Second
	})
	return since.Sub(began)
}

// checkPictures fails the test if a decoder would stop at the packets of one slot. On a busy machine
// packets may be lost, so it only logs. TestTheLayerIsWhatThePageShows always counts on a virtual
// network.
func checkPictures(t testing.TB, all []seenPacket) {
	t.Helper()
	if err := checkDecodable(all); err != nil && timetest.IsBusy() {
		t.Logf("does not count on a busy machine: %v", err)
	} else if err != nil {
		t.Error(err)
	}
}

// checkLost fails the test if more packets are lost than it allows. A busy machine loses more.
func checkLost(t testing.TB, lost, most int) {
	t.Helper()
	if lost > most && timetest.IsBusy() {
		t.Logf("%d packets are lost, which does not count on a busy machine", lost)
	} else if lost > most {
		t.Errorf("%d packets are lost, at most %d may be", lost, most)
	}
}

// checkDecodable reports faults in the packets of one slot that would stop a decoder.
func checkDecodable(all []seenPacket) error {
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

// eventLog keeps a node's events.
type eventLog struct {
	mu  sync.Mutex
	all []media.Event
}

func collectEvents(t testing.TB, n media.Node) *eventLog {
	e := &eventLog{}
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

// last is the newest event of a kind about a user. An event without a kind: none yet.
func (e *eventLog) last(kind, user string) media.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range slices.Backward(e.all) {
		if x.Kind == kind && x.User == user {
			return x
		}
	}
	return media.Event{}
}

func setWant(t testing.TB, n media.Node, user string, mode media.Mode, heights map[string]int) {
	t.Helper()
	checkError(t, n.Want(t.Context(), media.Want{Session: user + "-watch", Mode: mode, Heights: heights}))
}
