// Package cloud brings the facts of a box to a database elsewhere whenever a link is
// there, and brings down what is decided there: class lists, quizzes, policy, erasures.
//
//	journal -> Uplink -> Sink -> Postgres          one statement a batch: rows and watermark
//	roster, library <- Downlink <- Sink <----------'
//
// The journal is the outbox: the uplink is a cursor into it, and the cursor that counts is
// the watermark in the database, which moves in the transaction that stores the rows. What
// the box remembers of it is a cache. So a cut at any byte is harmless, and a box that was
// away for a term goes on where it was.
//
// Identity of a fact is (stream, epoch, seq); order and cursor are (box, incarnation,
// position). Order never depends on wall time.
package cloud

import (
	"context"
	"encoding/json"

	"github.com/livelearn/box/services/cloud/batch"
)

// Sink is a way out of the box. Its errors are of package errs; the codes below tell
// states that are none of anybody's mistakes. Anything of kind errs.Down or errs.Busy is
// tried again later.
type Sink interface {
	// State tells where the cloud stands for this box and incarnation.
	State(ctx context.Context, self Self) (State, error)
	// Put stores a batch and moves the watermark to b.To, both or neither. Facts that the
	// database refuses become dead letters there and are told in the receipt. errs.Stale
	// (code CodeMoved): the watermark is not at b.From; ask State.
	Put(ctx context.Context, b *batch.Batch) (Receipt, error)
	// Pull gives what was decided after item since, in order, at most most items.
	Pull(ctx context.Context, since uint64, most int) (Page, error)
}

// Preparer is a Sink that can do a part of Put beforehand, while another batch is on its way.
type Preparer interface {
	Prepare(b *batch.Batch) error
}

// Codes of a Sink's errors.
const (
	CodeMoved      = "moved"       // errs.Stale: the watermark is elsewhere
	CodeForked     = "forked"      // errs.Stale: another copy of this box wrote here
	CodeCloudOlder = "cloud_older" // errs.Down: the cloud does not know this format yet
	CodeBoxOlder   = "box_older"   // errs.Denied: the cloud takes newer boxes only
	CodeRevoked    = "revoked"     // errs.Denied: the box may not any more
	CodeStranger   = "stranger"    // errs.Denied: the cloud does not know the box
)

// Self is what a box says of itself.
type Self struct {
	Box         string // id, for good
	Name        string // what people call it; need not be unique
	Version     string // of the program
	Format      int    // of its batches
	Incarnation uint64
	Position    uint64 // of its last fact
}

// State is where the cloud stands for one box.
type State struct {
	Known  bool   // this incarnation was here before
	Pos    uint64 // its watermark
	Mark   int64  // batch.MarkOf the fact there
	Format int    // newest batch format that the cloud takes
	School string // name of the school that the box belongs to
	Time   int64  // milliseconds since 1970 by the cloud's clock; 0: it does not say
	Down   uint64 // number of the newest item for the box
	Policy Policy
	Dead   []Dead // dead letters of this box that wait for a decision, oldest first, at most MaxDead
	Others []Past // the watermarks of the box's other incarnations
	Twins  int    // other boxes of the school that are called the same
}

// Past is an incarnation of a box that was here before.
type Past struct {
	Incarnation uint64
	Pos         uint64
	Last        int64 // when it was heard of, milliseconds since 1970
}

// Receipt is what became of a batch.
type Receipt struct {
	Pos    uint64 // the watermark now
	Stored int    // facts that are new to the cloud
	Known  int    // facts that it had
	Dead   []Dead // facts that it could not store
}

// MaxDead is how many dead letters a State names.
const MaxDead = 1000

// Dead is a fact that the database refused. It is kept there as the bytes that it was.
type Dead struct {
	Incarnation uint64 `json:"incarnation,string"`
	Pos         uint64 `json:"pos"`
	Stream      string `json:"stream"`
	Epoch       uint64 `json:"epoch"`
	Seq         uint64 `json:"seq"`
	Kind        string `json:"kind"`
	Code        string `json:"code"` // SQLSTATE, or CodeForked: another fact has its identity
	Text        string `json:"text"` // the database's message
	At          int64  `json:"at"`   // when it was refused, milliseconds since 1970
}

// Policy is what a school allows to leave its boxes. The zero value allows the least.
type Policy struct {
	Names bool `json:"names"` // names of pupils
	Chat  bool `json:"chat"`  // what people wrote
}

// Kinds of item.
const (
	ItemClass   = "class"   // Class
	ItemQuiz    = "quiz"    // item.Quiz
	ItemPolicy  = "policy"  // Policy
	ItemErasure = "erasure" // Erasure
)

// Item is one thing that was decided in the cloud: a whole object in its newest version.
// An object that changes gets a new number and loses its old one.
type Item struct {
	N       uint64          `json:"n"` // of the school, rising
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Version int             `json:"version"`
	Gone    bool            `json:"gone,omitempty"` // it was taken off the school's list
	Data    json.RawMessage `json:"data,omitempty"`
}

