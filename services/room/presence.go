package room

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// Presence is that of Phoenix.Presence: a member gets the list of who is here, and then who comes
// and goes. Two things keep its cost low in a room of thousands.
//
// The list is kept in pages. A page is encoded once for all who come before it changes. The first
// page goes out as presence_state. The others follow as joins of presence_diff, which the stock
// clients add to the list. A long list goes out a page at a time, because all of it would not fit
// in a member's queue.
//
// Who comes and goes within changesPause goes out in one frame.
const (
	pageMembers  = 128 // about 14 KiB
	pagesAtOnce  = 4   // after the answer to a join
	changesPause = 50 * time.Millisecond
	pagesPause   = 100 * time.Millisecond
)

// presenceMeta is a member's entry in presence. PhxRef distinguishes two connections of one
// person.
type presenceMeta struct {
	PhxRef   string `json:"phx_ref"`
	Role     string `json:"role"`
	Name     string `json:"name"`
	OnlineAt int64  `json:"online_at"` // milliseconds since 1970
}

// preparePresence prepares the seat's presence entry. n is unique on this box.
func (s *Seat) preparePresence(n uint64, now int64) {
	ref := strconv.FormatUint(n, 36)
	s.presenceKey = s.Viewer.User
	if s.Viewer.Role == event.Screen {
		s.presenceKey = "screen:" + ref
	}
	s.presenceMeta = mustJSON(presenceMeta{PhxRef: ref, Role: s.Viewer.Role.String(), Name: s.Name, OnlineAt: now})
}

// presence is who is here, and what the members do not know yet of it. It is a part of the
// connections and guarded by their lock.
type presence struct {
	pages   []*presencePage
	changes struct{ joins, leaves []*Seat } // not sent yet
	sent    time.Time                       // of the last changes
	unpaged map[*Seat]int                   // the next page of the members who do not have all pages
	armed   bool                            // a timer will call sendPresence
}

// presencePage holds up to pageMembers seats, sorted by key.
type presencePage struct {
	seats []*Seat
	frame wire.Frame // shared by all who get the page; empty after a change
}

func comparePresence(a, b *Seat) int { return strings.Compare(a.presenceKey, b.presenceKey) }

// add puts the seat on the first page that has room.
func (p *presence) add(s *Seat) {
	i := slices.IndexFunc(p.pages, func(page *presencePage) bool { return len(page.seats) < pageMembers })
	if i < 0 {
		i, p.pages = len(p.pages), append(p.pages, &presencePage{})
	}
	page := p.pages[i]
	at, _ := slices.BinarySearchFunc(page.seats, s, comparePresence)
	page.seats, page.frame = slices.Insert(page.seats, at, s), wire.Frame{}
	s.presencePage = page
	p.changes.joins = append(p.changes.joins, s)
}

// remove takes the seat from its page. The other seats stay where they are, so that a member who
// still gets pages misses nobody.
func (p *presence) remove(s *Seat) {
	page := s.presencePage
	page.seats = slices.DeleteFunc(page.seats, func(other *Seat) bool { return other == s })
	page.frame = wire.Frame{}
	for n := len(p.pages); n > 0 && len(p.pages[n-1].seats) == 0; n-- {
		p.pages = p.pages[:n-1]
	}
	delete(p.unpaged, s)
	p.changes.leaves = append(p.changes.leaves, s)
}

// frame returns the page as a presence_state if it is the first one, else as a presence_diff. It is
// encoded once for all who come until the page changes.
func (p *presence) frame(topic string, n int) wire.Frame {
	page := p.pages[n]
	if page.frame.Bytes != nil {
		return page.frame
	}
	list := encodePresence(page.seats)
	if n == 0 {
		page.frame = wire.NewBroadcast(topic, wire.PresenceState, list)
	} else {
		page.frame = wire.NewBroadcast(topic, wire.PresenceDiff, encodeChanges(list, json.RawMessage("{}")))
	}
	return page.frame
}

