package room

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// Member is a connection that sits in a room.
type Member interface {
	// Send queues f and returns at once. A reader that is too slow loses volatile
	// frames first and is then closed; it resumes by seq.
	Send(f wire.Frame)
	// Closed tells that the room has let the member go and why; the frame that says so
	// to the client is queued already. It must not block.
	Closed(s *Seat)
}

// Seat is one member's place in one room. It outlives a crash of the room: that is
// why nobody's socket notices one.
type Seat struct {
	Room    string // id
	Viewer  event.Viewer
	Name    string // shown to others in presence
	JoinRef string // of the channel, for frames meant for this member alone
	Member  Member
	Since   uint64 // the last seq that the client saw; 0 when it saw none
	Epoch   uint64 // the epoch of that event

	key   string // presence key; owned by the hall's lock, as all below
	meta  json.RawMessage
	ready bool   // the join was answered: events follow
	sent  uint64 // the last seq that was queued to the member
}

// ack is a promise to answer when all facts up to seq are on disk.
type ack struct {
	seq   uint64 // wait for this one
	first uint64 // what the reply names
	reply func(Reply)
}

// hall is what survives a crash of its room: who sits in it, and who waits for an
// answer. The room's goroutine is its only user but for a fenced, hung one: hence mu.
type hall struct {
	mu    sync.Mutex
	seats map[*Seat]struct{}
	acks  []ack
}

// meta is a member's entry in presence. PhxRef is what Phoenix.Presence tells two
// connections of one person apart by.
type meta struct {
	PhxRef   string `json:"phx_ref"`
	Role     string `json:"role"`
	Name     string `json:"name"`
	OnlineAt int64  `json:"online_at"` // milliseconds since 1970
}

// presence is what presence_state and the two halves of presence_diff carry.
type presence map[string]struct {
	Metas []json.RawMessage `json:"metas"`
}

func (p presence) add(s *Seat) {
	entry := p[s.key]
	entry.Metas = append(entry.Metas, s.meta)
	p[s.key] = entry
}

// sit prepares the seat's presence entry. n is unique on this box.
func (s *Seat) sit(n uint64, now int64) {
	ref := strconv.FormatUint(n, 36)
	s.key = s.Viewer.User
	if s.Viewer.Role == event.Screen {
		s.key = "screen:" + ref
	}
	s.meta = mustJSON(meta{PhxRef: ref, Role: s.Viewer.Role.String(), Name: s.Name, OnlineAt: now})
}

// state is the presence of everybody who is ready.
func (h *hall) state() json.RawMessage {
	p := presence{}
	for s := range h.seats {
		if s.ready {
			p.add(s)
		}
	}
	return mustJSON(p)
}

// diff tells everybody but the seat itself that it came or went.
func (h *hall) diff(topic string, s *Seat, came bool) {
	d := map[string]presence{"joins": {}, "leaves": {}}
	if came {
		d["joins"].add(s)
	} else {
		d["leaves"].add(s)
	}
	f := wire.Broadcast(topic, wire.PresenceDiff, mustJSON(d))
	for other := range h.seats {
		if other != s && other.ready {
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
