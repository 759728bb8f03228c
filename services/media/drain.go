package media

import (
	"context"
	"time"

	"github.com/livelearn/box/services/errs"
)

// drainTime is how long a node that is being emptied goes on for those who have not left.
const drainTime = 5 * time.Second

// Drain empties a node: another takes charge, each session is told Moved, and the node goes
// on forwarding until all have left, drainTime has passed or ctx ends. Then what is left is
// closed and the node stands by. errs.Missing: no such node is up. errs.Stale, code
// "no_standby": there is no other to go to.
func (s *Switch) Drain(ctx context.Context, name string) error {
	n, life, err := s.vacate(name)
	if err != nil {
		return err
	}
	defer s.stay(n, life)
	s.resume(ctx)
	err = s.empty(ctx, n)
	s.endParts(context.WithoutCancel(ctx), n)
	return err
}

// vacate hands over n's charge and tells its sessions.
func (s *Switch) vacate(name string) (*node, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.named(name)
	switch {
	case n == nil || !n.ready:
		return nil, 0, errs.Code("media.Drain", errs.Missing, "no_such_node", "no media node of that name is up")
	case n.draining:
		return nil, 0, errs.Code("media.Drain", errs.Busy, "draining", "the node is being emptied already")
	}
	n.draining = true
	if s.charge == n {
		if s.charge = nil; !s.other(n) {
			n.draining, s.charge = false, n
			return nil, 0, errs.Code("media.Drain", errs.Stale, "no_standby", "no other media node is up")
		}
		s.elect()
	}
	for _, w := range s.ordered() {
		if w.at == n && w.up && !w.moved {
			s.move(w)
		}
	}
	return n, n.attached, nil
}

// other tells that another than n could take charge. The caller holds mu.
func (s *Switch) other(n *node) bool {
	for _, o := range s.nodes {
		if o != n && o.ready && !o.draining {
			return true
		}
	}
	return false
}

func (s *Switch) named(name string) *node {
	for _, n := range s.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// empty waits until n's sessions have left and closes those that have not in time.
func (s *Switch) empty(ctx context.Context, n *node) error {
	limit, tick := time.NewTimer(drainTime), time.NewTicker(drainTime/100)
	defer limit.Stop()
	defer tick.Stop()
	for {
		left := s.at(n)
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
			_ = ask(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.Close(ctx, w) }) // gone or going
			s.drop(w, s.find(w))
		}
		return ctx.Err()
	}
}

func (s *Switch) find(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// at are the ids of n's sessions.
func (s *Switch) at(n *node) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.ordered() {
		if w.at == n {
			ids = append(ids, w.id)
		}
	}
	return ids
}

// endParts ends the recordings that another node goes on with.
func (s *Switch) endParts(ctx context.Context, n *node) {
	s.mu.Lock()
	is := n.Node
	var rooms []string
	for room, r := range s.records {
		if r.by != n {
			rooms = append(rooms, room)
		}
	}
	s.mu.Unlock()
	for _, room := range rooms {
		if is != nil {
			_ = ask(ctx, func(ctx context.Context) error { return is.Record(ctx, Record{Room: room}) }) // its files are whole anyway
		}
	}
}

// stay lets a node that was emptied stand by, last in line.
func (s *Switch) stay(n *node, life int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.attached != life || n.Node == nil {
		return
	}
	n.draining, n.turn, n.up = false, s.turns(), time.Now()
	s.elect()
}

// Standing is what a node is for.
type Standing string

// The standings.
const (
	InCharge Standing = "charge"
	Standby  Standing = "standby"
	Draining Standing = "draining"
	Starting Standing = "starting" // attached and not ready yet
	Away     Standing = "away"
)

// NodeState is how a node is doing, for the admin page.
type NodeState struct {
	Name     string        `json:"name"`
	Standing Standing      `json:"standing"`
	Since    time.Time     `json:"since"`    // when it came, went away or was emptied last
	Restarts int           `json:"restarts"` // how often it came back
	Sessions int           `json:"sessions"`
	Pong     time.Duration `json:"pong"` // nanoseconds since it answered last; negative: never
	Load     Load          `json:"load"`
}

// States are all nodes that are expected or were ever attached, by name.
func (s *Switch) States() []NodeState {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []NodeState{}
	for _, n := range s.nodes {
		one := NodeState{Name: n.name, Standing: s.standing(n), Since: n.up, Restarts: max(0, n.attached-1), Pong: -1}
		if c, ok := n.Node.(interface{ Pong() (time.Time, Load) }); ok {
			at, load := c.Pong()
			one.Load = load
			if !at.IsZero() {
				one.Pong = time.Since(at)
			}
		}
		for _, w := range s.sessions {
			if w.at == n {
				one.Sessions++
			}
		}
		list = append(list, one)
	}
	return list
}

// standing is what n is for. The caller holds mu.
func (s *Switch) standing(n *node) Standing {
	switch {
	case n.Node == nil:
		return Away
	case n == s.charge:
		return InCharge
	case n.draining:
		return Draining
	case !n.ready:
		return Starting
	}
	return Standby
}
