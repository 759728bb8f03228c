// Package event is the envelope of everything that happened on a box.
//
// An Event is a fact: past tense, immutable, complete. Its payload belongs to the
// feature that recorded it and stays raw bytes here. A Def says how a kind of fact
// is treated: when its effects leave, who may see it, how long it is kept.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Kind names a kind of fact, feature first and past tense: "chat.said".
type Kind string

// Event is one fact of a stream. (Stream, Epoch, Seq) is its identity for good. Pos is its
// place among all facts of the box.
type Event struct {
	Stream string // a room ("room:<id>") or the box itself ("box")
	Epoch  uint64 // raised when the stream's log was cut or its owner changed
	Seq    uint64 // dense in the stream, from 1
	Pos    uint64 // dense on the box, from 1; set by the journal
	Kind   Kind
	By     string // user id of the author; empty for the box
	ID     string // the id that the client made for its command; may be empty
	Stamp  Stamp
	Data   json.RawMessage // the feature's payload, JSON
}

// Stamp is when something happened. A board has no clock of its own, so order
// never depends on Wall; Boot and Mono let a later, trusted time correct it.
type Stamp struct {
	Boot    uint64 // random, made when the program starts
	Mono    int64  // milliseconds since that start, monotonic
	Wall    int64  // milliseconds since 1970 by the box's clock
	Trusted bool   // the wall clock was set by a trusted source
}

// Role is what a person may do in a room. The server gives it; a client never names its own.
type Role uint8

const (
	Pupil    Role = iota + 1
	Screen        // the projector page: sees the public facts, sends nothing
	Teacher       // teaches the room
	Operator      // the box itself: sees all, used for snapshots, never for a socket
)

var roleNames = [...]string{"none", "pupil", "screen", "teacher", "operator"}

// String is the role's word in the protocol.
func (r Role) String() string { return roleNames[r] }

// MarshalText writes the role's word.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a role.
func (r *Role) UnmarshalText(name []byte) error {
	i := slices.Index(roleNames[:], string(name))
	if i < 0 {
		return fmt.Errorf("role: %q is no role", name)
	}
	*r = Role(i)
	return nil
}

// Viewer is a person and the role in which the person looks at a room.
type Viewer struct {
	User string
	Role Role
}

// IsStaff reports whether the viewer may see the facts for teachers only.
func (v Viewer) IsStaff() bool { return v.Role >= Teacher }

// Effect says when the effects of a fact may leave the room.
type Effect uint8

const (
	Early     Effect = iota // at once: only the reply "saved" waits for the commit
	Committed               // nothing leaves before the fact is on disk
)

// Keep is how long a fact is kept on the box.
type Keep uint8

const (
	KeepYear  Keep = iota // results and attendance: the school year and 90 days
	KeepChat              // what people wrote: 30 days
	KeepAudit             // who did what on the box: one year
)

// Def says how the facts of one kind are treated.
type Def struct {
	Kind      Kind
	Payload   any // a zero value of the payload's type; nil: the payload is {}
	Effect    Effect
	Keep      Keep
	Vital     bool                 // still accepted when the disk is nearly full
	Cloud     bool                 // may leave the box
	FreeText  bool                 // is what people wrote: leaves the box where the school allows that, too
	VisibleTo func(Event) Audience // who may see it; nil is everybody in the room
	SeenBy    string               // VisibleTo in words, for PROTOCOL.md; empty: all
	Doc       string               // a remark for PROTOCOL.md
	// PayloadFor is the payload that a viewer gets in place of e.Data. It is for facts that hold
	// something different for each of many people. Nil: all get e.Data.
	PayloadFor func(e Event, v Viewer) json.RawMessage
	// Erase gives the payload without a person, and whether that changed it. It sees the facts
	// of the person too. Nil: the payload names people only as the author of the event.
	Erase func(Erasure, Event) (json.RawMessage, bool)
}

// Audience reports whether a viewer may see a certain fact. Nil is everybody.
type Audience func(Viewer) bool

// Has reports whether v is in the audience.
func (a Audience) Has(v Viewer) bool { return a == nil || a(v) }

// AudienceOf returns the audience of e. The caller asks it for each viewer.
func (d Def) AudienceOf(e Event) Audience {
	if d.VisibleTo == nil {
		return nil
	}
	return d.VisibleTo(e)
}

// StaffAndAuthor is a Def.VisibleTo: teachers and the author.
func StaffAndAuthor(e Event) Audience {
	return func(v Viewer) bool { return v.IsStaff() || e.By == v.User }
}
