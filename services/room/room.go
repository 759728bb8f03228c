// Package room is the classroom process: it owns all state of a live class, decides
// on what its members ask for, and tells them what happened.
//
// A room is an entity of a supervise.Pool: one goroutine at a time, fed from one
// mailbox, so features need no locks. Sessions Join, Post and Leave; the room sends
// through the Member port and waits for nobody, the disk included:
//
//	Post -> Handle -> Record -+-> early facts: cast at once
//	                          +-> journal.Append -> done -> committed facts: cast
//	                                                     -> ack "saved" to the author
//
// Early facts (chat, taps, hands) queue behind a committed fact that is still on its
// way to the disk, so members always see facts in the order of seq.
//
// A crash loses nothing that was acknowledged: the pool rebuilds the room by replaying
// its stream, seats and unanswered acks live in the hall, which the crash does not
// touch, and each member is sent what it missed. A message that crashes the room twice
// is buried as a dead letter; a fact that does is passed over.
package room

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/supervise"
)

// Config tunes the rooms. Its zero value works.
type Config struct {
	Mailbox     int           // messages that may wait for one room; default 1024, then senders get errs.Busy
	Idle        time.Duration // a room without mail for so long leaves memory; default 10 min
	Hang        time.Duration // a message handled for so long is given up and the room rebuilt; default 10 s
	MaxRestarts int           // crashes of one room within Period before it rests; default 20
	Period      time.Duration // default 10 s
	Snapshot    int           // facts between two snapshots; default 1000
	Recent      int           // facts kept in memory for members that resume; default 1024
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	dur := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Mailbox, 1024)
	def(&c.MaxRestarts, 20)
	def(&c.Snapshot, 1000)
	def(&c.Recent, 1024)
	dur(&c.Idle, 10*time.Minute)
	dur(&c.Hang, 10*time.Second)
	dur(&c.Period, 10*time.Second)
	return c
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	if c.Mailbox < 0 || c.MaxRestarts < 0 || c.Snapshot < 0 || c.Recent < 0 || c.Idle < 0 || c.Hang < 0 || c.Period < 0 {
		return errs.Field("room.Config", "room", "negative", 0, "no value may be negative")
	}
	return nil
}

// Letter is a message or fact that crashed its room and was set aside.
type Letter struct {
	Room  string
	Kind  string // the command's or the fact's name
	By    string // user id
	Role  event.Role
	ID    string // of the command
	Seq   uint64 // of the fact; 0 for a command
	Data  json.RawMessage
	Err   string
	Stack []byte
}

// Deps is what the rooms are built on.
type Deps struct {
	Journal *journal.Journal
	Clock   *event.Clock
	Bury    func(Letter)           // takes a dead letter; must not block
	Observe func(supervise.Report) // sees each crash
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Rooms is every room of the box. A room starts with the first mail to it.
type Rooms struct {
	Deps
	cfg      Config
	kinds    []Kind
	commands map[string]command
	defs     map[event.Kind]event.Def
	owner    map[event.Kind]string // which feature folds a kind
	pool     *supervise.Pool[string, Room, mail]
	metrics  metrics
	refs     atomic.Uint64 // presence references

	mu    sync.Mutex
	halls map[string]*hall // guarded by mu; one small entry for each room ever used
}

type command struct {
	Command
	feature string
}

// mail is all that a room can be told: one of its fields is set.
type mail struct {
	join  *Seat
	ref   string // of the join
	leave *Seat
	msg   *Message
	saved *saved
	ring  bool // an alarm is due
}

// saved is the journal's word on a batch of facts.
type saved struct {
	epoch, seq uint64
	err        error
}

// New makes the rooms of a box with the features of kinds.
func New(cfg Config, deps Deps, kinds ...Kind) *Rooms {
	rs := &Rooms{
		Deps: deps, cfg: cfg.WithDefaults(), kinds: append([]Kind{controlKind}, kinds...),
		commands: map[string]command{}, defs: map[event.Kind]event.Def{}, owner: map[event.Kind]string{},
		halls: map[string]*hall{}, metrics: newMetrics(deps.Metrics),
	}
	for _, k := range rs.kinds {
		for _, c := range k.Commands {
			rs.commands[c.Name] = command{c, k.Name}
		}
		for _, d := range k.Events {
			rs.defs[d.Kind], rs.owner[d.Kind] = d, k.Name
		}
	}
	rs.pool = supervise.NewPool(supervise.Kind[string, Room, mail]{
		Name: "room", Init: rs.start, Handle: rs.handle, Save: rs.save,
		Mailbox: rs.cfg.Mailbox, Idle: rs.cfg.Idle, Hang: rs.cfg.Hang,
		MaxRestarts: rs.cfg.MaxRestarts, Period: rs.cfg.Period,
		Dead: rs.dead, Describe: mail.name, Observe: deps.Observe,
	})
	deps.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "livelearn_room_rooms", Help: "Rooms in memory.",
	}, func() float64 { return float64(rs.pool.Len()) }))
	return rs
}

