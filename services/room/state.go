package room

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// Room is one live class. Its goroutine owns all of it, and it is rebuilt from the journal after
// a crash. The parts that must outlive a crash are in connections.
type Room struct {
	rooms       *Rooms
	connections *connections
	log         *slog.Logger
	id          string
	stream      string
	topic       string

	epoch          uint64
	seq            uint64 // the last fact recorded
	durable        uint64 // the last fact on disk
	lastCommitted  uint64 // the last committed fact recorded: views wait for it
	control        *control
	features       map[string]Feature
	seen           map[string][]answered // by user, oldest first
	recent         []event.Event         // the last facts, oldest first
	pendingEffects []pendingEffect       // casts behind a committed fact, in order
	unobserved     []event.Event         // who came and went, for the observers
	sinceSnapshot  int                   // facts since the last snapshot
	timer          *time.Timer           // for the next deadline; nil: there was none yet
}

// answered is a command that was counted: a repeat of it does not count.
type answered struct {
	ID  string
	Seq uint64
}

// maxAnswered is how many commands of one user are kept. A client resends the commands without
// an acknowledgement, which are far fewer.
const maxAnswered = 64

// pendingEffect waits until the fact `after` is on disk. Zero waits only for its turn.
type pendingEffect struct {
	after   uint64
	release func()
}

func (rs *Rooms) handleMail(ctx context.Context, r *Room, m roomMail) (err error) {
	switch {
	case m.join != nil:
		err = r.withConnections(ctx, func() { r.handleJoin(m.join, m.ref) })
	case m.leave != nil:
		err = r.withConnections(ctx, func() { r.handleLeave(m.leave) })
	case m.committed != nil:
		if e := r.withConnections(ctx, func() { err = r.handleCommit(*m.committed) }); e != nil {
			err = e
		}
	case m.msg != nil:
		err = r.handleMessage(ctx, m.msg)
	case m.deadlineDue:
		err = r.fireDeadlines(ctx)
	case m.presenceDue:
		err = r.withConnections(ctx, r.handlePresenceDue)
	case m.presenceBox != "":
		err = r.withConnections(ctx, func() { r.resendPresence(m.presenceBox) })
	}
	if err == nil {
		err = r.observePresence(ctx)
	}
	if m.committed == nil && err == nil {
		r.armTimer()
	}
	if m.handled != nil && err == nil {
		m.handled()
	}
	return err
}

// withConnections runs f with the lock of the connections. A goroutine that the pool has given
// up does nothing here. A feature's Handle never runs in f, because it may hang.
func (r *Room) withConnections(ctx context.Context, f func()) error {
	r.connections.mu.Lock()
	defer r.connections.mu.Unlock()
	if !supervise.Alive(ctx) {
		return errs.New("room", errs.Down, context.Cause(ctx))
	}
	f()
	return nil
}

// handleMessage checks the sender, lets the feature decide and sends the effects.
func (r *Room) handleMessage(ctx context.Context, m *Message) error {
	var c command
	var refused error
	var known bool
	err := r.withConnections(ctx, func() {
		if c, refused = r.checkCommand(m); refused != nil {
			return
		}
		var seq uint64
		if seq, known = r.findRepeat(m); known {
			r.ackMessage(m, seq, r.seq)
		}
	})
	if err != nil || known {
		return err
	}
	t := &Turn{room: r, msg: m, stamp: r.rooms.Clock.Now()}
	if refused == nil {
		m.typed = c.Payload
		refused = r.features[c.feature].Handle(t, *m)
	}
	if refused != nil {
		if len(t.facts) > 0 {
			panic("room: " + m.Name + " recorded a fact and then failed: " + refused.Error())
		}
		r.rooms.metrics.messages.WithLabelValues("refused").Inc()
		m.sendReply(Reply{Err: refused})
		return nil
	}
	t.notifyObservers(t.facts) // of now: facts that observers record are not in it
	r.rooms.metrics.messages.WithLabelValues("handled").Inc()
	return r.withConnections(ctx, func() { r.flushTurn(t) })
}

