package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"math"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// version is that of the messages between boxes. A box does not read another one.
const version = 1

// Limits of a message's fields, in bytes and items. A page of presence and the answer to a join are the
// longest frames.
const (
	anyNumber  = math.MaxUint64
	maxWord    = 256 // ids and names
	maxFrame   = 512 << 10
	maxPayload = wire.MaxFrame
	maxFact    = 512 << 10
	maxGuests  = 16384
	maxRooms   = 4096
	maxUnknown = 1024 // seats in the answer to one list
	maxFacts   = 4096
	maxGrant   = 256
	codeSize   = sha256.Size
)

// Subjects. A box listens to its own three and to the beat of all.
const (
	subjectBeat = "beat" // each box to all: it lives
	subjectIn   = "in."  // to a room's owner: what its guests do
	subjectOut  = "out." // to a guest's box: what the room says
	subjectLog  = "log." // a question to a room's owner: facts after a position
)

// message is one of the types below. kind is its byte in the header.
type message interface {
	kind() byte
	fields(c *codec)
}

// header is in front of each message: who sends, and in which run of its program.
type header struct {
	From string
	Boot uint64
}

// encode writes a message: version, kind, header, fields.
func encode(h header, m message) []byte {
	c := &codec{b: append(make([]byte, 0, 256), version, m.kind())}
	h.fields(c)
	m.fields(c)
	return c.b
}

func (h *header) fields(c *codec) {
	c.text("from", &h.From, maxWord)
	c.number("boot", &h.Boot, anyNumber)
}

// decode reads a message. An error is errs.Invalid and names the field and its limit. Texts are copied,
// payloads are part of data.
func decode(data []byte) (header, message, error) {
	var h header
	if len(data) < 2 || data[0] != version {
		return h, nil, errs.NewField("cluster.decode", "version", "unknown", version, "a message of another version than %d", version)
	}
	m := newMessage(data[1])
	if m == nil {
		return h, nil, errs.NewField("cluster.decode", "kind", "unknown", 0, "no message is of kind %q", data[1])
	}
	c := &codec{reading: true, b: data[2:]}
	h.fields(c)
	m.fields(c)
	switch {
	case c.err == nil && h.From == "":
		c.fail("from", "empty", 1, "must not be empty")
	case c.err == nil && len(c.b) > 0:
		c.fail("end", "too_long", 0, "%d bytes too many", len(c.b))
	}
	return h, m, c.err
}

func newMessage(kind byte) message {
	for _, m := range []message{
		&beat{}, &join{}, &leave{}, &post{}, &seats{}, &refresh{}, &fact{}, &cast{}, &single{}, &closed{},
		&page{}, &unknown{}, &kick{}, &reply{}, &stands{}, &logQuestion{}, &logAnswer{},
	} {
		if m.kind() == kind {
			return m
		}
	}
	return nil
}

// beat says that a box lives.
type beat struct{}

func (*beat) kind() byte    { return 'B' }
func (*beat) fields(*codec) {}

// join asks for a seat in a room. Seat is a number of the guest's box. Grant is the owner's word on who
// the guest is. Code shows that the box got its key from the owner.
type join struct {
	Room, User, Name, JoinRef, Ref string
	Seat, Role, Since, Epoch       uint64
	Grant, Code                    []byte
}

func (*join) kind() byte { return 'J' }

func (m *join) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	c.number("seat", &m.Seat, anyNumber)
	c.text("user", &m.User, maxWord)
	c.number("role", &m.Role, uint64(event.Teacher)) // an operator is the box itself
	c.text("name", &m.Name, 4*maxWord)
	c.text("join_ref", &m.JoinRef, maxWord)
	c.text("ref", &m.Ref, maxWord)
	c.number("since", &m.Since, anyNumber)
	c.number("epoch", &m.Epoch, anyNumber)
	c.data("grant", &m.Grant, maxGrant)
	c.data("code", &m.Code, codeSize)
}

// sign returns the code of a message, which has none yet, under the key of a guest's grant.
func sign(key []byte, h header, m message) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(encode(h, m)) // a hash never fails to write
	return mac.Sum(nil)
}

