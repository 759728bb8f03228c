package media

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
)

// A Switch is the Node that a lesson speaks to: it passes all on to the node in charge.
//
//	media-a  in charge   <- Publish, Watch, ...      first attached, or next in line
//	media-b  stands by   <- Mute only                so that taking charge costs nothing
//
// When the node in charge dies, the next takes charge in the same moment and Moved is told of
// each of its sessions: sessions live and die with their node, and clients make new ones.
// With no node left, requests are refused Down, code "no_node"; sessions that nobody has
// closed until a node is back are told Moved then.
//
// Drain moves everybody away from a node that goes on forwarding until they have left.
type Switch struct {
	log    *slog.Logger
	events chan Event

	mu       sync.Mutex // guards all below; not held while a node is asked
	nodes    []*node    // by name, those that are away as well
	charge   *node      // nil: none can
	sessions map[string]*session
	mutes    map[mute]bool // only true
	muted    uint64        // counts changes of mutes
	records  map[string]*recording
	lost     uint64 // events that found the queue full
}

// queueLength is for the events of both nodes and a Moved for each session.
const queueLength = 8 * EventQueue

// node is one that was attached at some time.
type node struct {
	name     string
	Node     // nil while it is away
	gone     <-chan struct{}
	turn     int  // the order in which they came; the least is next in line
	ready    bool // knows all mutes
	draining bool
	up       time.Time // since when it is as it is
	attached int       // how often it was
}

// session is one that a node was asked for and that has not ended.
type session struct {
	Session
	id    string
	room  string
	at    *node // nil: not asked yet, or its node died
	up    bool  // the node has answered
	lost  bool  // its node died and there was none to move to
	moved bool  // its client was told to go elsewhere
}

// Session is what a Switch knows of one session of a room.
type Session struct {
	User    string
	Session string
	Watch   bool     // it receives
	First   bool     // as it was published
	Sources []Source // of which media arrives
}

type mute struct {
	room, user string
	source     Source
}

// recording is what is to be recorded of a room; one node after another does.
type recording struct {
	Record
	by   *node // who records it now, in which of its lives
	life int
}

// NewSwitch makes one whose nodes are all away. Names are those that are expected; others may
// be attached.
func NewSwitch(log *slog.Logger, names ...string) *Switch {
	s := &Switch{
		log: log, events: make(chan Event, queueLength),
		sessions: map[string]*session{}, mutes: map[mute]bool{}, records: map[string]*recording{},
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		s.nodes = append(s.nodes, &node{name: name, up: time.Now()})
	}
	return s
}

// Events implements Node. What is told of a session comes in the order in which it happened.
func (s *Switch) Events() <-chan Event { return s.events }

// emit queues an event. The caller holds mu, which keeps their order; it never waits.
func (s *Switch) emit(e Event) {
	select {
	case s.events <- e:
	default:
		s.lost++
		if s.lost&(s.lost-1) == 0 {
			s.log.Warn("media events lost: the reader is too slow", "n", s.lost)
		}
	}
}

// Attach makes a node known by name and carries its events until gone is closed or ctx ends.
// errs.Stale: there is one of that name.
func (s *Switch) Attach(ctx context.Context, name string, is Node, gone <-chan struct{}) error {
	n, life, err := s.join(name, is, gone)
	if err != nil {
		return err
	}
	defer s.part(n, life)
	if err := s.prepare(ctx, n, is); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-gone:
			return nil
		case e, ok := <-is.Events():
			if !ok {
				return nil
			}
			s.happened(n, e)
		}
	}
}

func (s *Switch) join(name string, is Node, gone <-chan struct{}) (*node, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := slices.BinarySearchFunc(s.nodes, name, func(n *node, name string) int { return cmp.Compare(n.name, name) })
	if !known {
		s.nodes = slices.Insert(s.nodes, i, &node{name: name})
	}
	n := s.nodes[i]
	if n.Node != nil {
		return nil, 0, errs.Code("media.Attach", errs.Stale, "attached", "there is a node %s already", name)
	}
	n.Node, n.gone, n.up, n.turn = is, gone, time.Now(), s.turns()
	n.attached++
	return n, n.attached, nil
}

// turns is the turn of who comes last. The caller holds mu.
func (s *Switch) turns() (last int) {
	for _, n := range s.nodes {
		last = max(last, n.turn+1)
	}
	return last
}

// prepare tells n all that is muted, until nothing changed meanwhile; then n may take charge.
func (s *Switch) prepare(ctx context.Context, n *node, is Node) error {
	for {
		s.mu.Lock()
		seen, list := s.muted, make([]mute, 0, len(s.mutes))
		for m := range s.mutes {
			list = append(list, m)
		}
		s.mu.Unlock()
		for _, m := range list {
			if err := ask(ctx, func(ctx context.Context) error { return is.Mute(ctx, m.room, m.user, m.source, true) }); err != nil {
				return err
			}
		}
		if s.stand(n, seen) {
			s.resume(ctx)
			return nil
		}
	}
}

// stand makes n ready if it knows all mutes.
func (s *Switch) stand(n *node, seen uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.muted != seen {
		return false
	}
	n.ready = true
	s.log.Info("a media node is up", "node", n.name)
	s.elect()
	return true
}

// part is the end of one life of n: its sessions move or wait.
func (s *Switch) part(n *node, life int) {
	s.fail(n, life)
	s.resume(context.Background())
}

// fail takes n away, if it still has that life, and lets the next take charge.
func (s *Switch) fail(n *node, life int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Node == nil || n.attached != life {
		return
	}
	s.log.Info("a media node is gone", "node", n.name, "charge", s.charge == n, "dur", time.Since(n.up))
	n.Node, n.gone, n.ready, n.draining, n.up = nil, nil, false, false, time.Now()
	if s.charge == n {
		s.charge = nil
	}
	s.elect()
	s.abandon(n)
}

// elect puts the next in line in charge if there is nobody. The caller holds mu.
func (s *Switch) elect() {
	if s.charge != nil {
		return
	}
	var next *node
	for _, n := range s.nodes {
		if n.ready && !n.draining && (next == nil || n.turn < next.turn) {
			next = n
		}
	}
	if next == nil {
		return
	}
	s.charge = next
	s.log.Info("a media node takes charge", "node", next.name)
	for _, w := range s.ordered() { // those whose node died when there was no other
		if w.lost {
			s.move(w)
		}
	}
}
