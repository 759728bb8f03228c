package media

import (
	"context"
	"time"

	"github.com/livelearn/box/services/errs"
)

// askTime is how long a Switch waits for a node when nobody else sets a limit.
const askTime = 5 * time.Second

func ask(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return f(ctx)
}

// Publish implements Node.
func (s *Switch) Publish(ctx context.Context, p Publish) (Answer, error) {
	is := Session{User: p.User, Session: p.Session, First: p.First}
	return s.offer(ctx, p.Room, is, func(n Node) (Answer, error) { return n.Publish(ctx, p) })
}

// Watch implements Node.
func (s *Switch) Watch(ctx context.Context, w Watch) (Answer, error) {
	is := Session{User: w.User, Session: w.Session, Watch: true}
	return s.offer(ctx, w.Room, is, func(n Node) (Answer, error) { return n.Watch(ctx, w) })
}

// offer takes an offer to the node of its session, or to the one in charge. A new session
// whose node dies meanwhile is taken to the next.
func (s *Switch) offer(ctx context.Context, room string, is Session, f func(Node) (Answer, error)) (Answer, error) {
	for {
		at, err := s.begin(room, is)
		if err != nil {
			return Answer{}, err
		}
		a, err := f(at.is)
		switch s.over(at, err, ctx.Err() == nil) {
		case again:
			continue
		case died:
			return Answer{}, errGone("offer")
		}
		return a, err
	}
}

// visit is a request to one life of a node.
type visit struct {
	to   *session
	n    *node
	is   Node
	life int
}

// begin says which node a session's offer goes to.
func (s *Switch) begin(room string, is Session) (visit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.note(room, is)
	switch {
	case w.moved:
		return visit{}, errs.Code("media.offer", errs.Stale, "moved", "the session is on a node that is being emptied")
	case w.at == nil && s.charge == nil:
		if !w.lost {
			delete(s.sessions, w.id)
		}
		return visit{}, noNode()
	case w.at == nil:
		w.at, w.lost = s.charge, false
	}
	return visit{w, w.at, w.at.Node, w.at.attached}, nil
}

func noNode() error {
	return errs.Code("media", errs.Down, "no_node", "no media node is up")
}

// outcome is what became of an offer.
type outcome int

const (
	done  outcome = iota // answered or refused by the node
	again                // the node died and another may be asked
	died                 // the node died
)

// over notes what became of an offer.
func (s *Switch) over(v visit, err error, inTime bool) outcome {
	if err != nil {
		s.check(v)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, alive := s.sessions[v.to.id] == v.to, v.n.attached == v.life && v.n.Node != nil
	switch {
	case alive && err == nil:
		v.to.up = true
		if v.n.draining && known {
			s.move(v.to)
		}
		return done
	case alive || v.to.up: // refused, or told Moved
		if known && !v.to.up {
			delete(s.sessions, v.to.id)
		}
		return done
	case known && inTime:
		return again
	}
	delete(s.sessions, v.to.id)
	return died
}

// check notices a death before the one who carries the node's events does.
func (s *Switch) check(v visit) {
	s.mu.Lock()
	gone := v.n.gone
	fresh := v.n.attached == v.life
	s.mu.Unlock()
	select {
	case <-gone:
		if fresh {
			s.fail(v.n, v.life)
		}
	default:
	}
}

// of asks the node that has a session.
func (s *Switch) of(ctx context.Context, id string, f func(Node) error) error {
	s.mu.Lock()
	w := s.sessions[id]
	var v visit
	switch {
	case w == nil:
		s.mu.Unlock()
		return errs.Code("media", errs.Missing, "no_session", "no such session")
	case w.at == nil:
		s.mu.Unlock()
		return noNode()
	}
	v = visit{w, w.at, w.at.Node, w.at.attached}
	s.mu.Unlock()
	err := f(v.is)
	if err != nil {
		s.check(v)
	}
	return err
}

// Patch implements Node.
func (s *Switch) Patch(ctx context.Context, p Patch) (a Answer, err error) {
	err = s.of(ctx, p.Session, func(n Node) error { a, err = n.Patch(ctx, p); return err })
	return a, err
}

// Want implements Node.
func (s *Switch) Want(ctx context.Context, w Want) error {
	return s.of(ctx, w.Session, func(n Node) error { return n.Want(ctx, w) })
}

// Close implements Node. A session whose node is away is forgotten at once.
func (s *Switch) Close(ctx context.Context, id string) error {
	s.mu.Lock()
	w := s.sessions[id]
	if w != nil && w.at == nil {
		delete(s.sessions, id)
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	err := s.of(ctx, id, func(n Node) error { return n.Close(ctx, id) })
	if errs.KindOf(err) == errs.Missing && err != nil { // the node has told so, or was never asked
		s.drop(id, w)
	}
	return err
}

func (s *Switch) drop(id string, w *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != nil && s.sessions[id] == w {
		delete(s.sessions, id)
	}
}

// Load implements Node: that of the node in charge.
func (s *Switch) Load(ctx context.Context) (Load, error) {
	s.mu.Lock()
	var is Node
	if s.charge != nil {
		is = s.charge.Node
	}
	s.mu.Unlock()
	if is == nil {
		return Load{}, noNode()
	}
	return is.Load(ctx)
}
