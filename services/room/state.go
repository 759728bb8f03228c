package room

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// Room is one live class. All of it is owned by the room's goroutine and rebuilt from
// the journal after a crash; what must outlive one is in the hall.
type Room struct {
	rooms  *Rooms
	hall   *hall
	log    *slog.Logger
	id     string
	stream string
	topic  string

	epoch    uint64
	seq      uint64 // the last fact recorded
	durable  uint64 // the last fact on disk
	firm     uint64 // the last committed fact recorded: views wait for it
	control  *control
	features map[string]Feature
	seen     map[string][]answered // by user, oldest first
	recent   []event.Event         // the last facts, oldest first
	held     []held                // casts behind a committed fact, in order
	fresh    int                   // facts since the last snapshot
	alarm    *time.Timer           // the next ring; nil: none was asked for yet
}

// answered remembers that a command was counted, so that its repeat is not.
type answered struct {
	ID  string
	Seq uint64
}

// remembered is how many commands of one user are kept. A client resends what was
// not acknowledged, which is far less.
const remembered = 64

// held waits until the fact `after` is on disk. Zero waits only for its turn.
type held struct {
	after uint64
	leave func()
}

func (rs *Rooms) handle(ctx context.Context, r *Room, m mail) (err error) {
	switch {
	case m.join != nil:
		err = r.locked(ctx, func() { r.join(m.join, m.ref) })
	case m.leave != nil:
		err = r.locked(ctx, func() { r.leave(m.leave) })
	case m.saved != nil:
		if e := r.locked(ctx, func() { err = r.commit(*m.saved) }); e != nil {
			err = e
		}
	case m.msg != nil:
		err = r.message(ctx, m.msg)
	case m.ring:
		err = r.ring(ctx)
	}
	if m.saved == nil && err == nil {
		r.wind()
	}
	return err
}

// locked runs f as the owner of the hall. A life that was given up finds the hall
// taken over and does nothing. A feature's Handle never runs in here: it may hang.
func (r *Room) locked(ctx context.Context, f func()) error {
	r.hall.mu.Lock()
	defer r.hall.mu.Unlock()
	if !supervise.Alive(ctx) {
		return errs.New("room", errs.Down, context.Cause(ctx))
	}
	f()
	return nil
}

// message checks who asks, lets the feature decide and sends what came of it.
func (r *Room) message(ctx context.Context, m *Message) error {
	var c command
	var refused error
	var known bool
	err := r.locked(ctx, func() {
		if c, refused = r.allow(m); refused != nil {
			return
		}
		var seq uint64
		if seq, known = r.repeat(m); known {
			r.ack(m, seq, r.seq)
		}
	})
	if err != nil || known {
		return err
	}
	t := &Turn{room: r, msg: m, stamp: r.rooms.Clock.Now()}
	if refused == nil {
		refused = r.features[c.feature].Handle(t, *m)
	}
	if refused != nil {
		if len(t.facts) > 0 {
			panic("room: " + m.Name + " recorded a fact and then failed: " + refused.Error())
		}
		r.rooms.metrics.messages.WithLabelValues("refused").Inc()
		m.answer(Reply{Err: refused})
		return nil
	}
	t.hear()
	r.rooms.metrics.messages.WithLabelValues("handled").Inc()
	return r.locked(ctx, func() { r.flush(t) })
}

// allow is the one place where a command meets the server's idea of who may do what.
func (r *Room) allow(m *Message) (command, error) {
	c, ok := r.rooms.commands[m.Name]
	switch {
	case !ok:
		return c, errs.Code("room", errs.Missing, "unknown_event", "no command %q", clip(m.Name))
	case m.seat != nil && !r.seated(m.seat):
		return c, errs.Code(m.Name, errs.Denied, "not_joined", "join the room first")
	case c.Box && m.seat != nil, m.By.Role == event.Screen && !c.Screen, m.By.Role == event.Pupil && !c.Pupil, m.By.Role == 0:
		return c, errs.Code(m.Name, errs.Denied, "role", "not allowed for a %s", m.By.Role)
	case c.Bulk && r.rooms.Journal.Full():
		return c, errs.Code(m.Name, errs.Down, "disk_full", "the box's disk is full: only what must be kept is taken")
	case !c.Closed && !r.control.open():
		return c, errs.Code(m.Name, errs.Stale, "no_lesson", "no lesson is open in this room")
	case len(m.ID) > MaxID:
		return c, errs.Field(m.Name, "id", "too_long", MaxID, "%d bytes, at most %d", len(m.ID), MaxID)
	case m.seat != nil && m.ID == "":
		return c, errs.Field(m.Name, "id", "empty", MaxID, "every command carries an id of 1 to %d bytes", MaxID)
	}
	if m.By.Role == event.Pupil {
		if c.Lock != "" && r.control.Locks[c.Lock] {
			return c, errs.Code(m.Name, errs.Denied, "locked", "the teacher has locked this")
		}
		if c.Speech && r.control.Muted[m.By.User] {
			return c, errs.Code(m.Name, errs.Denied, "muted", "the teacher has muted you")
		}
	}
	return c, nil
}

