package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Feature is one thing a classroom can do. It runs inside its room's goroutine and
// needs no locks. Its exported fields are its snapshot: they are written with
// encoding/json and read back into what New made.
type Feature interface {
	// Handle decides on a message: it checks it, Records facts and Casts ephemera
	// through the turn. An error refuses the message and must come before the first
	// Record. The room has checked the sender's role, locks and mutes already.
	Handle(*Turn, Message) error
	// Apply folds one recorded fact into the state. It runs when the fact is recorded and at
	// each replay, so it is deterministic and refuses nothing.
	Apply(event.Event)
	// View is the state that the viewer gets when joining at the time now, as a value for
	// encoding/json.
	View(v event.Viewer, now event.Stamp) any
}

// Deadliner is a feature that acts when a time is over, without a message.
type Deadliner interface {
	// NextDeadline is the time from now after which the feature wants to act. False: there is
	// none. The room asks after each message and when it starts, so a deadline outlives a crash.
	NextDeadline(now event.Stamp) (time.Duration, bool)
	// OnDeadline is called when the deadline has passed, with a turn of the box itself.
	OnDeadline(*Turn)
}

// RoomObserver is a feature that acts on facts of the room itself: the lesson's start and end, a
// removal, a pupil who comes or goes.
type RoomObserver interface {
	// OnRoomFact is called when the fact is folded, in the turn of its command. A pupil who comes or
	// goes gives no command: then it is a turn of the box. It is not called at replay. It may Record
	// and Cast.
	OnRoomFact(*Turn, event.Event)
}

// Heir is a feature that keeps something of the lesson before.
type Heir interface {
	// Inherit is called when a lesson starts, live and at replay, with the feature of the lesson
	// before, which it may keep parts of.
	Inherit(before Feature)
}

// Kind describes a feature to the room and the tree.
type Kind struct {
	Name     string // prefix of its commands and facts, and key of its view: "chat"
	New      func() Feature
	Commands []Command
	Events   []event.Def
	Casts    []Cast
}

// Cast is an ephemeral event that a feature sends.
type Cast struct {
	Name    string // "quiz.counted"
	Payload any    // a zero value of the payload's type
}

// Command is a command that members may give, and the rules for it.
type Command struct {
	Name    string // "chat.say"
	Payload any    // a zero value of the type that Decode reads; nil: an ID and nothing else
	Pupil   bool   // pupils may; teachers always may
	Screen  bool   // screens may
	Speech  bool   // refused to a muted pupil
	Lock    string // refused to pupils while this lock is on; empty: none
	Closed  bool   // allowed while no lesson is open
	Box     bool   // only the box itself, on behalf of the HTTP API
	Bulk    bool   // its facts are not vital: refused while the disk is full
	Who     string // who may, where the fields above do not say it all; for PROTOCOL.md
	Doc     string // a remark for PROTOCOL.md
}

// Message is a command as asked by a member or by the box.
type Message struct {
	Name string          // the command: "chat.say"
	ID   string          // the client's id for it: a repeat counts once
	By   event.Viewer    // set by the server
	Data json.RawMessage // the payload, of which ID is a field
	// Reply is called at most once, from the room's goroutine, and must not block.
	Reply func(Reply)
	seat  *Seat // nil: the box itself asks
	typed any   // Command.Payload
}

// Reply answers a message: Err, or the place of its first fact.
type Reply struct {
	Seq uint64 // of the first fact recorded; 0 when there was nothing to record
	Err error
}

// MaxID is the greatest length of a command's id, in bytes.
const MaxID = 64

// ID is embedded by the payload of every command: the id travels in it.
type ID struct {
	ID string `json:"id,omitempty"`
}

// Decode reads m's payload into v strictly: an unknown field, a wrong type or a
// second value is errs.Invalid and names the field. It panics when v is not a pointer to the
// type of Command.Payload: that is a fault in the feature.
func Decode(m Message, v any) error {
	if m.typed != nil && reflect.TypeOf(v) != reflect.PointerTo(reflect.TypeOf(m.typed)) {
		panic(fmt.Sprintf("room: %s is read into %T and declared as %T", m.Name, v, m.typed))
	}
	d := json.NewDecoder(bytes.NewReader(m.Data))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return errs.NewField(m.Name, "payload", "bad_json", 0, "more than one value")
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return errs.NewField(m.Name, t.Field, "bad_type", 0, "must be %s, is %s", t.Type, t.Value)
	}
	if f, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return errs.NewField(m.Name, strings.Trim(f, `"`), "unknown_field", 0, "no such field")
	}
	return errs.NewField(m.Name, "payload", "bad_json", 0, "%v", err)
}

// DecodePayload reads a fact's payload into v, for Apply. It panics when that fails: the room
// sets the fact aside as a dead letter when it is rebuilt.
func DecodePayload(e event.Event, v any) {
	if err := json.Unmarshal(e.Data, v); err != nil {
		panic(errs.New("room.Apply "+string(e.Kind), errs.Corrupt, err))
	}
}

// CheckText checks a text of people: 1 to max characters after trimming white space,
// valid UTF-8, no control characters but line breaks and tabs.
func CheckText(op, field, s string, max int) (string, error) {
	if !utf8.ValidString(s) {
		return "", errs.NewField(op, field, "bad_text", 0, "not valid UTF-8")
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return "", errs.NewField(op, field, "empty", 1, "must not be empty")
	}
	if n := utf8.RuneCountInString(s); n > max {
		return "", errs.NewField(op, field, "too_long", int64(max), "%d characters, at most %d", n, max)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return (r < ' ' && r != '\n' && r != '\t') || r == 0x7f }) {
		return "", errs.NewField(op, field, "bad_text", 0, "control characters are not allowed")
	}
	return s, nil
}
