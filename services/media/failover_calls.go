package media

import (
	"context"
	"time"

	"github.com/livelearn/box/services/errs"
)

// nodeCallTimeout is how long a Failover waits for a node if the caller sets no limit.
const nodeCallTimeout = 5 * time.Second

func callWithTimeout(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, nodeCallTimeout)
	defer cancel()
	return f(ctx)
}

// Publish implements Node.
func (s *Failover) Publish(ctx context.Context, p Publish) (Answer, error) {
	is := Session{User: p.User, Session: p.Session, First: p.First}
	return s.routeOffer(ctx, p.Room, is, func(n Node) (Answer, error) { return n.Publish(ctx, p) })
}

// Watch implements Node.
func (s *Failover) Watch(ctx context.Context, w Watch) (Answer, error) {
	is := Session{User: w.User, Session: w.Session, Watch: true}
	return s.routeOffer(ctx, w.Room, is, func(n Node) (Answer, error) { return n.Watch(ctx, w) })
}

// routeOffer takes an offer to the node of its session, or to the active one. If the node of a
// new session dies meanwhile, the offer is taken to the next.
func (s *Failover) routeOffer(ctx context.Context, room string, is Session, f func(Node) (Answer, error)) (Answer, error) {
	for {
		at, err := s.assignNode(room, is)
		if err != nil {
			return Answer{}, err
		}
		a, err := f(at.node)
		switch s.settleOffer(at, err, ctx.Err() == nil) {
		case offerRetry:
			continue
		case offerNodeDied:
			return Answer{}, errNodeGone("offer")
		}
		return a, err
	}
}

// nodeCall is a request to one life of a node.
type nodeCall struct {
	session    *session
	n          *node
	node       Node
	generation int
}

// assignNode decides which node gets a session's offer.
func (s *Failover) assignNode(room string, is Session) (nodeCall, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.ensureSession(room, is)
	switch {
	case w.moved:
		return nodeCall{}, errs.NewCode("media.offer", errs.Stale, "moved", "the session is on a node that is being drained")
	case w.node == nil && s.active == nil:
		if !w.orphaned {
			delete(s.sessions, w.id)
		}
		return nodeCall{}, errNoNode()
	case w.node == nil:
		w.node, w.orphaned = s.active, false
	}
	return nodeCall{w, w.node, w.node.Node, w.node.generation}, nil
}

func errNoNode() error {
	return errs.NewCode("media", errs.Down, "no_node", "no media node is up")
}

// offerOutcome is the result of an offer.
type offerOutcome int

const (
	offerSettled  offerOutcome = iota // answered or refused by the node
	offerRetry                        // the node died and another may be asked
	offerNodeDied                     // the node died
)

// settleOffer notes the result of an offer.
func (s *Failover) settleOffer(v nodeCall, err error, inTime bool) offerOutcome {
	if err != nil {
		s.failIfGone(v)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, alive := s.sessions[v.session.id] == v.session, v.n.generation == v.generation && v.n.Node != nil
	switch {
	case alive && err == nil:
		v.session.answered = true
		if v.n.draining && known {
			s.moveSession(v.session)
		}
		return offerSettled
	case alive || v.session.answered: // refused, or the client got Moved
		if known && !v.session.answered {
			delete(s.sessions, v.session.id)
		}
		return offerSettled
	case known && inTime:
		return offerRetry
	}
	delete(s.sessions, v.session.id)
	return offerNodeDied
}

// failIfGone notices a death before the goroutine of the node's events does.
func (s *Failover) failIfGone(v nodeCall) {
	s.mu.Lock()
	gone := v.n.gone
	fresh := v.n.generation == v.generation
	s.mu.Unlock()
	select {
	case <-gone:
		if fresh {
			s.failNode(v.n, v.generation)
		}
	default:
	}
}

// withSessionNode calls f with the node that has a session.
func (s *Failover) withSessionNode(ctx context.Context, id string, f func(Node) error) error {
	s.mu.Lock()
	w := s.sessions[id]
	var v nodeCall
	switch {
	case w == nil:
		s.mu.Unlock()
		return errs.NewCode("media", errs.Missing, "no_session", "no such session")
	case w.node == nil:
		s.mu.Unlock()
		return errNoNode()
	}
	v = nodeCall{w, w.node, w.node.Node, w.node.generation}
	s.mu.Unlock()
	err := f(v.node)
	if err != nil {
		s.failIfGone(v)
	}
	return err
}

// Patch implements Node.
func (s *Failover) Patch(ctx context.Context, p Patch) (a Answer, err error) {
	err = s.withSessionNode(ctx, p.Session, func(n Node) error { a, err = n.Patch(ctx, p); return err })
	return a, err
}

// Want implements Node.
func (s *Failover) Want(ctx context.Context, w Want) error {
	return s.withSessionNode(ctx, w.Session, func(n Node) error { return n.Want(ctx, w) })
}

// Close implements Node. A session is forgotten at once if its node is away.
func (s *Failover) Close(ctx context.Context, id string) error {
	s.mu.Lock()
	w := s.sessions[id]
	if w != nil && w.node == nil {
		delete(s.sessions, id)
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	err := s.withSessionNode(ctx, id, func(n Node) error { return n.Close(ctx, id) })
	if errs.KindOf(err) == errs.Missing && err != nil { // the node has sent an event for it, or was never asked
		s.removeSession(id, w)
	}
	return err
}

func (s *Failover) removeSession(id string, w *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != nil && s.sessions[id] == w {
		delete(s.sessions, id)
	}
}

// Load implements Node. It is the load of the active node.
func (s *Failover) Load(ctx context.Context) (Load, error) {
	s.mu.Lock()
	var is Node
	if s.active != nil {
		is = s.active.Node
	}
	s.mu.Unlock()
	if is == nil {
		return Load{}, errNoNode()
	}
	return is.Load(ctx)
}
