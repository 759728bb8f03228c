package media

import (
	"cmp"
	"maps"
	"slices"
)

// ordered are all sessions in a fixed order. The caller holds mu.
func (s *Switch) ordered() []*session {
	return slices.SortedFunc(maps.Values(s.sessions), func(a, b *session) int { return cmp.Compare(a.id, b.id) })
}

// abandon ends what n carried: its clients are sent elsewhere, or wait. The caller holds mu.
func (s *Switch) abandon(n *node) {
	for _, w := range s.ordered() {
		if w.at != n {
			continue
		}
		switch {
		case w.moved:
			delete(s.sessions, w.id)
		case !w.up: // whoever asked is told by the request's error
			w.at = nil
		case s.charge != nil:
			s.move(w)
		default:
			s.silence(w)
		}
	}
}

// move tells a session's client to connect anew, and forgets the session unless a node
// still carries it. The caller holds mu.
func (s *Switch) move(w *session) {
	w.moved = true
	s.emit(Event{Kind: Moved, Room: w.room, User: w.User, Session: w.id})
	if w.at == nil || w.at.Node == nil {
		delete(s.sessions, w.id)
	}
}

// silence tells that a session's media has ended with its node; the session is wanted
// until it is closed. The caller holds mu.
func (s *Switch) silence(w *session) {
	w.at, w.lost = nil, true
	for _, source := range w.Sources {
		s.emit(Event{Kind: TrackDown, Room: w.room, User: w.User, Session: w.id, Source: source})
	}
	w.Sources = nil
}

// happened passes on what a node tells. Of sessions that have moved away nothing is told,
// and of rooms only by the node in charge.
func (s *Switch) happened(n *node, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Session == "" {
		if s.charge != n {
			return
		}
		if e.Kind == Recording && !e.On { // it ended by itself, or was told to
			delete(s.records, e.Room)
		}
		s.emit(e)
		return
	}
	w := s.sessions[e.Session]
	if w == nil || w.at != n {
		return
	}
	switch e.Kind {
	case SessionDown:
		delete(s.sessions, w.id)
	case TrackUp:
		if !slices.Contains(w.Sources, e.Source) {
			w.Sources = append(w.Sources, e.Source)
		}
	case TrackDown:
		w.Sources = slices.DeleteFunc(w.Sources, func(o Source) bool { return o == e.Source })
	}
	if !w.moved {
		s.emit(e)
	}
}

// Announce makes a session known before it is asked for, for Sessions. It is forgotten when
// the request is refused, by Withdraw or by Forget.
func (s *Switch) Announce(room string, is Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(room, is)
}

// Withdraw forgets a session that was announced and will not be asked for.
func (s *Switch) Withdraw(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.sessions[id]; w != nil && w.at == nil && !w.lost {
		delete(s.sessions, id)
	}
}

// note finds or makes a session. The caller holds mu.
func (s *Switch) note(room string, is Session) *session {
	w := s.sessions[is.Session]
	if w == nil {
		w = &session{Session: is, id: is.Session, room: room}
		w.Sources = nil
		s.sessions[w.id] = w
	}
	w.First = is.First
	return w
}

// Sessions is what is known of a room, and whether it is recorded. Sessions that were told
// Moved are not in it.
func (s *Switch) Sessions(room string) (list []Session, recorded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.ordered() {
		if w.room == room && !w.moved {
			one := w.Session
			one.Sources = slices.Clone(w.Sources)
			list = append(list, one)
		}
	}
	return list, s.records[room] != nil
}

// Rooms are those of which something is known.
func (s *Switch) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := map[string]bool{}
	for _, w := range s.sessions {
		rooms[w.room] = true
	}
	for room := range s.records {
		rooms[room] = true
	}
	return slices.Sorted(maps.Keys(rooms))
}
