// Package room is the classroom process: it owns all state of a live class, decides on the
// commands of its members, and sends them the facts that follow.
//
// A room is an entity of a supervise.Pool: one goroutine at a time, fed from one mailbox, so
// features need no locks. Sessions call Join, Post and Leave. The room sends through the Member
// port and never blocks, not even for the disk:
//
//	Post -> Handle -> Record -+-> early facts: cast at once
//	                          +-> journal.Append -> done -> committed facts: cast
//	                                                     -> ack "saved" to the author
//
// Early facts (chat, taps, hands) queue behind a committed fact that is still on its way to the
// disk, so members always see facts in the order of seq.
//
// A crash loses nothing that was acknowledged. The pool rebuilds the room by replaying its
// stream. Seats and unanswered acks live in connections, which the crash does not touch, and
// each member gets the facts that it missed. A message that crashes the room twice is set aside
// as a dead letter. A fact that crashes the replay is skipped.
package room

import (
	"context"
	"encoding/json"
	"errors"
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

// WithDefaults fills in the empty fields.
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

// Validate refuses negative values.
func (c Config) Validate() error {
	if c.Mailbox < 0 || c.MaxRestarts < 0 || c.Snapshot < 0 || c.Recent < 0 || c.Idle < 0 || c.Hang < 0 || c.Period < 0 {
		return errs.NewField("room.Config", "room", "negative", 0, "no value may be negative")
	}
	return nil
}

// DeadLetter is a message or fact that crashed its room and was set aside.
type DeadLetter struct {
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

// Deps are the services that rooms need.
type Deps struct {
	Journal      *journal.Journal
	Line         Line // to other boxes; nil: this box is alone
	Clock        *event.Clock
	OnDeadLetter func(DeadLetter)       // takes a dead letter; must not block
	Observe      func(supervise.Report) // sees each crash
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Rooms is every room of the box. A room starts with the first mail to it.
type Rooms struct {
	Deps
	cfg      Config
	kinds    []Kind
	commands map[string]command
	defs     map[event.Kind]event.Def
	casts    map[string]Cast
	owner    map[event.Kind]string // which feature folds a kind
	pool     *supervise.Pool[string, Room, roomMail]
	metrics  metrics
	refs     atomic.Uint64 // presence references

	mu                sync.Mutex
	connectionsByRoom map[string]*connections // guarded by mu; one small entry for each room ever used
}

type command struct {
	Command
	feature string
}

// roomMail is one entry of a room's mailbox: one of its fields is set.
type roomMail struct {
	join        *Seat
	ref         string // of the join
	leave       *Seat
	msg         *Message
	committed   *commitResult
	deadlineDue bool   // a deadline has passed
	presenceDue bool   // who came and went waits to be sent
	presenceBox string // whose guests missed some of presence
	handled     func() // called once the mail was handled; may be nil
}

// commitResult is the journal's answer for a batch of facts.
type commitResult struct {
	epoch, seq uint64
	err        error
}

// New makes the rooms of a box with the features of kinds.
func New(cfg Config, deps Deps, kinds ...Kind) *Rooms {
	rs := &Rooms{
		Deps: deps, cfg: cfg.WithDefaults(), kinds: append([]Kind{ControlKind}, kinds...),
		commands: map[string]command{}, defs: map[event.Kind]event.Def{}, owner: map[event.Kind]string{}, casts: map[string]Cast{},
		connectionsByRoom: map[string]*connections{}, metrics: newMetrics(deps.Metrics),
	}
	for _, k := range rs.kinds {
		for _, c := range k.Commands {
			rs.commands[c.Name] = command{c, k.Name}
		}
		for _, d := range k.Events {
			rs.defs[d.Kind], rs.owner[d.Kind] = d, k.Name
		}
		for _, c := range k.Casts {
			rs.casts[c.Name] = c
		}
	}
	rs.pool = supervise.NewPool(supervise.Kind[string, Room, roomMail]{
		Name: "room", Init: rs.startRoom, Handle: rs.handleMail, Save: rs.saveRoom,
		Mailbox: rs.cfg.Mailbox, Idle: rs.cfg.Idle, Hang: rs.cfg.Hang,
		MaxRestarts: rs.cfg.MaxRestarts, Period: rs.cfg.Period,
		Dead: rs.handleDeadLetter, Describe: roomMail.kindName, Observe: deps.Observe,
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
	if err := rs.checkOwner("room.Join", s.Room); err != nil {
		return err
	}
	return wrapPoolError("room.Join", rs.pool.Cast(s.Room, roomMail{join: s, ref: ref}))
}

// Leave gives the place back. It never waits and never fails.
func (rs *Rooms) Leave(s *Seat) {
	if err := rs.pool.Urgent(s.Room, roomMail{leave: s}); err != nil {
		rs.Log.Debug("leave of a stopped room", "room", s.Room, "err", err)
	}
}

// Post hands a member's message over and returns at once; the answer comes through
// m.Reply. An error means that the room was not reached, and m.Reply is not called.
func (rs *Rooms) Post(s *Seat, m Message) error {
	if err := rs.checkOwner("room.Post", s.Room); err != nil {
		return err
	}
	m.By, m.seat = s.Viewer, s
	return wrapPoolError("room.Post", rs.pool.Cast(s.Room, roomMail{msg: &m}))
}

// Call posts m for the box itself, with m.By as its author, and waits for the answer.
func (rs *Rooms) Call(ctx context.Context, room string, m Message) (Reply, error) {
	if err := rs.checkOwner("room.Call", room); err != nil {
		return Reply{}, err
	}
	answer := make(chan Reply, 1)
	m.Reply, m.seat = func(r Reply) { answer <- r }, nil
	if err := rs.pool.Cast(room, roomMail{msg: &m}); err != nil {
		return Reply{}, wrapPoolError("room.Call", err)
	}
	select {
	case r := <-answer:
		return r, r.Err
	case <-ctx.Done():
		return Reply{}, errs.New("room.Call", errs.Down, context.Cause(ctx))
	}
}

// wrapPoolError gives the pool's errors the kind that says who acts next.
func wrapPoolError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, supervise.ErrFull):
		e := errs.NewCode(op, errs.Busy, "room_busy", "too many messages are waiting for this room")
		return e
	}
	return errs.New(op, errs.Down, err)
}

func (rs *Rooms) connectionsOf(id string) *connections {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	h := rs.connectionsByRoom[id]
	if h == nil {
		h = &connections{}
		rs.connectionsByRoom[id] = h
	}
	return h
}

// kindName names the kind of mail for crash reports. It contains no name and no text of people.
func (m roomMail) kindName() string {
	switch {
	case m.join != nil:
		return "join"
	case m.leave != nil:
		return "leave"
	case m.committed != nil:
		return "saved"
	case m.deadlineDue:
		return "ring"
	case m.presenceDue, m.presenceBox != "":
		return "presence"
	}
	return m.msg.Name
}

// handleDeadLetter sets mail aside that crashed its room twice.
func (rs *Rooms) handleDeadLetter(id string, m roomMail, cause supervise.Report) {
	switch {
	case m.msg != nil:
		rs.OnDeadLetter(DeadLetter{
			Room: id, Kind: m.msg.Name, By: m.msg.By.User, Role: m.msg.By.Role, ID: m.msg.ID,
			Data: m.msg.Data, Err: cause.Err.Error(), Stack: cause.Stack,
		})
		m.msg.sendReply(Reply{Err: errs.NewCode("room.Handle", errs.Internal, "set_aside", "this message could not be handled and was set aside")})
	case m.join != nil:
		m.join.rejectJoin(m.ref, errs.New("room.Join", errs.Internal, cause.Err))
	}
}

func (m *Message) sendReply(r Reply) {
	if m.Reply != nil {
		m.Reply(r)
	}
}
