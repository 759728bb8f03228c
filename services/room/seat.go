package room

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// Member is a connection that has a seat in a room.
type Member interface {
	// Send queues f and returns at once. A reader that is too slow loses volatile
	// frames first and is then closed; it resumes by seq.
	Send(f wire.Frame)
	// Closed is called when the room has closed the seat. The frame that says so to the client
	// is in the queue already. It must not block.
	Closed(s *Seat)
}

// Seat is one member's place in one room. It outlives a crash of the room, so the sockets stay
// open.
type Seat struct {
	Room    string // id
	Viewer  event.Viewer
	Name    string // shown to others in presence
	JoinRef string // of the channel, for frames meant for this member alone
	Member  Member
	Since   uint64 // the last seq that the client saw; 0 when it saw none
	Epoch   uint64 // the epoch of that event

	presenceKey  string // guarded by connections.mu, as all below
	presenceMeta json.RawMessage
	answered     bool   // the join was answered: events follow
	lastSent     uint64 // the last seq that was queued to the member
}

// ack is a promise to answer when all facts up to seq are on disk.
type ack struct {
	seq   uint64 // wait for this one
	first uint64 // what the reply names
	reply func(Reply)
}

// connections is the part of a room that survives a crash: the seats, and the replies that wait
// for the disk. Its users are the room's goroutine and a hung one that was given up: hence mu.
type connections struct {
	mu    sync.Mutex
	seats map[*Seat]struct{}
	acks  []ack
}

// meta is a member's entry in presence. PhxRef distinguishes two connections of one person in
// Phoenix.Presence.
type meta struct {
	PhxRef   string `json:"phx_ref"`
	Role     string `json:"role"`
	Name     string `json:"name"`
	OnlineAt int64  `json:"online_at"` // milliseconds since 1970
}

// presence is the payload of presence_state and of both halves of presence_diff.
type presence map[string]struct {
	Metas []json.RawMessage `json:"metas"`
}

func (p presence) addSeat(s *Seat) {
	entry := p[s.presenceKey]
	entry.Metas = append(entry.Metas, s.presenceMeta)
	p[s.presenceKey] = entry
}

// preparePresence prepares the seat's presence entry. n is unique on this box.
func (s *Seat) preparePresence(n uint64, now int64) {
	ref := strconv.FormatUint(n, 36)
	s.presenceKey = s.Viewer.User
	if s.Viewer.Role == event.Screen {
		s.presenceKey = "screen:" + ref
	}
	s.presenceMeta = mustJSON(meta{PhxRef: ref, Role: s.Viewer.Role.String(), Name: s.Name, OnlineAt: now})
}

// presenceState is the presence of everybody who is ready.
func (h *connections) presenceState() json.RawMessage {
	p := presence{}
	for s := range h.seats {
		if s.answered {
			p.addSeat(s)
		}
	}
	return mustJSON(p)
}

// sendPresenceDiff sends to all other seats that s came or went.
func (h *connections) sendPresenceDiff(topic string, s *Seat, came bool) {
	d := map[string]presence{"joins": {}, "leaves": {}}
	if came {
		d["joins"].addSeat(s)
	} else {
		d["leaves"].addSeat(s)
	}
	f := wire.NewBroadcast(topic, wire.PresenceDiff, mustJSON(d))
	for other := range h.seats {
		if other != s && other.answered {
			other.Member.Send(f)
		}
	}
}

func mustJSON(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("room: %T does not encode: %v", v, err)) // our own types: a fault in this package
	}
	return data
}
