package media

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/livelearn/box/services/errs"
)

// Mute implements Node. It goes to all nodes, and to each that attaches, so that the next
// active node knows it already. The error is that of the active node. Without a node the mute
// is kept for the next (nil).
func (s *Failover) Mute(ctx context.Context, room, user string, source Source, on bool) error {
	m := mute{room, user, source}
	first, others := s.saveMute(m, on)
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

// saveMute notes a mute and returns the nodes that must know it.
func (s *Failover) saveMute(m mute, on bool) (first Node, others []Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mutes[m] != on {
		s.muteVersion++
	}
	if on {
		s.mutes[m] = true
	} else {
		delete(s.mutes, m)
	}
	for _, n := range s.nodes {
		switch {
		case n == s.active:
			first = n.Node
		case n.ready:
			others = append(others, n.Node)
		}
	}
	return first, others
}

// Record implements Node. A recording outlives its node: the next node continues it in the same
// directory, in files of its own. Without a node it begins when there is one (nil).
func (s *Failover) Record(ctx context.Context, r Record) error {
	is := s.saveRecording(r)
	if is == nil {
		return nil
	}
	err := is.Record(ctx, r)
	if err != nil && r.Dir != "" && errs.KindOf(err) != errs.Down {
		s.saveRecording(Record{Room: r.Room})
	}
	return err
}

// saveRecording notes a recording and returns the active node.
func (s *Failover) saveRecording(r Record) Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Dir == "" {
		delete(s.recordings, r.Room)
	} else if had := s.recordings[r.Room]; had == nil || had.Dir != r.Dir {
		s.recordings[r.Room] = &recording{Record: r}
	} else {
		had.All = r.All
	}
	if s.active == nil {
		return nil
	}
	if had := s.recordings[r.Room]; had != nil {
		had.node, had.generation = s.active, s.active.generation
	}
	return s.active.Node
}

// resumeRecordings makes the active node continue the recordings of another.
func (s *Failover) resumeRecordings(ctx context.Context) {
	is, list := s.claimRecordings()
	for _, r := range list {
		if err := callWithTimeout(ctx, func(ctx context.Context) error { return is.Record(ctx, r) }); err != nil {
			s.log.Error("a recording does not continue", "room", r.Room, "err", err)
			s.dropRecording(r.Room, err)
		}
	}
}

func (s *Failover) dropRecording(room string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != nil && s.recordings[room] != nil && errs.KindOf(err) != errs.Down {
		delete(s.recordings, room)
		s.emitEvent(Event{Kind: Recording, Room: room, Err: err.Error()})
	}
}

// claimRecordings returns the recordings that the active node does not know yet.
func (s *Failover) claimRecordings() (is Node, list []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil {
		return nil, nil
	}
	for _, room := range slices.Sorted(maps.Keys(s.recordings)) {
		r := s.recordings[room]
		if r.node == s.active && r.generation == s.active.generation {
			continue
		}
		r.node, r.generation = s.active, s.active.generation
		list = append(list, r.Record)
	}
	return s.active.Node, list
}

// ForgetRoom ends everything of a room: sessions, mutes and its recording.
func (s *Failover) ForgetRoom(ctx context.Context, room string) error {
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

func (s *Failover) mutesOf(room string) (list []mute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range s.mutes {
		if m.room == room {
			list = append(list, m)
		}
	}
	return list
}