// String is the service's name.
func (rs *Rooms) String() string { return "rooms" }

// Serve runs the rooms until ctx ends; then each writes a snapshot and stops.
func (rs *Rooms) Serve(ctx context.Context) error { return rs.pool.Serve(ctx) }

// Commands is the table of all commands, for tests and documentation.
func (rs *Rooms) Commands() []Command {
	var all []Command
	for _, k := range rs.kinds {
		all = append(all, k.Commands...)
	}
	return all
}

// Len is how many rooms are in memory.
func (rs *Rooms) Len() int { return rs.pool.Len() }

// Join asks for a place in s.Room. The answer to the join's ref goes to s.Member. An
// error means that the room was not reached.
func (rs *Rooms) Join(s *Seat, ref string) error {
	return refusal("room.Join", rs.pool.Cast(s.Room, mail{join: s, ref: ref}))
}

// Leave gives the place back. It never waits and never fails.
func (rs *Rooms) Leave(s *Seat) {
	if err := rs.pool.Urgent(s.Room, mail{leave: s}); err != nil {
		rs.Log.Debug("leave of a stopped room", "room", s.Room, "err", err)
	}
}

// Post hands a member's message over and returns at once; the answer comes through
// m.Reply. An error means that the room was not reached, and m.Reply is not called.
func (rs *Rooms) Post(s *Seat, m Message) error {
	m.By, m.seat = s.Viewer, s
	return refusal("room.Post", rs.pool.Cast(s.Room, mail{msg: &m}))
}

// Call posts m on the box's own account, with m.By as its author, and waits for the
// answer.
func (rs *Rooms) Call(ctx context.Context, room string, m Message) (Reply, error) {
	answer := make(chan Reply, 1)
	m.Reply, m.seat = func(r Reply) { answer <- r }, nil
	if err := rs.pool.Cast(room, mail{msg: &m}); err != nil {
		return Reply{}, refusal("room.Call", err)
	}
	select {
	case r := <-answer:
		return r, r.Err
	case <-ctx.Done():
		return Reply{}, errs.New("room.Call", errs.Down, context.Cause(ctx))
	}
}

// refusal gives the pool's errors the kind of who acts next.
func refusal(op string, err error) error {
	switch err {
	case nil:
		return nil
	case supervise.ErrFull:
		e := errs.Code(op, errs.Busy, "room_busy", "too many messages are waiting for this room")
		return e
	}
	return errs.New(op, errs.Down, err)
}

func (rs *Rooms) hall(id string) *hall {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	h := rs.halls[id]
	if h == nil {
		h = &hall{seats: map[*Seat]struct{}{}}
		rs.halls[id] = h
	}
	return h
}

// name tells what the mail was, for crash reports: never who or what text.
func (m mail) name() string {
	switch {
	case m.join != nil:
		return "join"
	case m.leave != nil:
		return "leave"
	case m.saved != nil:
		return "saved"
	case m.ring:
		return "ring"
	}
	return m.msg.Name
}

// dead takes what crashed its room twice.
func (rs *Rooms) dead(id string, m mail, cause supervise.Report) {
	switch {
	case m.msg != nil:
		rs.Bury(Letter{
			Room: id, Kind: m.msg.Name, By: m.msg.By.User, Role: m.msg.By.Role, ID: m.msg.ID,
			Data: m.msg.Data, Err: cause.Err.Error(), Stack: cause.Stack,
		})
		m.msg.answer(Reply{Err: errs.Code("room.Handle", errs.Internal, "set_aside", "this message could not be handled and was set aside")})
	case m.join != nil:
		m.join.turnAway(m.ref, errs.New("room.Join", errs.Internal, cause.Err))
	}
}

func (m *Message) answer(r Reply) {
	if m.Reply != nil {
		m.Reply(r)
	}
}
