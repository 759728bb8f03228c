package room

import (
	"encoding/json"
	"fmt"
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

// Kicker is a Member that can sign its person out.
type Kicker interface{ Kick(why string) }

// Seat is one member's place in one room. It outlives a crash of the room, so the sockets stay
// open.
type Seat struct {
	Room    string // id
	Viewer  event.Viewer
	Name    string // shown to others in presence
	JoinRef string // of the channel, for frames meant for this member alone
	Member  Member
	Box     string // of a guest: the box at which the person is connected; empty: this box
	Home    string // the box of the room; empty: this box
	Grant   Grant  // of that box, which says who the person is
	Since   uint64 // the last seq that the client saw; 0 when it saw none
	Epoch   uint64 // the epoch of that event

	presenceKey  string // guarded by connections.mu, as all below
	presenceMeta json.RawMessage
	presencePage *presencePage // nil before the join was answered
	answered     bool          // the join was answered: events follow
	lastSent     uint64        // the last seq that was queued to the member
	joinEpoch    uint64        // the epoch in which the join was answered
	left         bool          // it left before its join was handled
	place        int           // in connections.seats, if it is there
}

// Grant is the word of a room's box on who a person is, for a seat that is taken at another box.
type Grant struct {
	Word []byte // the room's box reads it
	Key  []byte // signs what the person asks for; only the two boxes know it
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
	mu       sync.Mutex
	seats    []*Seat // in no order
	acks     []ack
	presence presence
}

func (c *connections) has(s *Seat) bool { return s.place < len(c.seats) && c.seats[s.place] == s }

// addSeat adds a seat that is not there.
func (c *connections) addSeat(s *Seat) {
	s.place = len(c.seats)
	c.seats = append(c.seats, s)
}

// removeSeat removes a seat, if it is there. The last one takes its place.
func (c *connections) removeSeat(s *Seat) {
	if !c.has(s) {
		return
	}
	end := len(c.seats) - 1
	last := c.seats[end]
	c.seats[s.place], last.place = last, s.place
	c.seats[end] = nil
	c.seats = c.seats[:end]
}

func mustJSON(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("room: %T does not encode: %v", v, err)) // our own types: a fault in this package
	}
	return data
}