// encodePresence returns the object of the seats, which are sorted by key: key -> {metas}.
func encodePresence(seats []*Seat) json.RawMessage {
	list := make([]byte, 0, 2+len(seats)*128)
	list = append(list, '{')
	for i, s := range seats {
		if i > 0 && seats[i-1].presenceKey == s.presenceKey {
			list = append(list[:len(list)-len("]}")], ',') // one more connection of the same person
		} else {
			if i > 0 {
				list = append(list, ',')
			}
			list = wire.AppendString(list, s.presenceKey)
			list = append(list, `:{"metas":[`...)
		}
		list = append(append(list, s.presenceMeta...), `]}`...)
	}
	return append(list, '}')
}

func encodeChanges(joins, leaves json.RawMessage) json.RawMessage {
	out := make([]byte, 0, len(joins)+len(leaves)+32)
	out = append(append(out, `{"joins":`...), joins...)
	out = append(append(out, `,"leaves":`...), leaves...)
	return append(out, '}')
}

// welcomeToPresence adds a member and sends it the list. The others learn of it.
func (r *Room) welcomeToPresence(s *Seat) {
	p := &r.connections.presence
	p.add(s)
	for n := range min(pagesAtOnce, len(p.pages)) {
		s.Member.Send(p.frame(r.topic, n))
	}
	if len(p.pages) > pagesAtOnce {
		if p.unpaged == nil {
			p.unpaged = map[*Seat]int{}
		}
		p.unpaged[s] = pagesAtOnce
	}
	r.sendPresence()
}

// leavePresence removes a member who had the answer to its join. The others learn of it.
func (r *Room) leavePresence(s *Seat) {
	r.connections.presence.remove(s)
	r.sendPresence()
}

// sendPresence sends the changes if the last ones are changesPause ago, and sets the timer for
// what has to wait. It runs with connections.mu held.
func (r *Room) sendPresence() {
	p := &r.connections.presence
	now := time.Now()
	wait := changesPause - now.Sub(p.sent)
	if n := len(p.changes.joins) + len(p.changes.leaves); n > 0 && wait <= 0 {
		r.sendPresenceChanges(now)
	} else if n > 0 {
		r.armPresenceTimer(wait)
	}
	if len(p.unpaged) > 0 {
		r.armPresenceTimer(pagesPause)
	}
}

func (r *Room) sendPresenceChanges(now time.Time) {
	p := &r.connections.presence
	joins, leaves := p.changes.joins, p.changes.leaves
	p.changes.joins, p.changes.leaves, p.sent = nil, nil, now
	slices.SortStableFunc(joins, comparePresence)
	slices.SortStableFunc(leaves, comparePresence)
	f := wire.NewBroadcast(r.topic, wire.PresenceDiff, encodeChanges(encodePresence(joins), encodePresence(leaves)))
	var guests []*Seat
	for _, s := range r.connections.seats {
		alone := len(leaves) == 0 && len(joins) == 1 && joins[0] == s // it is in its own list
		switch {
		case !s.answered || alone:
		case s.Box != "":
			guests = append(guests, s)
		default:
			s.Member.Send(f)
		}
	}
	r.castToGuests(f, guests)
}

// sendPresencePages sends the next page to each member who does not have all of them.
func (r *Room) sendPresencePages() {
	p := &r.connections.presence
	frames := map[int]wire.Frame{}
	for s, n := range p.unpaged {
		if n >= len(p.pages) {
			delete(p.unpaged, s)
			continue
		}
		if _, ok := frames[n]; !ok {
			frames[n] = p.frame(r.topic, n)
		}
		s.Member.Send(frames[n])
		p.unpaged[s] = n + 1
	}
}

// armPresenceTimer lets the room send what waits in its own turn. An armed timer stays as it is:
// the next turn sets the next one.
func (r *Room) armPresenceTimer(in time.Duration) {
	p := &r.connections.presence
	if p.armed {
		return
	}
	p.armed = true
	rooms, id, c := r.rooms, r.id, r.connections
	time.AfterFunc(in, func() {
		if err := rooms.pool.Urgent(id, roomMail{presenceDue: true}); err != nil {
			rooms.Log.Debug("presence of a stopped room", "room", id, "err", err)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.presence.armed = false
		}
	})
}

// handlePresenceDue sends what waited for the timer.
func (r *Room) handlePresenceDue() {
	r.connections.presence.armed = false
	r.sendPresencePages()
	r.sendPresence()
}
