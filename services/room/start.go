package room

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// Stream is the name of a room's stream in the journal.
func Stream(room string) string { return "room:" + room }

// Topic is the room's topic on the lesson socket.
func Topic(room string) string { return "room:" + room }

// start builds the room from its log: the same code after a crash, a restart of the
// program and a quiet night. Raise first: it waits for the facts of the life before
// this one, and refuses any that a hung one might still write.
func (rs *Rooms) start(ctx context.Context, id string) (*Room, error) {
	cur, err := rs.Journal.Raise(ctx, Stream(id))
	if err != nil {
		return nil, errs.New("room.start", errs.KindOf(err), err)
	}
	skip := map[uint64]bool{}
	for {
		r := rs.blank(id)
		bad, err := r.replay(skip)
		if err != nil {
			return nil, errs.New("room.replay", errs.KindOf(err), err)
		}
		if bad != nil { // it crashed the room when it happened, and now again
			skip[bad.Seq] = true
			rs.Bury(*bad)
			continue
		}
		r.epoch, r.seq, r.durable = cur.Epoch, cur.Seq, cur.Seq
		rs.metrics.starts.Inc()
		if err := r.locked(ctx, r.settle); err != nil {
			return nil, err
		}
		r.wind()
		return r, nil
	}
}

func (rs *Rooms) blank(id string) *Room {
	r := &Room{
		rooms: rs, hall: rs.hall(id), log: rs.Log.With("room", id),
		id: id, stream: Stream(id), topic: Topic(id), seen: map[string][]answered{},
	}
	r.reset()
	return r
}

// replay folds the snapshot and all facts after it. A fact in skip is counted and not
// folded; one that panics comes back as a letter.
func (r *Room) replay(skip map[uint64]bool) (*Letter, error) {
	after, err := r.load()
	if err != nil {
		r.log.Error("snapshot unreadable, replaying the whole stream", "err", err)
		*r, after = *r.rooms.blank(r.id), 0
	}
	for e, err := range r.rooms.Journal.Replay(r.stream, after) {
		switch {
		case errs.KindOf(err) == errs.Corrupt && err != nil:
			r.log.Error("damaged fact passed over", "err", err)
			r.rooms.Bury(Letter{Room: r.id, Kind: "damaged", Seq: e.Seq, Err: err.Error()})
			continue
		case err != nil:
			return nil, err
		case skip[e.Seq], gone(e):
			r.remember(e)
			continue
		}
		if bad := r.fold(e); bad != nil {
			return bad, nil
		}
	}
	return nil, nil
}

func (r *Room) fold(e event.Event) (bad *Letter) {
	defer func() {
		if p := recover(); p != nil {
			bad = &Letter{
				Room: r.id, Kind: string(e.Kind), By: e.By, ID: e.ID, Seq: e.Seq, Data: e.Data,
				Err: fmt.Sprint(p), Stack: debug.Stack(),
			}
		}
	}()
	r.apply(e)
	return nil
}

// settle brings members and unanswered authors up to what is on disk. Runs with the
// hall's lock held.
func (r *Room) settle() {
	acks := r.hall.acks
	r.hall.acks = nil
	for _, a := range acks {
		if a.seq <= r.durable {
			a.reply(Reply{Seq: a.first})
		} else {
			a.reply(Reply{Err: errs.Code("room", errs.Down, "not_saved", "not saved: send it again")})
		}
	}
	for s := range r.hall.seats {
		switch missed, ok := r.since(s.sent); {
		case !s.ready:
			r.drop(s) // its answer was on the way when the room crashed: it joins again
		case s.sent > r.seq || !ok:
			r.drop(s) // it saw what the disk never got, or too little is in memory
		default:
			for _, e := range missed {
				r.send(e)
			}
		}
	}
	for s := range r.hall.seats {
		r.attend(s) // when all have seen what came before
	}
}

// drop closes the channel with phx_error, on which clients join again by themselves.
func (r *Room) drop(s *Seat) {
	delete(r.hall.seats, s)
	s.Member.Send(wire.NewFrame(wire.Message{JoinRef: s.JoinRef, Topic: r.topic, Event: wire.Error}))
	s.Member.Closed(s)
	if s.ready {
		r.hall.diff(r.topic, s, false)
	}
}

// since is the facts after seq, as far as memory holds all of them.
func (r *Room) since(seq uint64) (missed []event.Event, ok bool) {
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

// snapshot is what the journal keeps so that a long lesson restarts fast.
type snapshot struct {
	Features map[string]json.RawMessage
	Seen     map[string][]answered
}

// snapshot hands the state to the journal behind all facts that made it.
func (r *Room) snapshot() {
	s := snapshot{Features: map[string]json.RawMessage{}, Seen: r.seen}
	for name, f := range r.features {
		s.Features[name] = mustJSON(f)
	}
	r.fresh = 0
	r.rooms.Journal.SaveSnapshot(r.stream, r.epoch, r.seq, mustJSON(s), func(err error) {
		if err != nil {
			r.log.Warn("snapshot not saved", "err", err)
		}
	})
}

// load reads the last snapshot and tells which fact it ends with.
func (r *Room) load() (uint64, error) {
	seq, data, err := r.rooms.Journal.Snapshot(r.stream)
	if err != nil || data == nil {
		return 0, err
	}
	var s snapshot
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
	return seq, r.refill(seq)
}

// refill puts the facts that the snapshot replaced back into memory, for members that
// resume from before it.
func (r *Room) refill(seq uint64) error {
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

// save is called when the room leaves memory or the box stops.
func (rs *Rooms) save(r *Room) error {
	if r.fresh > 0 {
		r.snapshot()
	}
	return nil
}
