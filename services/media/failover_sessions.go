package media

import (
	"cmp"
	"maps"
	"slices"
)

// sortedSessions are all sessions in a fixed order. The caller holds mu.
func (s *Failover) sortedSessions() []*session {
	return slices.SortedFunc(maps.Values(s.sessions), func(a, b *session) int { return cmp.Compare(a.id, b.id) })
}

// evacuateNode ends the sessions of n: its clients get Moved, or wait. The caller holds mu.
func (s *Failover) evacuateNode(n *node) {
	for _, w := range s.sortedSessions() {
		if w.node != n {
			continue
		}
		switch {
		case w.moved:
			delete(s.sessions, w.id)
		case !w.answered: // the caller gets the request's error
			w.node = nil
		case s.active != nil:
			s.moveSession(w)
		default:
			s.suspendSession(w)
		}
	}
}

// moveSession asks a session's client to connect again, and forgets the session unless a node
// still carries it. The caller holds mu.
func (s *Failover) moveSession(w *session) {
	w.moved = true
	s.emitEvent(Event{Kind: Moved, Room: w.room, User: w.User, Session: w.id})
	if w.node == nil || w.node.Node == nil {
		delete(s.sessions, w.id)
	}
}

// suspendSession reports that a session's media has ended with its node. The session is kept
// until it is closed. The caller holds mu.
func (s *Failover) suspendSession(w *session) {
	w.node, w.orphaned = nil, true
	for _, source := range w.Sources {
		s.emitEvent(Event{Kind: TrackDown, Room: w.room, User: w.User, Session: w.id, Source: source})
	}
	w.Sources = nil
}

// handleEvent passes on a node's event. It drops events of sessions that have moved away, and
// events of rooms unless the active node sent them.
func (s *Failover) handleEvent(n *node, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Session == "" {
		if s.active != n {
			return
		}
		if e.Kind == Recording && !e.On { // it ended by itself, or on request
			delete(s.recordings, e.Room)
		}
		s.emitEvent(e)
		return
	}
	w := s.sessions[e.Session]
	if w == nil || w.node != n {
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
		s.emitEvent(e)
	}
}

// AnnounceSession adds a session to Sessions before a node is asked for it. The session is
// forgotten when the request is refused, by WithdrawSession or by ForgetRoom.
func (s *Failover) AnnounceSession(room string, is Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ensureSession(room, is)
}

// WithdrawSession forgets an announced session that will not be requested.
func (s *Failover) WithdrawSession(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.sessions[id]; w != nil && w.node == nil && !w.orphaned {
		delete(s.sessions, id)
	}
}

// ensureSession finds or makes a session. The caller holds mu.
func (s *Failover) ensureSession(room string, is Session) *session {
	w := s.sessions[is.Session]
	if w == nil {
		w = &session{Session: is, id: is.Session, room: room}
		w.Sources = nil
		s.sessions[w.id] = w
	}
	w.First = is.First
	return w
}

// Sessions lists the sessions of a room, and reports whether the room is recorded. Sessions
// that got Moved are not in the list.
func (s *Failover) Sessions(room string) (list []Session, recorded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.sortedSessions() {
		if w.room == room && !w.moved {
			one := w.Session
			one.Sources = slices.Clone(w.Sources)
			list = append(list, one)
		}
	}
	return list, s.recordings[room] != nil
}

// Rooms lists the rooms with a session, mute or recording.
func (s *Failover) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := map[string]bool{}
	for _, w := range s.sessions {
		rooms[w.room] = true
	}
	for room := range s.recordings {
		rooms[room] = true
	}
	return slices.Sorted(maps.Keys(rooms))
}