// checkCommand checks roles, locks and mutes. No other code does.
func (r *Room) checkCommand(m *Message) (command, error) {
	c, ok := r.rooms.commands[m.Name]
	switch {
	case !ok:
		return c, errs.NewCode("room", errs.Missing, "unknown_event", "no command %q", truncateName(m.Name))
	case m.seat != nil && !r.isSeated(m.seat):
		return c, errs.NewCode(m.Name, errs.Denied, "not_joined", "join the room first")
	case c.Box && m.seat != nil, m.By.Role == event.Screen && !c.Screen, m.By.Role == event.Pupil && !c.Pupil, m.By.Role == 0:
		return c, errs.NewCode(m.Name, errs.Denied, "role", "not allowed for a %s", m.By.Role)
	case c.Bulk && r.rooms.Journal.Full():
		return c, errs.NewCode(m.Name, errs.Down, "disk_full", "the box's disk is full: only what must be kept is taken")
	case !c.Closed && !r.control.isOpen():
		return c, errs.NewCode(m.Name, errs.Stale, "no_lesson", "no lesson is open in this room")
	case len(m.ID) > MaxID:
		return c, errs.NewField(m.Name, "id", "too_long", MaxID, "%d bytes, at most %d", len(m.ID), MaxID)
	case m.seat != nil && m.ID == "":
		return c, errs.NewField(m.Name, "id", "empty", MaxID, "every command carries an id of 1 to %d bytes", MaxID)
	}
	if m.By.Role == event.Pupil {
		if c.Lock != "" && r.control.Locks[c.Lock] {
			return c, errs.NewCode(m.Name, errs.Denied, "locked", "the teacher has locked this")
		}
		if c.Speech && r.control.Muted[m.By.User] {
			return c, errs.NewCode(m.Name, errs.Denied, "muted", "the teacher has muted you")
		}
	}
	return c, nil
}

func (r *Room) isSeated(s *Seat) bool {
	return r.connections.has(s)
}

// truncateName shortens a client's word for an error.
func truncateName(s string) string { return s[:min(len(s), MaxID)] }

