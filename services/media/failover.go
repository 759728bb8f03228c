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

// A Failover is the Node that a lesson uses. It passes each call to the active node.
//
//	media-a  active    <- Publish, Watch, ...      first attached, or next in line
//	media-b  standby   <- Mute only                so that becoming active costs nothing
//
// When the active node dies, the next becomes active in the same moment and each of the dead
// node's sessions gets Moved: sessions live and die with their node, and clients make new
// ones. Without a node, requests are refused with errs.Down, code "no_node". Sessions that
// are still open when a node is back get Moved then.
//
// Drain moves all sessions away from a node that forwards until they have left.
type Failover struct {
	log    *slog.Logger
	events chan Event

	mu          sync.Mutex // guards the fields below, not held during calls to a node
	nodes       []*node    // by name, including nodes that are away
	active      *node      // nil: none is ready
	sessions    map[string]*session
	mutes       map[mute]bool // every value is true
	muteVersion uint64        // counts changes of mutes
	recordings  map[string]*recording
	lostEvents  uint64 // events dropped because the queue was full
}

// maxQueuedEvents has room for the events of both nodes and a Moved for each session.
const maxQueuedEvents = 8 * EventQueue

// node is a node that was attached at some time.
type node struct {
	name        string
	Node        // nil while it is away
	gone        <-chan struct{}
	attachOrder int  // the order of attachment, the least is next in line
	ready       bool // knows all mutes
	draining    bool
	since       time.Time // time of the last change
	generation  int       // number of attachments
}

// session is a session that a node was asked for and that has not ended.
type session struct {
	Session
	id       string
	room     string
	node     *node // nil: no node was asked yet, or its node died
	answered bool  // the node has answered
	orphaned bool  // its node died and there was none to move to
	moved    bool  // its client got Moved
}

// Session is a Failover's record of one session of a room.
type Session struct {
	User    string
	Session string
	Watch   bool     // it is a watcher
	First   bool     // as in Publish
	Sources []Source // sources with arriving media
}

type mute struct {
	room, user string
	source     Source
}

// recording is the order to record a room. One node after another carries it out.
type recording struct {
	Record
	node       *node // the node that records now, and in which of its lives
	generation int
}

// NewFailover makes a Failover with all nodes away. names are the expected nodes. Others may be
// attached.
func NewFailover(log *slog.Logger, names ...string) *Failover {
	s := &Failover{
		log: log, events: make(chan Event, maxQueuedEvents),
		sessions: map[string]*session{}, mutes: map[mute]bool{}, recordings: map[string]*recording{},
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		s.nodes = append(s.nodes, &node{name: name, since: time.Now()})
	}
	return s
}

// Events implements Node. The events of one session come in the order in which they happened.
func (s *Failover) Events() <-chan Event { return s.events }

// emitEvent queues an event. The caller holds mu, which keeps their order. It never waits.
func (s *Failover) emitEvent(e Event) {
	select {
	case s.events <- e:
	default:
		s.lostEvents++
		if s.lostEvents&(s.lostEvents-1) == 0 {
			s.log.Warn("media events lost: the reader is too slow", "n", s.lostEvents)
		}
	}
}

// Attach adds the node called name and passes on its events until gone is closed or ctx ends.
// errs.Stale: a node of that name is attached.
func (s *Failover) Attach(ctx context.Context, name string, is Node, gone <-chan struct{}) error {
	n, life, err := s.attachNode(name, is, gone)
	if err != nil {
		return err
	}
	defer s.detachNode(n, life)
	if err := s.syncMutes(ctx, n, is); err != nil {
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
			s.handleEvent(n, e)
		}
	}
}

func (s *Failover) attachNode(name string, is Node, gone <-chan struct{}) (*node, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := slices.BinarySearchFunc(s.nodes, name, func(n *node, name string) int { return cmp.Compare(n.name, name) })
	if !known {
		s.nodes = slices.Insert(s.nodes, i, &node{name: name})
	}
	n := s.nodes[i]
	if n.Node != nil {
		return nil, 0, errs.NewCode("media.Attach", errs.Stale, "attached", "there is a node %s already", name)
	}
	n.Node, n.gone, n.since, n.attachOrder = is, gone, time.Now(), s.nextAttachOrder()
	n.generation++
	return n, n.generation, nil
}

// nextAttachOrder is the order number of the next node. The caller holds mu.
func (s *Failover) nextAttachOrder() (last int) {
	for _, n := range s.nodes {
		last = max(last, n.attachOrder+1)
	}
	return last
}

// syncMutes sends all mutes to n, until none changed meanwhile. Then n may become active.
func (s *Failover) syncMutes(ctx context.Context, n *node, is Node) error {
	for {
		s.mu.Lock()
		seen, list := s.muteVersion, make([]mute, 0, len(s.mutes))
		for m := range s.mutes {
			list = append(list, m)
		}
		s.mu.Unlock()
		for _, m := range list {
			if err := callWithTimeout(ctx, func(ctx context.Context) error { return is.Mute(ctx, m.room, m.user, m.source, true) }); err != nil {
				return err
			}
		}
		if s.markReady(n, seen) {
			s.resumeRecordings(ctx)
			return nil
		}
	}
}

// markReady makes n ready if it knows all mutes.
func (s *Failover) markReady(n *node, seen uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.muteVersion != seen {
		return false
	}
	n.ready = true
	s.log.Info("a media node is up", "node", n.name)
	s.electActive()
	return true
}

// detachNode ends one life of n: its sessions move or wait.
func (s *Failover) detachNode(n *node, life int) {
	s.failNode(n, life)
	s.resumeRecordings(context.Background())
}

// failNode marks n as away, if it still has that life, and makes the next one active.
func (s *Failover) failNode(n *node, life int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Node == nil || n.generation != life {
		return
	}
	s.log.Info("a media node is gone", "node", n.name, "charge", s.active == n, "dur", time.Since(n.since))
	n.Node, n.gone, n.ready, n.draining, n.since = nil, nil, false, false, time.Now()
	if s.active == n {
		s.active = nil
	}
	s.electActive()
	s.evacuateNode(n)
}

// electActive makes the next in line active if no node is. The caller holds mu.
func (s *Failover) electActive() {
	if s.active != nil {
		return
	}
	var next *node
	for _, n := range s.nodes {
		if n.ready && !n.draining && (next == nil || n.attachOrder < next.attachOrder) {
			next = n
		}
	}
	if next == nil {
		return
	}
	s.active = next
	s.log.Info("a media node becomes active", "node", next.name)
	for _, w := range s.sortedSessions() { // sessions whose node died while there was no other
		if w.orphaned {
			s.moveSession(w)
		}
	}
}
