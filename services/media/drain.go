package media

import (
	"context"
	"time"

	"github.com/livelearn/box/services/errs"
)

// drainTimeout is how long a drained node forwards for sessions that have not left.
const drainTimeout = 5 * time.Second

// Drain empties a node: another becomes active, each session gets Moved, and the node forwards
// until all have left, drainTimeout has passed or ctx ends. Then the remaining sessions are
// closed and the node becomes a standby. errs.Missing: the named node is not up. errs.Stale,
// code "no_standby": there is no other node.
func (s *Failover) Drain(ctx context.Context, name string) error {
	n, life, err := s.startDrain(name)
	if err != nil {
		return err
	}
	defer s.returnToStandby(n, life)
	s.resumeRecordings(ctx)
	err = s.awaitEmpty(ctx, n)
	s.stopStaleRecordings(context.WithoutCancel(ctx), n)
	return err
}

// startDrain makes another node active in place of n and sends Moved to n's sessions.
func (s *Failover) startDrain(name string) (*node, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.findNode(name)
	switch {
	case n == nil || !n.ready:
		return nil, 0, errs.NewCode("media.Drain", errs.Missing, "no_such_node", "no media node of that name is up")
	case n.draining:
		return nil, 0, errs.NewCode("media.Drain", errs.Busy, "draining", "the node is being drained already")
	}
	n.draining = true
	if s.active == n {
		if s.active = nil; !s.hasSuccessor(n) {
			n.draining, s.active = false, n
			return nil, 0, errs.NewCode("media.Drain", errs.Stale, "no_standby", "no other media node is up")
		}
		s.electActive()
	}
	for _, w := range s.sortedSessions() {
		if w.node == n && w.answered && !w.moved {
			s.moveSession(w)
		}
	}
	return n, n.generation, nil
}

// hasSuccessor reports whether a node other than n could become active. The caller holds mu.
func (s *Failover) hasSuccessor(n *node) bool {
	for _, o := range s.nodes {
		if o != n && o.ready && !o.draining {
			return true
		}
	}
	return false
}

func (s *Failover) findNode(name string) *node {
	for _, n := range s.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// awaitEmpty waits until n's sessions have left and closes the rest when the time is over.
func (s *Failover) awaitEmpty(ctx context.Context, n *node) error {
	limit, tick := time.NewTimer(drainTimeout), time.NewTicker(drainTimeout/100)
	defer limit.Stop()
	defer tick.Stop()
	for {
		left := s.sessionIDsOn(n)
		if len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
			continue
		case <-limit.C:
		case <-ctx.Done():
		}
		for _, w := range left {
			_ = callWithTimeout(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.Close(ctx, w) }) // gone or going
			s.removeSession(w, s.findSession(w))
		}
		return ctx.Err()
	}
}

func (s *Failover) findSession(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// sessionIDsOn returns the ids of n's sessions.
func (s *Failover) sessionIDsOn(n *node) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.sortedSessions() {
		if w.node == n {
			ids = append(ids, w.id)
		}
	}
	return ids
}

// stopStaleRecordings ends the recordings that another node has taken over.
func (s *Failover) stopStaleRecordings(ctx context.Context, n *node) {
	s.mu.Lock()
	is := n.Node
	var rooms []string
	for room, r := range s.recordings {
		if r.node != n {
			rooms = append(rooms, room)
		}
	}
	s.mu.Unlock()
	for _, room := range rooms {
		if is != nil {
			_ = callWithTimeout(ctx, func(ctx context.Context) error { return is.Record(ctx, Record{Room: room}) }) // its files are complete anyway
		}
	}
}

// returnToStandby makes a drained node a standby, last in line.
func (s *Failover) returnToStandby(n *node, life int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.generation != life || n.Node == nil {
		return
	}
	n.draining, n.attachOrder, n.since = false, s.nextAttachOrder(), time.Now()
	s.electActive()
}

// Role is the purpose of a node.
type Role string

// The roles.
const (
	Active   Role = "charge"
	Standby  Role = "standby"
	Draining Role = "draining"
	Starting Role = "starting" // attached and not ready yet
	Away     Role = "away"
)

// NodeState is the state of a node, for the admin page.
type NodeState struct {
	Name     string        `json:"name"`
	Role     Role          `json:"standing" enum:"charge,standby,draining,starting,away"`
	Since    time.Time     `json:"since"`    // when it attached, went away or was drained last
	Restarts int           `json:"restarts"` // number of times it came back
	Sessions int           `json:"sessions"`
	Pong     time.Duration `json:"pong"` // nanoseconds since it answered last, negative: never
	Load     Load          `json:"load"`
}

// States lists all nodes that are expected or were ever attached, by name.
func (s *Failover) States() []NodeState {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []NodeState{}
	for _, n := range s.nodes {
		one := NodeState{Name: n.name, Role: s.roleOf(n), Since: n.since, Restarts: max(0, n.generation-1), Pong: -1}
		if c, ok := n.Node.(interface{ Pong() (time.Time, Load) }); ok {
			at, load := c.Pong()
			one.Load = load
			if !at.IsZero() {
				one.Pong = time.Since(at)
			}
		}
		for _, w := range s.sessions {
			if w.node == n {
				one.Sessions++
			}
		}
		list = append(list, one)
	}
	return list
}

// roleOf returns the role of n. The caller holds mu.
func (s *Failover) roleOf(n *node) Role {
	switch {
	case n.Node == nil:
		return Away
	case n == s.active:
		return Active
	case n.draining:
		return Draining
	case !n.ready:
		return Starting
	}
	return Standby
}
