package cluster

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// Times of the cluster.
const (
	tickEvery   = 100 * time.Millisecond
	beatEvery   = 2 * tickEvery
	listEvery   = 5 * tickEvery           // a box lists its guests to each room's owner, which lets unlisted ones go after lostAfter
	lostAfter   = 2600 * time.Millisecond // without a word; who watches presence knows it within 3 s
	replyWithin = 2 * time.Second
	joinAgain   = time.Second
	joinTries   = 5
	askAgain    = 3 * tickEvery // for presence
	firstFetch  = tickEvery / 2 // between two questions for facts that are not on the owner's disk yet
	lastFetch   = time.Second
)

// Limits of the memory of one room of another box. Beyond them commands get errs.Busy, and facts are
// dropped here and fetched from the owner.
const (
	maxCalls = 1024
	maxLater = 1024
	mailbox  = 4096
)

// Deps are what a cluster is built on.
type Deps struct {
	Self    string                   // this box's id
	Bus     Bus                      // to the other boxes
	Rooms   *room.Rooms              // of this box. New becomes their line, so it comes before Rooms.Serve
	Journal *journal.Journal         // of this box
	Owner   func(room string) string // id of the box that owns the room of a seat without a home; empty: there is no such room
	// Admit returns who a guest from a box is by the grant of the seat, or refuses the seat: the room, the
	// user and the role are what that box says.
	Admit func(box string, s *room.Seat) (Admission, error)

	OnDeadLetter func(room.DeadLetter)  // gets a fact that could not be shown; must not block
	Observe      func(supervise.Report) // sees each crash
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Cluster is the rooms of all boxes as one box sees them. It takes the place of room.Rooms for sessions.
type Cluster struct {
	Deps
	header  header
	pool    *supervise.Pool[string, process, annexMail] // one process for each room of another box
	metrics metrics
	lastID  atomic.Uint64 // of seats and calls
	fetches sync.WaitGroup

	mu       sync.Mutex // guards the fields below; before annex.mu and hosting.mu
	annexes  map[string]*annex
	hostings map[string]*hosting
	heard    map[string]time.Time // of another box, when
	began    time.Time            // of Serve
}

// New makes the cluster of a box, and makes it the line of deps.Rooms. Serve must run.
func New(deps Deps) *Cluster {
	c := &Cluster{
		Deps: deps, header: header{From: deps.Self, Boot: rand.Uint64()}, metrics: newMetrics(deps.Metrics),
		annexes: map[string]*annex{}, hostings: map[string]*hosting{}, heard: map[string]time.Time{},
	}
	c.pool = supervise.NewPool(supervise.Kind[string, process, annexMail]{
		Name: "annex", Init: c.startAnnex, Handle: c.handleAnnex, Mailbox: mailbox, MaxRestarts: 20,
		Describe: annexMail.kindName, Observe: deps.Observe,
	})
	deps.Rooms.Line = c
	return c
}

// String is the service's name.
func (c *Cluster) String() string { return "cluster" }

// Serve talks to the other boxes until ctx ends. Commands that are not answered by then are refused as
// not saved.
func (c *Cluster) Serve(ctx context.Context) error {
	c.mu.Lock()
	c.began = time.Now()
	c.mu.Unlock()
	stops, err := c.subscribe()
	if err == nil {
		g := supervise.Group(ctx)
		g.Go(c.pool.Serve)
		g.Go(c.runTicks)
		err = g.Wait()
	}
	for _, stop := range stops {
		stop()
	}
	c.fetches.Wait()
	for _, a := range c.listAnnexes() {
		a.refuseCalls(func(*call) bool { return true })
	}
	return err
}

func (c *Cluster) subscribe() (stops []func(), err error) {
	for subject, handle := range map[string]func(header, message, func([]byte)){
		subjectBeat: func(header, message, func([]byte)) {}, subjectIn + c.Self: c.handleIn,
		subjectOut + c.Self: c.handleOut, subjectLog + c.Self: c.handleLog,
	} {
		stop, err := c.Bus.Subscribe(subject, func(data []byte, reply func([]byte)) {
			h, m, err := decode(data)
			if err != nil {
				c.metrics.refused.Inc()
				c.Log.Debug("message of another box refused", "subject", subject, "err", err)
				return
			}
			c.noteAlive(h)
			handle(h, m, reply)
		})
		if err != nil {
			return stops, errs.New("cluster.Serve", errs.KindOf(err), err)
		}
		stops = append(stops, stop)
	}
	return stops, nil
}

// runTicks beats and does the work that is due, until ctx ends.
func (c *Cluster) runTicks(ctx context.Context) error {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for n := 0; ; n++ {
		if n%int(beatEvery/tickEvery) == 0 {
			c.publish(subjectBeat, &beat{})
			c.sendStands()
			c.dropLostGuests()
		}
		for _, a := range c.listAnnexes() {
			// A room whose mailbox is full gets the next one.
			if err := c.pool.Cast(a.room, annexMail{tick: true, list: n%int(listEvery/tickEvery) == 0}); err != nil {
				c.Log.Debug("tick of an annex", "room", a.room, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (c *Cluster) listAnnexes() []*annex {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*annex, 0, len(c.annexes))
	for _, a := range c.annexes {
		list = append(list, a)
	}
	return list
}

// publish sends a message. It may get lost; the receiver then asks for what it misses.
func (c *Cluster) publish(subject string, m message) bool {
	err := c.Bus.Publish(subject, encode(c.header, m))
	if err != nil {
		c.Log.Debug("message to another box", "subject", subject, "err", err)
	}
	return err == nil
}

// noteAlive notes that a box lives. A name without a connection is none, so a member cannot fill the
// memory with names.
func (c *Cluster) noteAlive(h header) {
	c.mu.Lock()
	_, known := c.heard[h.From]
	c.mu.Unlock()
	if !known && !slices.Contains(c.Bus.Linked(), h.From) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[h.From] = time.Now()
}

// isLost reports whether a box was silent for too long.
func (c *Cluster) isLost(box string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := c.began // a box that has just started gives the others time
	if at, known := c.heard[box]; known {
		since = at
	}
	return time.Since(since) >= lostAfter
}

// Owns implements room.Line.
func (c *Cluster) Owns(room string) bool { return c.Owner(room) == c.Self }

// Join asks for a seat in a room of any box. The answer to the join's ref goes to s.Member. An error
// means that the room was not reached.
func (c *Cluster) Join(s *room.Seat, ref string) error {
	owner := s.Home
	if owner == "" {
		owner = c.Owner(s.Room)
	}
	switch {
	case owner == c.Self:
		return c.Rooms.Join(s, ref)
	case owner == "":
		return errs.NewCode("cluster.Join", errs.Missing, "no_room", "no such room")
	case c.isLost(owner):
		return errAway("cluster.Join")
	}
	a := c.lockAnnex(s.Room, owner)
	defer a.mu.Unlock()
	if a.owner != owner {
		return errs.NewCode("cluster.Join", errs.Busy, "room_busy", "people of this box are in a room of the same name at another box")
	}
	if len(a.seats) >= maxGuests {
		return errs.NewCode("cluster.Join", errs.Busy, "room_busy", "at most %d people of one box in a room of another", maxGuests)
	}
	v := &visitor{seat: s, ref: ref}
	a.seats[s], a.visitors[s] = struct{}{}, v
	a.askForSeat(v)
	return nil
}

// errAway refuses a join while the room's box does not answer.
func errAway(op string) *errs.Error {
	return errs.NewCode(op, errs.Down, "box_away", "the box of this room does not answer")
}

// Leave gives the seat back. It never waits and never fails.
func (c *Cluster) Leave(s *room.Seat) {
	if a := c.annexOf(s); a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.remove(s)
		return
	}
	if c.Owns(s.Room) {
		c.Rooms.Leave(s)
	}
}

// Post hands a member's command over and returns at once. The answer comes through m.Reply. An error
// means that the room was not reached, and m.Reply is not called.
func (c *Cluster) Post(s *room.Seat, m room.Message) error {
	if a := c.annexOf(s); a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.post(s, m)
	}
	return c.Rooms.Post(s, m)
}

// annexOf returns the annex of a seat; nil: the seat is in a room of ours.
func (c *Cluster) annexOf(s *room.Seat) *annex {
	a := c.findAnnex(s.Room)
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.visitors[s] == nil {
		return nil
	}
	return a
}

// lockAnnex returns the annex of a room, made if need be, with its lock held.
func (c *Cluster) lockAnnex(id, owner string) *annex {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.annexes[id]
	if a == nil {
		a = newAnnex(c, id, owner)
		c.annexes[id] = a
	}
	a.mu.Lock()
	return a
}

// removeEmptyAnnex forgets an annex without people.
func (c *Cluster) removeEmptyAnnex(a *annex) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.annexes[a.room] == a && len(a.visitors) == 0 && len(a.calls) == 0 {
		delete(c.annexes, a.room)
		c.pool.Stop(a.room)
	}
}
