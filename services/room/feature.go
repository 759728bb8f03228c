package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
	// Apply folds one recorded fact into the state. It is the same code on every day
	// and at restart, so it is deterministic and refuses nothing.
	Apply(event.Event)
	// View is what the viewer sees on joining at the time now, as a value for
	// encoding/json.
	View(v event.Viewer, now event.Stamp) any
}

// Timed is a feature that acts when time has passed and nobody asks.
type Timed interface {
	// Alarm is how long from now the feature wants to be woken; false: not at all. The
	// room asks after each message and when it starts, so an alarm outlives a crash.
	Alarm(now event.Stamp) (time.Duration, bool)
	// Ring is called when the alarm is due, with a turn of the box itself.
	Ring(*Turn)
}

// Hearer is a feature that acts on what the room itself records in answer to a command:
// the lesson's start and end, a removal.
type Hearer interface {
	// Hear is called in the turn of that command, when the fact is folded; never at
	// replay. It may Record and Cast.
	Hear(*Turn, event.Event)
}

// Kind describes a feature to the room and the tree.
type Kind struct {
	Name     string // what its commands, facts and view begin with: "chat"
	New      func() Feature
	Commands []Command
	Events   []event.Def
}

// Command is one thing a member may ask for, and who may.
type Command struct {
	Name   string // "chat.say"
	Pupil  bool   // pupils may; teachers always may
	Screen bool   // screens may
	Speech bool   // refused to a muted pupil
	Lock   string // refused to pupils while this lock is on; empty: none
	Closed bool   // allowed while no lesson is open
	Box    bool   // only the box itself, on behalf of the HTTP API
	Bulk   bool   // its facts are not vital: refused while the disk is full
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
}

// Reply answers a message: Err, or what was saved.
type Reply struct {
	Seq uint64 // of the first fact recorded; 0 when there was nothing to record
	Err error
}

// MaxID is the greatest length of a command's id, in bytes.
const MaxID = 64

// ID is embedded by every payload: the id travels in it.
type ID struct {
	ID string `json:"id,omitempty"`
}

// Decode reads m's payload into v strictly: an unknown field, a wrong type or a
// second value is errs.Invalid and names the field.
func Decode(m Message, v any) error {
	d := json.NewDecoder(bytes.NewReader(m.Data))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return errs.Field(m.Name, "payload", "bad_json", 0, "more than one value")
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return errs.Field(m.Name, t.Field, "bad_type", 0, "must be %s, is %s", t.Type, t.Value)
	}
	if f, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return errs.Field(m.Name, strings.Trim(f, `"`), "unknown_field", 0, "no such field")
	}
	return errs.Field(m.Name, "payload", "bad_json", 0, "%v", err)
}

// Payload reads a fact's payload into v, for Apply. A fact that cannot be read
// panics: the room sets it aside as a dead letter when it is rebuilt.
func Payload(e event.Event, v any) {
	if err := json.Unmarshal(e.Data, v); err != nil {
		panic(errs.New("room.Apply "+string(e.Kind), errs.Corrupt, err))
	}
}

// Text checks a text of people: 1 to max characters after trimming white space,
// valid UTF-8, no control characters but line breaks and tabs.
func Text(op, field, s string, max int) (string, error) {
	if !utf8.ValidString(s) {
		return "", errs.Field(op, field, "bad_text", 0, "not valid UTF-8")
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return "", errs.Field(op, field, "empty", 1, "must not be empty")
	}
	if n := utf8.RuneCountInString(s); n > max {
		return "", errs.Field(op, field, "too_long", int64(max), "%d characters, at most %d", n, max)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return (r < ' ' && r != '\n' && r != '\t') || r == 0x7f }) {
		return "", errs.Field(op, field, "bad_text", 0, "control characters are not allowed")
	}
	return s, nil
}
