package cluster

import (
	"slices"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire"
)

// hosting is the guests of one room of ours. There is a small one for each room that ever had guests.
// Messages leave with mu held, so that their numbers rise on the bus.
type hosting struct {
	room   string
	mu     sync.Mutex
	guests map[guestKey]*guest
	lines  map[string]*line // by box, as long as it has guests
}

// guestKey names a guest: the box, the run of its program, and a number there.
type guestKey struct {
	box        string
	boot, seat uint64
}

// line is what a room has said to one box.
type line struct {
	n      uint64         // the number of the last message
	at     journal.Cursor // the last fact
	guests int
}

// guest is the member of a guest's seat. It forwards what the room sends to the guest's box.
type guest struct {
	cluster  *Cluster
	hosting  *hosting
	key      guestKey
	seat     *room.Seat
	as       Admission
	welcomed bool      // guarded by hosting.mu
	listed   time.Time // by the guest's box, guarded by hosting.mu
}

// Send implements room.Member.
func (g *guest) Send(f wire.Frame) {
	g.hosting.mu.Lock()
	defer g.hosting.mu.Unlock()
	answered, at := g.seat.Welcomed()
	m := &single{Seat: g.key.seat, Frame: f.Bytes}
	switch {
	case answered && !g.welcomed:
		g.welcomed = true
		m.Stage, m.Epoch, m.Seq = stageWelcome, at.Epoch, at.Seq
	case answered:
		m.Stage = stageSeated
	}
	g.say(&m.place, m)
}

// Closed implements room.Member.
func (g *guest) Closed(*room.Seat) {
	g.hosting.mu.Lock()
	defer g.hosting.mu.Unlock()
	m := &closed{Seat: g.key.seat}
	g.say(&m.place, m)
	g.cluster.forget(g)
}

// say sends a message to the guest's box, unless the guest has left. hosting.mu is held.
func (g *guest) say(p *place, m message) {
	if g.hosting.guests[g.key] == g {
		g.cluster.say(g.hosting, g.key.box, p, m)
	}
}

// say numbers a message and sends it to a box. h.mu is held.
func (c *Cluster) say(h *hosting, box string, p *place, m message) {
	l := h.lines[box]
	if l == nil {
		return
	}
	l.n++
	p.Room, p.N = h.room, l.n
	c.publish(subjectOut+box, m)
}

// forget removes a guest. h.mu is held.
func (c *Cluster) forget(g *guest) {
	h := g.hosting
	if h.guests[g.key] != g {
		return
	}
	delete(h.guests, g.key)
	c.metrics.guests.Dec()
	if l := h.lines[g.key.box]; l.guests > 1 {
		l.guests--
	} else {
		delete(h.lines, g.key.box)
	}
}

// hostingOf returns the guests of a room; nil: it never had any.
func (c *Cluster) hostingOf(id string) *hosting {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hostings[id]
}

// handleIn handles what guests do in rooms of ours.
func (c *Cluster) handleIn(h header, m message, _ func([]byte)) {
	switch m := m.(type) {
	case *join:
		c.seatGuest(h, m)
	case *leave:
		if g := c.findGuest(h, m.Room, m.Seat); g != nil && isSigned(g.as.Key, h, m, &m.Code) {
			c.dropGuestsOf(g.hosting, func(other *guest) bool { return other == g })
		}
	case *post:
		c.postForGuest(h, m)
	case *seats:
		c.compareGuests(h, m)
	case *refresh:
		if c.hostingOf(m.Room) != nil && c.Owns(m.Room) {
			c.Rooms.ResendPresence(m.Room, h.From)
		}
	}
}

func (c *Cluster) seatGuest(h header, m *join) {
	if !c.Owns(m.Room) {
		c.publish(subjectOut+h.From, &unknown{Room: m.Room, Seat: m.Seat})
		return
	}
	seat := &room.Seat{
		Room: m.Room, Viewer: event.Viewer{User: m.User, Role: event.Role(m.Role)}, Name: m.Name,
		JoinRef: m.JoinRef, Since: m.Since, Epoch: m.Epoch, Box: h.From, Grant: room.Grant{Word: m.Grant},
	}
	as, err := c.admit(h, m, seat)
	if err != nil {
		c.publish(subjectOut+h.From, &unknown{m.Room, m.Seat, encodeError(err)})
		return
	}
	c.seatAdmitted(h, m, seat, as)
}