func (r *Room) seated(s *Seat) bool {
	_, ok := r.hall.seats[s]
	return ok
}

// clip keeps a foreign word short in an error.
func clip(s string) string { return s[:min(len(s), MaxID)] }

func (r *Room) repeat(m *Message) (seq uint64, ok bool) {
	if m.ID == "" {
		return 0, false
	}
	for _, a := range r.seen[m.By.User] {
		if a.ID == m.ID {
			return a.Seq, true
		}
	}
	return 0, false
}

// flush hands the turn's facts to the journal and lets its effects leave.
func (r *Room) flush(t *Turn) {
	first := uint64(0)
	if n := len(t.facts); n > 0 {
		first = t.facts[0].Seq
		r.append(t.facts)
	}
	for _, e := range t.facts {
		after := uint64(0)
		if r.rooms.defs[e.Kind].Effect == event.Committed {
			after, r.firm = e.Seq, e.Seq
		}
		r.hold(after, func() { r.send(e) })
	}
	for _, f := range t.casts {
		r.hold(0, func() { r.cast(f) })
	}
	r.ack(t.msg, first, r.seq)
	if r.fresh >= r.rooms.cfg.Snapshot || (len(t.facts) > 0 && !r.control.open()) {
		r.snapshot()
	}
}

func (r *Room) append(facts []event.Event) {
	epoch, seq := r.epoch, facts[len(facts)-1].Seq
	b := journal.Batch{Stream: r.stream, Epoch: epoch, Facts: facts, Vital: true}
	for _, e := range facts {
		b.Vital = b.Vital && r.rooms.defs[e.Kind].Vital
	}
	r.rooms.Journal.Append(b, func(err error) {
		// Urgent is never full: one mail for each batch that this room handed over.
		if e := r.rooms.pool.Urgent(r.id, mail{saved: &saved{epoch, seq, err}}); e != nil {
			r.log.Debug("commit of a stopped room", "err", e)
		}
	})
}

// commit takes the journal's word. A refused batch means that memory is ahead of the
// disk: the error has the pool rebuild the room.
func (r *Room) commit(s saved) error {
	if s.epoch != r.epoch {
		return nil // of an earlier life: its seats and acks were settled at the start
	}
	if s.err != nil {
		return errs.New("room.commit", errs.KindOf(s.err), s.err)
	}
	r.durable = max(r.durable, s.seq)
	for len(r.held) > 0 && r.held[0].after <= r.durable {
		h := r.held[0]
		r.held = r.held[1:]
		h.leave() // what it holds itself goes behind the rest
	}
	n := 0
	for n < len(r.hall.acks) && r.hall.acks[n].seq <= r.durable {
		n++
	}
	done := r.hall.acks[:n]
	r.hall.acks = r.hall.acks[n:]
	for _, a := range done {
		a.reply(Reply{Seq: a.first})
	}
	return nil
}

// hold lets an effect leave at once, or in its turn behind what waits for the disk.
func (r *Room) hold(after uint64, leave func()) {
	if len(r.held) == 0 && after <= r.durable {
		leave()
		return
	}
	r.held = append(r.held, held{after, leave})
}

// ack answers m once all facts up to seq are on disk, in the order of asking.
func (r *Room) ack(m *Message, first, seq uint64) {
	if m.Reply == nil {
		return
	}
	if len(r.hall.acks) == 0 && seq <= r.durable {
		m.Reply(Reply{Seq: first})
		return
	}
	r.hall.acks = append(r.hall.acks, ack{seq, first, m.Reply})
}

