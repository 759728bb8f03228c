package media

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/livelearn/box/services/errs"
)

// Mute implements Node. It is told to all nodes, and to each that comes, so that whoever
// takes charge knows it already. The error is that of the node in charge; with no node the
// mute is kept for the next (nil).
func (s *Switch) Mute(ctx context.Context, room, user string, source Source, on bool) error {
	m := mute{room, user, source}
	first, others := s.mute(m, on)
	for _, n := range others {
		if err := n.Mute(ctx, room, user, source, on); err != nil {
			s.log.Warn("a standby did not take a mute", "err", err)
		}
	}
	if first == nil {
		return nil
	}
	return first.Mute(ctx, room, user, source, on)
}

// mute notes a mute and gives the nodes that must know.
func (s *Switch) mute(m mute, on bool) (first Node, others []Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mutes[m] != on {
		s.muted++
	}
	if on {
		s.mutes[m] = true
	} else {
		delete(s.mutes, m)
	}
	for _, n := range s.nodes {
		switch {
		case n == s.charge:
			first = n.Node
		case n.ready:
			others = append(others, n.Node)
		}
	}
	return first, others
}

// Record implements Node. A recording outlives its node: the next goes on with it in the
// same directory, in files of its own. With no node it begins when there is one (nil).
func (s *Switch) Record(ctx context.Context, r Record) error {
	is := s.record(r)
	if is == nil {
		return nil
	}
	err := is.Record(ctx, r)
	if err != nil && r.Dir != "" && errs.KindOf(err) != errs.Down {
		s.record(Record{Room: r.Room})
	}
	return err
}

// record notes what is recorded and gives the node in charge.
func (s *Switch) record(r Record) Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Dir == "" {
		delete(s.records, r.Room)
	} else if had := s.records[r.Room]; had == nil || had.Dir != r.Dir {
		s.records[r.Room] = &recording{Record: r}
	} else {
		had.All = r.All
	}
	if s.charge == nil {
		return nil
	}
	if had := s.records[r.Room]; had != nil {
		had.by, had.life = s.charge, s.charge.attached
	}
	return s.charge.Node
}

// resume lets the node in charge go on with what another recorded.
func (s *Switch) resume(ctx context.Context) {
	is, list := s.unrecorded()
	for _, r := range list {
		if err := ask(ctx, func(ctx context.Context) error { return is.Record(ctx, r) }); err != nil {
			s.log.Error("a recording does not go on", "room", r.Room, "err", err)
			s.unrecord(r.Room, err)
		}
	}
}

func (s *Switch) unrecord(room string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.charge != nil && s.records[room] != nil && errs.KindOf(err) != errs.Down {
		delete(s.records, room)
		s.emit(Event{Kind: Recording, Room: room, Err: err.Error()})
	}
}

// unrecorded are the recordings that the node in charge does not know of.
func (s *Switch) unrecorded() (is Node, list []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.charge == nil {
		return nil, nil
	}
	for _, room := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[room]
		if r.by == s.charge && r.life == s.charge.attached {
			continue
		}
		r.by, r.life = s.charge, s.charge.attached
		list = append(list, r.Record)
	}
	return s.charge.Node, list
}

// Forget ends all that a room has: sessions, mutes and its recording.
func (s *Switch) Forget(ctx context.Context, room string) error {
	var faults []error
	sessions, recorded := s.Sessions(room)
	for _, w := range sessions {
		if err := s.Close(ctx, w.Session); err != nil && errs.KindOf(err) != errs.Missing {
			faults = append(faults, err)
		}
	}
	if recorded {
		faults = append(faults, s.Record(ctx, Record{Room: room}))
	}
	for _, m := range s.mutesOf(room) {
		faults = append(faults, s.Mute(ctx, m.room, m.user, m.source, false))
	}
	return errors.Join(faults...)
}

func (s *Switch) mutesOf(room string) (list []mute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range s.mutes {
		if m.room == room {
			list = append(list, m)
		}
	}
	return list
}