// Page is some items.
type Page struct {
	Items []Item `json:"items"`
	Next  uint64 `json:"next"` // ask for what is after this
	More  bool   `json:"more"` // there is more now
}

// Class is a class list as a school keeps it.
type Class struct {
	Name   string  `json:"name"`
	Pupils []Pupil `json:"pupils"`
}

// Pupil is one name on it.
type Pupil struct {
	ID   string  `json:"id"` // the school's; stays when the name is corrected
	Name string  `json:"name"`
	Time float64 `json:"time,omitempty"` // times as long for questions: 1 to 3; 0 is 1
}

// Erasure asks for a pupil to be forgotten.
type Erasure struct {
	Pupil string `json:"pupil"` // user id
}

// Facts that the box itself tells the cloud, on the stream "report".
const (
	Reported = "box.reported"  // how the box is: Report
	Anchored = "time.anchored" // Anchor
	Listed   = "class.listed"  // Listing: who is behind the ids of a class
	Graded   = "lesson.graded" // Grades
	Erased   = "pupil.erased"  // Erasure
)

// Anchor ties the monotonic clock of one run of the program to the right time: what
// happened at mono m of that boot happened at Wall - (Mono - m).
type Anchor struct {
	Boot uint64 `json:"boot,string"`
	Mono int64  `json:"mono"` // milliseconds
	Wall int64  `json:"wall"` // milliseconds since 1970
}

// Report is how a box is.
type Report struct {
	Version string `json:"version"`
	Uptime  int64  `json:"uptime"` // seconds
	Free    int64  `json:"free"`   // bytes of its disk
	Full    bool   `json:"full"`   // nothing but what is vital is written
	Worst   string `json:"worst"`  // the worst of its health checks: "ok", "warn" or "fail"
	Checks  any    `json:"checks,omitempty"`
	Letters int    `json:"letters"` // dead letters that wait on the box
}

// Listing is a class list as a box has it. Names are empty where policy keeps them.
type Listing struct {
	Class  string        `json:"class"`
	Name   string        `json:"name"`
	Source string        `json:"source,omitempty"`
	Pupils []ListedPupil `json:"pupils"`
}

// ListedPupil is one of them.
type ListedPupil struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Source string `json:"source,omitempty"` // the id where the list comes from
}

// Grades is what came of a lesson, once it has ended and again when it was regraded. The
// newest of a lesson counts.
type Grades struct {
	Lesson  string     `json:"lesson"`
	Class   string     `json:"class"`
	Title   string     `json:"title"`
	Started int64      `json:"started"` // milliseconds since 1970
	Ended   int64      `json:"ended"`
	Items   []Asked    `json:"items"`
	Pupils  []Standing `json:"pupils"`
}

// Asked is a question of a lesson.
type Asked struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Points int    `json:"points"`
	Graded bool   `json:"graded"`
}

// Standing is what one pupil reached.
type Standing struct {
	Pupil string `json:"pupil"`
	Came  int64  `json:"came"` // milliseconds since 1970; 0: never
	MS    int64  `json:"ms"`   // time present
	// Marks are by question, 0 to 1; who did not answer has none.
	Marks map[string]Mark `json:"marks"`
}

// Mark is what an answer is worth.
type Mark struct {
	Fraction float64 `json:"fraction"` // 0 to 1
	Points   float64 `json:"points"`
}

// Status is how the link is, for people.
type Status struct {
	Box    string  `json:"box"`    // id of this box, as the cloud knows it
	Way    string  `json:"way"`    // "https", "postgres" or "stick"; empty: the box is linked to nothing
	Where  string  `json:"where"`  // host of the cloud, never a secret
	School string  `json:"school"` // as the cloud calls it
	State  string  `json:"state"`  // StateOff ...
	Code   string  `json:"code,omitempty"`
	Text   string  `json:"text,omitempty"` // what went wrong last, for an operator
	Last   int64   `json:"last"`           // last success, milliseconds since 1970; 0: never
	Next   int64   `json:"next,omitempty"` // of the next try
	Queue  uint64  `json:"queue"`          // facts that wait
	Rate   float64 `json:"rate"`           // facts a second, while it sends
	ETA    float64 `json:"eta"`            // seconds until the queue is empty; 0: unknown or empty
	Dead   int     `json:"dead"`           // dead letters that wait
	Policy Policy  `json:"policy"`
	Notes  []Note  `json:"notes"` // what an admin should know, newest first
}

// States of a link.
const (
	StateOff        = "off"     // linked to nothing
	StateIdle       = "idle"    // all is in the cloud
	StateSending    = "sending" // under way
	StateOffline    = "offline" // no link; normal for a term
	StateCloudOlder = CodeCloudOlder
	StateBoxOlder   = CodeBoxOlder
	StateRevoked    = CodeRevoked
	StateStranger   = CodeStranger
)

// Note is something that happened to the link which an admin should know.
type Note struct {
	Code string `json:"code"` // "restored", "forked", "left_class", "left_pupils", ...
	At   int64  `json:"at"`   // milliseconds since 1970
	What string `json:"what"` // what it is about: a class, a count
	N    int    `json:"n"`
}