// seatAdmitted gives a guest a seat whom the box has let in.
func (c *Cluster) seatAdmitted(h header, m *join, seat *room.Seat, as Admission) {
	c.mu.Lock()
	hosting := c.hostings[m.Room]
	if hosting == nil {
		hosting = newHosting(m.Room)
		c.hostings[m.Room] = hosting
	}
	c.mu.Unlock()
	g := &guest{cluster: c, hosting: hosting, key: guestKey{h.From, h.Boot, m.Seat}, seat: seat, as: as, listed: time.Now()}
	seat.Member = g
	if !hosting.add(g) {
		return // known already
	}
	c.metrics.guests.Inc()
	if err := c.Rooms.Join(g.seat, m.Ref); err != nil {
		g.Send(wire.NewReply(m.JoinRef, m.Ref, room.TopicOf(m.Room), false, errs.BodyOf(err)))
		g.Closed(g.seat)
	}
}

func newHosting(id string) *hosting {
	return &hosting{room: id, guests: map[guestKey]*guest{}, lines: map[string]*line{}}
}

func (h *hosting) add(g *guest) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.guests[g.key] != nil {
		return false
	}
	h.guests[g.key] = g
	if h.lines[g.key.box] == nil {
		h.lines[g.key.box] = &line{}
	}
	h.lines[g.key.box].guests++
	return true
}

// findGuest returns the guest with a seat of a box; nil: there is none.
func (c *Cluster) findGuest(h header, id string, seat uint64) *guest {
	hosting := c.hostingOf(id)
	if hosting == nil {
		return nil
	}
	hosting.mu.Lock()
	defer hosting.mu.Unlock()
	return hosting.guests[guestKey{h.From, h.Boot, seat}]
}

func (c *Cluster) postForGuest(h header, m *post) {
	answer := func(r room.Reply) {
		out := &reply{Room: m.Room, Call: m.Call, Seq: r.Seq}
		if r.Err != nil {
			out.Error = encodeError(r.Err)
		}
		c.publish(subjectOut+h.From, out)
	}
	g := c.findGuest(h, m.Room, m.Seat)
	if g == nil { // its join was lost, or this box is new: the guest joins again and then sends it again
		answer(room.Reply{Err: errNotSaved()})
		return
	}
	if !isSigned(g.as.Key, h, m, &m.Code) {
		answer(room.Reply{Err: errGrant("cluster.Post")})
		return
	}
	err := c.Rooms.Post(g.seat, room.Message{Name: m.Name, ID: m.ID, Data: slices.Clone(m.Data), Reply: answer})
	if err != nil {
		answer(room.Reply{Err: err})
	}
}

// errNotSaved answers a command whose fate is not known. It counts once, however often it
// is sent.
func errNotSaved() error {
	return errs.NewCode("cluster", errs.Down, "not_saved", "not saved: send it again")
}

// compareGuests notes which guests are still there, and reports the seats whose join was lost. The list
// is not signed, so it ends no seat: see dropLostGuests.
func (c *Cluster) compareGuests(h header, m *seats) {
	now, lost := time.Now(), 0
	for _, seat := range m.List {
		if g := c.findGuest(h, m.Room, seat); g != nil {
			g.hosting.mu.Lock()
			g.listed = now
			g.hosting.mu.Unlock()
		} else if lost++; lost <= maxUnknown { // the rest comes with the next list
			c.publish(subjectOut+h.From, &unknown{Room: m.Room, Seat: seat})
		}
	}
}

// dropGuests has guests of all rooms leave.
func (c *Cluster) dropGuests(gone func(*guest) bool) {
	for _, h := range c.listHostings() {
		c.dropGuestsOf(h, gone)
	}
}

func (c *Cluster) listHostings() []*hosting {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*hosting, 0, len(c.hostings))
	for _, h := range c.hostings {
		list = append(list, h)
	}
	return list
}

