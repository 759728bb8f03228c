package room

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// StreamOf is the name of a room's stream in the journal.
func StreamOf(room string) string { return "room:" + room }

// TopicOf is the room's topic on the lesson socket.
func TopicOf(room string) string { return "room:" + room }

// startRoom builds the room from its log. The same code runs after a crash, after a restart of
// the program and after an idle time. Raise comes first: it waits for the facts of the previous
// goroutine, and refuses facts that a hung one might still write.
func (rs *Rooms) startRoom(ctx context.Context, id string) (*Room, error) {
	if err := rs.checkOwner("room.start", id); err != nil {
		rs.Log.Debug("mail for a room of another box", "room", id)
		return nil, errors.Join(err, supervise.ErrIgnore)
	}
	cur, err := rs.Journal.Raise(ctx, StreamOf(id))
	if err != nil {
		return nil, errs.New("room.start", errs.KindOf(err), err)
	}
	skip := map[uint64]bool{}
	for {
		r := rs.newRoom(id)
		bad, err := r.replayLog(skip)
		if err != nil {
			return nil, errs.New("room.replay", errs.KindOf(err), err)
		}
		if bad != nil { // it crashed the room when it happened, and now again
			skip[bad.Seq] = true
			rs.OnDeadLetter(*bad)
			continue
		}
		r.epoch, r.seq, r.durable = cur.Epoch, cur.Seq, cur.Seq
		rs.metrics.starts.Inc()
		if err := r.withConnections(ctx, r.resyncMembers); err != nil {
			return nil, err
		}
		r.armTimer()
		return r, nil
	}
}

func (rs *Rooms) newRoom(id string) *Room {
	r := &Room{
		rooms: rs, connections: rs.connectionsOf(id), log: rs.Log.With("room", id),
		id: id, stream: StreamOf(id), topic: TopicOf(id), seen: map[string][]answered{},
	}
	r.resetFeatures()
	return r
}

// replayLog folds the snapshot and all facts after it. A fact in skip is counted and not folded.
// A fact that panics is returned as a dead letter.
func (r *Room) replayLog(skip map[uint64]bool) (*DeadLetter, error) {
	after, err := r.loadSnapshot()
	if err != nil {
		r.log.Error("snapshot unreadable, replaying the whole stream", "err", err)
		*r, after = *r.rooms.newRoom(r.id), 0
	}
	for e, err := range r.rooms.Journal.Replay(r.stream, after) {
		switch {
		case errs.KindOf(err) == errs.Corrupt && err != nil:
			r.log.Error("damaged fact passed over", "err", err)
			r.rooms.OnDeadLetter(DeadLetter{Room: r.id, Kind: "damaged", Seq: e.Seq, Err: err.Error()})
			continue
		case err != nil:
			return nil, err
		case skip[e.Seq], isRedacted(e):
			r.recordFact(e)
			continue
		}
		if bad := r.foldFact(e); bad != nil {
			return bad, nil
		}
	}
	return nil, nil
}

func (r *Room) foldFact(e event.Event) (bad *DeadLetter) {
	defer func() {
		if p := recover(); p != nil {
			bad = &DeadLetter{
				Room: r.id, Kind: string(e.Kind), By: e.By, ID: e.ID, Seq: e.Seq, Data: e.Data,
				Err: fmt.Sprint(p), Stack: debug.Stack(),
			}
		}
	}()
	r.applyFact(e)
	return nil
}

// resyncMembers sends the facts on disk to the members that have not seen them, and answers the
// authors who wait. It runs with connections.mu held.
func (r *Room) resyncMembers() {
	acks := r.connections.acks
	r.connections.acks = nil
	for _, a := range acks {
		if a.seq <= r.durable {
			a.reply(Reply{Seq: a.first})
		} else {
			a.reply(Reply{Err: errs.NewCode("room", errs.Down, "not_saved", "not saved: send it again")})
		}
	}
	for _, s := range slices.Clone(r.connections.seats) {
		switch missed, ok := r.eventsSince(s.lastSent); {
		case !r.connections.has(s): // a fact that it missed has removed it
		case !s.answered:
			r.dropSeat(s) // its answer was on the way when the room crashed: it joins again
		case s.lastSent > r.seq || !ok:
			r.dropSeat(s) // it saw what the disk never got, or too little is in memory
		default:
			for _, e := range missed {
				r.sendFact(e)
			}
		}
	}
	for _, s := range r.connections.seats {
		r.recordArrival(s) // when all have seen what came before
	}
}

// dropSeat closes the channel with phx_error, on which clients join again by themselves.
func (r *Room) dropSeat(s *Seat) {
	r.connections.removeSeat(s)
	s.Member.Send(wire.NewFrame(wire.Message{JoinRef: s.JoinRef, Topic: r.topic, Event: wire.Error}))
	s.Member.Closed(s)
	if s.answered {
		r.leavePresence(s)
	}
}

// eventsSince returns the facts after seq, and whether memory holds all of them.
func (r *Room) eventsSince(seq uint64) (missed []event.Event, ok bool) {
	i := len(r.recent)
	for i > 0 && r.recent[i-1].Seq > seq {
		i--
	}
	missed = r.recent[i:]
	if seq >= r.seq {
		return nil, seq == r.seq
	}
	return missed, len(missed) > 0 && missed[0].Seq == seq+1
}

// roomSnapshot is the state in the journal's snapshot: with it a long lesson restarts fast.
type roomSnapshot struct {
	Features map[string]json.RawMessage
	Seen     map[string][]answered
}

// saveSnapshot hands the state to the journal behind all facts that made it.
func (r *Room) saveSnapshot() {
	s := roomSnapshot{Features: map[string]json.RawMessage{}, Seen: r.seen}
	for name, f := range r.features {
		s.Features[name] = mustJSON(f)
	}
	r.sinceSnapshot = 0
	r.rooms.Journal.SaveSnapshot(r.stream, r.epoch, r.seq, mustJSON(s), func(err error) {
		if err != nil {
			r.log.Warn("snapshot not saved", "err", err)
		}
	})
}

// loadSnapshot reads the last snapshot and returns the seq of its last fact.
func (r *Room) loadSnapshot() (uint64, error) {
	seq, data, err := r.rooms.Journal.Snapshot(r.stream)
	if err != nil || data == nil {
		return 0, err
	}
	var s roomSnapshot
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return 0, err
	}
	for name, raw := range s.Features {
		if f, ok := r.features[name]; ok {
			if err := json.Unmarshal(raw, f); err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if s.Seen != nil {
		r.seen = s.Seen
	}
	r.seq = seq
	return seq, r.refillRecent(seq)
}

// refillRecent reads the facts before the snapshot back into memory, for members that resume
// from before it.
func (r *Room) refillRecent(seq uint64) error {
	n := uint64(r.rooms.cfg.Recent)
	tail, err := r.rooms.Journal.Since(r.stream, seq-min(seq, n), int(n))
	if err != nil {
		return err
	}
	for _, e := range tail {
		if e.Seq <= seq {
			r.recent = append(r.recent, e)
		}
	}
	return nil
}

// saveRoom is called when the room leaves memory or the box stops.
func (rs *Rooms) saveRoom(r *Room) error {
	if r.sinceSnapshot > 0 {
		r.saveSnapshot()
	}
	return nil
}