// isSigned takes the code out of a message and reports whether it is the one of the key.
func isSigned(key []byte, h header, m message, code *[]byte) bool {
	got := *code
	*code = nil
	return hmac.Equal(got, sign(key, h, m))
}

// leave gives a seat back. Code is as in join.
type leave struct {
	Room string
	Seat uint64
	Code []byte
}

func (*leave) kind() byte { return 'L' }

func (m *leave) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	c.number("seat", &m.Seat, anyNumber)
	c.data("code", &m.Code, codeSize)
}

// post is a guest's command. Call is a number of the guest's box for the reply. Code is as in join.
type post struct {
	Room, Name, ID string
	Seat, Call     uint64
	Data, Code     []byte
}

func (*post) kind() byte { return 'P' }

func (m *post) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	c.number("seat", &m.Seat, anyNumber)
	c.number("call", &m.Call, anyNumber)
	c.text("name", &m.Name, maxWord)
	c.text("id", &m.ID, maxWord)
	c.data("data", &m.Data, maxPayload)
	c.data("code", &m.Code, codeSize)
}

// seats is the list of all guests of a box in a room, so that a lost join or leave does no lasting harm.
type seats struct {
	Room string
	List []uint64
}

func (*seats) kind() byte { return 'S' }

func (m *seats) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	repeat(c, "seats", &m.List, maxGuests, func(v *uint64) { c.number("seat", v, anyNumber) })
}

// refresh asks for all of presence again.
type refresh struct{ Room string }

func (*refresh) kind() byte { return 'R' }

func (m *refresh) fields(c *codec) { c.text("room", &m.Room, maxWord) }

// place is the room of what a room says, and the number of the message among all that the room says to
// the box. A gap in the numbers means that messages were lost.
type place struct {
	Room string
	N    uint64
}

func (p *place) fields(c *codec) {
	c.text("room", &p.Room, maxWord)
	c.number("n", &p.N, anyNumber)
}

// fact is one fact of a room.
type fact struct {
	place
	Fact event.Event
}

func (*fact) kind() byte { return 'F' }

func (m *fact) fields(c *codec) {
	m.place.fields(c)
	fieldsOfFact(c, &m.Fact)
}

// fieldsOfFact leaves Stream and Pos out: the room is known, and a position belongs to a box.
func fieldsOfFact(c *codec, e *event.Event) {
	kind, data := string(e.Kind), []byte(e.Data)
	c.number("epoch", &e.Epoch, anyNumber)
	c.number("seq", &e.Seq, anyNumber)
	c.text("kind", &kind, maxWord)
	c.text("by", &e.By, maxWord)
	c.text("id", &e.ID, maxWord)
	c.number("boot", &e.Stamp.Boot, anyNumber)
	c.signed("mono", &e.Stamp.Mono)
	c.signed("wall", &e.Stamp.Wall)
	c.flag("trusted", &e.Stamp.Trusted)
	c.data("data", &data, maxFact)
	if c.reading {
		e.Kind, e.Data = event.Kind(kind), json.RawMessage(data)
	}
}

// cast is a frame for some guests.
type cast struct {
	place
	Volatile bool
	To       []uint64
	Frame    []byte
}

func (*cast) kind() byte { return 'C' }

func (m *cast) fields(c *codec) {
	m.place.fields(c)
	c.flag("volatile", &m.Volatile)
	repeat(c, "to", &m.To, maxGuests, func(v *uint64) { c.number("to", v, anyNumber) })
	c.data("frame", &m.Frame, maxFrame)
}

// single is a frame for one guest. A frame of stageWelcome answers the join: the facts after (Epoch,
// Seq) follow.
type single struct {
	place
	Seat, Stage, Epoch, Seq uint64
	Frame                   []byte
}

// Stages of a guest's seat.
const (
	stageWaiting = iota // the join was not answered, or refused by this frame
	stageWelcome
	stageSeated
)

func (*single) kind() byte { return 'G' }