func (c *Cluster) dropGuestsOf(h *hosting, gone func(*guest) bool) {
	h.mu.Lock()
	var list []*room.Seat
	for _, g := range h.guests {
		if gone(g) {
			list = append(list, g.seat)
			c.forget(g)
		}
	}
	h.mu.Unlock()
	for _, s := range list {
		c.Rooms.Leave(s)
	}
}

// dropLostGuests has the guests leave whose box is silent or lists them no more: it was started again,
// or their leave was lost.
func (c *Cluster) dropLostGuests() {
	now := time.Now()
	c.dropGuests(func(g *guest) bool { return now.Sub(g.listed) >= lostAfter })
}

// sendStands reports to each box with guests how far the rooms are.
func (c *Cluster) sendStands() {
	c.mu.Lock()
	boxes := map[string]*stands{}
	for id, h := range c.hostings {
		h.mu.Lock()
		for box, l := range h.lines {
			if boxes[box] == nil {
				boxes[box] = &stands{}
			}
			boxes[box].Rooms = append(boxes[box].Rooms, standing{place{id, l.n}, l.at.Epoch, l.at.Seq})
		}
		h.mu.Unlock()
	}
	c.mu.Unlock()
	for box, m := range boxes {
		for part := range slices.Chunk(m.Rooms, maxRooms) {
			c.publish(subjectOut+box, &stands{part})
		}
	}
}

// SendFact implements room.Line.
func (c *Cluster) SendFact(id string, boxes []string, e event.Event) {
	h := c.hostingOf(id)
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, box := range boxes {
		if l := h.lines[box]; l != nil {
			l.at = journal.Cursor{Epoch: e.Epoch, Seq: e.Seq}
		}
		m := &fact{Fact: e}
		c.say(h, box, &m.place, m)
	}
}

// SendCast implements room.Line.
func (c *Cluster) SendCast(id string, f wire.Frame, guests []*room.Seat) {
	h := c.hostingOf(id)
	if h == nil {
		return
	}
	to := map[string][]uint64{}
	for _, s := range guests {
		if g, ok := s.Member.(*guest); ok {
			to[s.Box] = append(to[s.Box], g.key.seat)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for box, list := range to {
		m := &cast{Volatile: f.Volatile, To: list, Frame: f.Bytes}
		c.say(h, box, &m.place, m)
	}
}

// SendPresence implements room.Line.
func (c *Cluster) SendPresence(id, box string, pages []wire.Frame, _ []*room.Seat) {
	h := c.hostingOf(id)
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, f := range pages {
		m := &page{First: i == 0, Last: i == len(pages)-1, Frame: f.Bytes}
		c.say(h, box, &m.place, m)
	}
}

// handleLog answers with facts of a room of ours, for a guest of the box that asks.
func (c *Cluster) handleLog(h header, m message, answer func([]byte)) {
	q, ok := m.(*logQuestion)
	if !ok || answer == nil || !c.Owns(q.Room) {
		return
	}
	g := c.findGuest(h, q.Room, q.Seat)
	if g == nil || !isSigned(g.as.Key, h, q, &q.Code) {
		answer(encode(c.header, &logAnswer{})) // the guest joins again and then asks again
		return
	}
	answer(encode(c.header, c.readLog(q)))
}

func (c *Cluster) readLog(q *logQuestion) *logAnswer {
	stream, out := room.StreamOf(q.Room), &logAnswer{}
	size := 0
	for e, err := range c.Journal.Replay(stream, q.Seq) {
		if err != nil {
			if errs.KindOf(err) == errs.Corrupt {
				continue // as the room itself passes over it
			}
			return out
		}
		if size += len(e.Data) + 128; size > maxFact && len(out.Facts) > 0 || len(out.Facts) == maxFacts {
			break
		}
		out.Facts = append(out.Facts, e)
	}
	end, known := c.Journal.EpochEnd(stream, q.Epoch)
	// Facts leave the room before they are on disk, so a position may be ahead of its epoch's end as
	// long as the epoch goes on.
	if !known || q.Seq > end && (q.Ended || len(out.Facts) > 0) {
		return &logAnswer{Diverged: true}
	}
	return out
}