// send gives a fact to everybody who may see it and has not.
func (r *Room) send(e event.Event) {
	def := r.rooms.defs[e.Kind]
	audience := def.Audience(e)
	f := r.frame(e)
	for s := range r.hall.seats {
		if !s.ready || e.Seq <= s.sent {
			continue
		}
		s.sent = e.Seq
		if !audience.Has(s.Viewer) {
			continue
		}
		if def.For != nil {
			f = r.frame(told(def, e, s.Viewer))
		}
		s.Member.Send(f)
	}
	r.rooms.metrics.facts.Inc()
	if e.Kind == Removed {
		r.expel(e)
	}
}

func (r *Room) cast(c cast) {
	for s := range r.hall.seats {
		if s.ready && c.see.Has(s.Viewer) {
			s.Member.Send(c.frame)
		}
	}
}

func (r *Room) frame(e event.Event) wire.Frame {
	return wire.Broadcast(r.topic, string(e.Kind), AppendEvent(nil, e))
}

// AppendEvent writes the payload that members get for e behind dst.
func AppendEvent(dst []byte, e event.Event) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, `,"epoch":`...)
	dst = strconv.AppendUint(dst, e.Epoch, 10)
	dst = append(dst, `,"at":`...)
	dst = strconv.AppendInt(dst, e.Stamp.Wall, 10)
	dst = append(dst, `,"by":`...)
	dst = wire.AppendString(dst, e.By)
	if e.ID != "" {
		dst = append(dst, `,"id":`...)
		dst = wire.AppendString(dst, e.ID)
	}
	dst = append(dst, `,"data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

// apply folds one fact, live or at replay.
func (r *Room) apply(e event.Event) {
	if e.Kind == LessonStarted {
		r.reset()
	}
	r.remember(e)
	if f, ok := r.features[r.rooms.owner[e.Kind]]; ok {
		f.Apply(e) // a kind of another version is kept in the log and folded by nobody
	}
}

// remember counts a fact without folding it.
func (r *Room) remember(e event.Event) {
	r.seq = e.Seq
	r.fresh++
	if e.ID != "" {
		list := append(r.seen[e.By], answered{e.ID, e.Seq})
		r.seen[e.By] = list[max(0, len(list)-remembered):]
	}
	r.recent = append(r.recent, e)
	if len(r.recent) >= 2*r.rooms.cfg.Recent {
		r.recent = append([]event.Event(nil), r.recent[len(r.recent)-r.rooms.cfg.Recent:]...)
	}
}

// reset gives each feature a fresh state: a lesson starts with an empty room.
func (r *Room) reset() {
	r.features = map[string]Feature{}
	for _, k := range r.rooms.kinds {
		r.features[k.Name] = k.New()
	}
	r.control = r.features[controlKind.Name].(*control)
}

// view is the whole room as the viewer may see it.
func (r *Room) view(v event.Viewer) map[string]any {
	view := map[string]any{"lesson": r.control.Lesson}
	now := r.rooms.Clock.Now()
	for name, f := range r.features {
		view[name] = f.View(v, now)
	}
	return view
}

// events are the facts of list that the viewer may see, as members get them.
func (r *Room) events(list []event.Event, v event.Viewer) []json.RawMessage {
	out := []json.RawMessage{}
	for _, e := range list {
		if def, ok := r.rooms.defs[e.Kind]; ok && !gone(e) && def.Audience(e).Has(v) {
			out = append(out, r.named(told(def, e, v)))
		}
	}
	return out
}

// told is the fact as the viewer is told it.
func told(def event.Def, e event.Event, v event.Viewer) event.Event {
	if def.For != nil {
		e.Data = def.For(e, v)
	}
	return e
}

// gone tells that the fact's payload was taken out of the log: its time had come, or its
// author was erased.
func gone(e event.Event) bool { return string(e.Data) == "null" }

// named is an event with its kind inside, as a list of missed ones needs it.
func (r *Room) named(e event.Event) json.RawMessage {
	dst := append([]byte(`{"kind":`), wire.AppendString(nil, string(e.Kind))...)
	dst = append(dst, ',')
	return append(dst, AppendEvent(nil, e)[1:]...)
}