func (r *Room) findRepeat(m *Message) (seq uint64, ok bool) {
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

// flushTurn hands the turn's facts to the journal and lets its effects leave.
func (r *Room) flushTurn(t *Turn) {
	first := uint64(0)
	if n := len(t.facts); n > 0 {
		first = t.facts[0].Seq
		r.appendFacts(t.facts)
	}
	for _, e := range t.facts {
		after := uint64(0)
		if r.rooms.defs[e.Kind].Effect == event.Committed {
			after, r.lastCommitted = e.Seq, e.Seq
		}
		r.deferEffect(after, func() { r.sendFact(e) })
	}
	for _, f := range t.casts {
		r.deferEffect(0, func() { r.sendCast(f) })
	}
	r.ackMessage(t.msg, first, r.seq)
	if r.sinceSnapshot >= r.rooms.cfg.Snapshot || (len(t.facts) > 0 && !r.control.isOpen()) {
		r.saveSnapshot()
	}
}

func (r *Room) appendFacts(facts []event.Event) {
	epoch, seq := r.epoch, facts[len(facts)-1].Seq
	b := journal.Batch{Stream: r.stream, Epoch: epoch, Facts: facts, Vital: true}
	for _, e := range facts {
		b.Vital = b.Vital && r.rooms.defs[e.Kind].Vital
	}
	r.rooms.Journal.Append(b, func(err error) {
		// Urgent is never full: one mail for each batch that this room handed over.
		if e := r.rooms.pool.Urgent(r.id, roomMail{committed: &commitResult{epoch, seq, err}}); e != nil {
			r.log.Debug("commit of a stopped room", "err", e)
		}
	})
}

// handleCommit handles the journal's answer. A refused batch means that memory is ahead of the
// disk: the pool rebuilds the room because of the error.
func (r *Room) handleCommit(s commitResult) error {
	if s.epoch != r.epoch {
		return nil // from before a crash: startRoom has settled its seats and acks
	}
	if s.err != nil {
		return errs.New("room.commit", errs.KindOf(s.err), s.err)
	}
	r.durable = max(r.durable, s.seq)
	for len(r.pendingEffects) > 0 && r.pendingEffects[0].after <= r.durable {
		h := r.pendingEffects[0]
		r.pendingEffects = r.pendingEffects[1:]
		h.release() // an effect that it defers goes to the end
	}
	n := 0
	for n < len(r.connections.acks) && r.connections.acks[n].seq <= r.durable {
		n++
	}
	done := r.connections.acks[:n]
	r.connections.acks = r.connections.acks[n:]
	for _, a := range done {
		a.reply(Reply{Seq: a.first})
	}
	return nil
}

// deferEffect runs leave at once, or in its turn behind the effects that wait for the disk.
func (r *Room) deferEffect(after uint64, leave func()) {
	if len(r.pendingEffects) == 0 && after <= r.durable {
		leave()
		return
	}
	r.pendingEffects = append(r.pendingEffects, pendingEffect{after, leave})
}

// ackMessage answers m once all facts up to seq are on disk, in the order of asking.
func (r *Room) ackMessage(m *Message, first, seq uint64) {
	if m.Reply == nil {
		return
	}
	if len(r.connections.acks) == 0 && seq <= r.durable {
		m.Reply(Reply{Seq: first})
		return
	}
	r.connections.acks = append(r.connections.acks, ack{seq, first, m.Reply})
}

// sendFact sends a fact to each member that may see it and has not got it.
func (r *Room) sendFact(e event.Event) {
	d := r.rooms.newDelivery(r.topic, e)
	for _, s := range r.connections.seats {
		d.sendTo(s)
	}
	if len(d.boxes) > 0 {
		r.rooms.Line.SendFact(r.id, d.boxes, e)
	}
	r.rooms.metrics.facts.Inc()
	if e.Kind == Removed {
		r.expelRemoved(e)
	}
}

// delivery is the way of one fact to seats.
type delivery struct {
	e        event.Event
	topic    string
	def      event.Def
	audience event.Audience
	frame    wire.Frame // the same for all who may see it, but for personal payloads
	boxes    []string   // of the guests, which have to be told
}

func (rs *Rooms) newDelivery(topic string, e event.Event) *delivery {
	def := rs.defs[e.Kind]
	return &delivery{e: e, topic: topic, def: def, audience: def.AudienceOf(e), frame: encodeFact(topic, e)}
}

// sendTo sends the fact to a member that may see it and has not got it, or notes the box of a guest.
func (d *delivery) sendTo(s *Seat) {
	if !s.answered || d.e.Seq <= s.lastSent {
		return
	}
	s.lastSent = d.e.Seq
	switch {
	case s.Box != "":
		if !slices.Contains(d.boxes, s.Box) {
			d.boxes = append(d.boxes, s.Box)
		}
	case !d.audience.Has(s.Viewer):
	case d.def.PayloadFor != nil:
		s.Member.Send(encodeFact(d.topic, personalise(d.def, d.e, s.Viewer)))
	default:
		s.Member.Send(d.frame)
	}
}

func (r *Room) sendCast(c cast) {
	var guests []*Seat
	for _, s := range r.connections.seats {
		switch {
		case !s.answered || !c.see.Has(s.Viewer):
		case s.Box != "":
			guests = append(guests, s)
		default:
			s.Member.Send(c.frame)
		}
	}
	r.castToGuests(c.frame, guests)
}

func encodeFact(topic string, e event.Event) wire.Frame {
	return wire.NewBroadcast(topic, string(e.Kind), AppendEvent(nil, e))
}

// AppendEvent appends to dst the payload that members get for e.
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

// applyFact folds one fact, live or at replay.
func (r *Room) applyFact(e event.Event) {
	if e.Kind == LessonStarted {
		r.resetFeatures()
	}
	r.recordFact(e)
	if f, ok := r.features[r.rooms.owner[e.Kind]]; ok {
		f.Apply(e) // a kind of another version stays in the log and is not folded
	}
}

// recordFact counts a fact without folding it.
func (r *Room) recordFact(e event.Event) {
	r.seq = e.Seq
	r.sinceSnapshot++
	if e.ID != "" {
		list := append(r.seen[e.By], answered{e.ID, e.Seq})
		r.seen[e.By] = list[max(0, len(list)-maxAnswered):]
	}
	r.recent = append(r.recent, e)
	if len(r.recent) >= 2*r.rooms.cfg.Recent {
		r.recent = append([]event.Event(nil), r.recent[len(r.recent)-r.rooms.cfg.Recent:]...)
	}
}

// resetFeatures gives each feature a fresh state: a lesson starts with an empty room, but for what an
// Heir keeps.
func (r *Room) resetFeatures() {
	before := r.features
	r.features = map[string]Feature{}
	for _, k := range r.rooms.kinds {
		f := k.New()
		if h, ok := f.(Heir); ok && before != nil {
			h.Inherit(before[k.Name])
		}
		r.features[k.Name] = f
	}
	r.control = r.features[ControlKind.Name].(*control)
}

// viewFor is the whole room as the viewer may see it.
func (r *Room) viewFor(v event.Viewer) map[string]any {
	view := map[string]any{"lesson": r.control.Lesson}
	now := r.rooms.Clock.Now()
	for name, f := range r.features {
		view[name] = f.View(v, now)
	}
	return view
}

// eventsFor are the facts of list that the viewer may see, as members get them.
func (r *Room) eventsFor(list []event.Event, v event.Viewer) []json.RawMessage {
	out := []json.RawMessage{}
	for _, e := range list {
		if def, ok := r.rooms.defs[e.Kind]; ok && !isRedacted(e) && def.AudienceOf(e).Has(v) {
			out = append(out, r.marshalWithKind(personalise(def, e, v)))
		}
	}
	return out
}

// personalise returns the fact as the viewer gets it.
func personalise(def event.Def, e event.Event, v event.Viewer) event.Event {
	if def.PayloadFor != nil {
		e.Data = def.PayloadFor(e, v)
	}
	return e
}

// isRedacted reports whether the fact's payload was removed from the log: the retention time was
// over, or the author was erased.
func isRedacted(e event.Event) bool { return string(e.Data) == "null" }

// marshalWithKind encodes an event with its kind, for the list of missed events.
func (r *Room) marshalWithKind(e event.Event) json.RawMessage {
	dst := append([]byte(`{"kind":`), wire.AppendString(nil, string(e.Kind))...)
	dst = append(dst, ',')
	return append(dst, AppendEvent(nil, e)[1:]...)
}