func (m *single) fields(c *codec) {
	m.place.fields(c)
	c.number("seat", &m.Seat, anyNumber)
	c.number("stage", &m.Stage, stageSeated)
	c.number("epoch", &m.Epoch, anyNumber)
	c.number("seq", &m.Seq, anyNumber)
	c.data("frame", &m.Frame, maxFrame)
}

// closed says that the room has closed a guest's seat. The frame that says so to the guest came before.
type closed struct {
	place
	Seat uint64
}

func (*closed) kind() byte { return 'X' }

func (m *closed) fields(c *codec) {
	m.place.fields(c)
	c.number("seat", &m.Seat, anyNumber)
}

// page is a part of all of presence.
type page struct {
	place
	First, Last bool
	Frame       []byte
}

func (*page) kind() byte { return 'P' + 0x20 }

func (m *page) fields(c *codec) {
	m.place.fields(c)
	c.flag("first", &m.First)
	c.flag("last", &m.Last)
	c.data("frame", &m.Frame, maxFrame)
}

// kick says that a guest is signed out: the token is void. The guest's seat is closed next.
type kick struct {
	place
	Seat uint64
	Why  string
}

func (*kick) kind() byte { return 'K' }

func (m *kick) fields(c *codec) {
	m.place.fields(c)
	c.number("seat", &m.Seat, anyNumber)
	c.text("why", &m.Why, maxWord)
}

// unknown says that the owner does not know a seat: it was lost on the way, or the owner is new. With an
// Error (an errs.Body) the owner gives no seat.
type unknown struct {
	Room  string
	Seat  uint64
	Error []byte
}

func (*unknown) kind() byte { return 'U' }

func (m *unknown) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	c.number("seat", &m.Seat, anyNumber)
	c.data("error", &m.Error, maxPayload)
}

// reply answers a command. Error is an errs.Body; empty: it is saved.
type reply struct {
	Room      string
	Call, Seq uint64
	Error     []byte
}

func (*reply) kind() byte { return 'A' }

func (m *reply) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	c.number("call", &m.Call, anyNumber)
	c.number("seq", &m.Seq, anyNumber)
	c.data("error", &m.Error, maxPayload)
}

// stands says how far each room with guests of the box is: the last message's number, and the last
// fact. It comes on the same subject as those, so what did not come before it is lost.
type stands struct{ Rooms []standing }

type standing struct {
	place
	Epoch, Seq uint64
}

func (*stands) kind() byte { return 'T' }

func (m *stands) fields(c *codec) {
	repeat(c, "rooms", &m.Rooms, maxRooms, func(s *standing) {
		s.place.fields(c)
		c.number("epoch", &s.Epoch, anyNumber)
		c.number("seq", &s.Seq, anyNumber)
	})
}

// logQuestion asks for the facts of a room after (Epoch, Seq). Ended: the asker knows that a later epoch
// has begun. Seat is a guest of the asker, and Code is as in join.
type logQuestion struct {
	Room       string
	Epoch, Seq uint64
	Ended      bool
	Seat       uint64
	Code       []byte
}

func (*logQuestion) kind() byte { return 'Q' }

func (m *logQuestion) fields(c *codec) {
	c.text("room", &m.Room, maxWord)
	c.number("epoch", &m.Epoch, anyNumber)
	c.number("seq", &m.Seq, anyNumber)
	c.flag("ended", &m.Ended)
	c.number("seat", &m.Seat, anyNumber)
	c.data("code", &m.Code, codeSize)
}

// logAnswer has facts that are on the owner's disk, from the first after the position. A gap in them is
// damage of the disk. Diverged: the position is not in the owner's log, because its epoch ended before
// it.
type logAnswer struct {
	Diverged bool
	Facts    []event.Event
}

func (*logAnswer) kind() byte { return 'W' }

func (m *logAnswer) fields(c *codec) {
	c.flag("diverged", &m.Diverged)
	repeat(c, "facts", &m.Facts, maxFacts, func(e *event.Event) { fieldsOfFact(c, e) })
}
