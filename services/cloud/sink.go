package cloud

import (
	"context"
	"encoding/json"

	"github.com/livelearn/box/services/cloud/batch"
)

// Sink is a way out of the box. Its errors are of package errs. The codes below name states that
// are not faults. The caller tries again later after errs.Down and errs.Busy.
type Sink interface {
	// State returns the cloud's state for this box and incarnation.
	State(ctx context.Context, self Self) (State, error)
	// Put stores a batch and moves the watermark to b.To, both or neither. Facts that the database
	// refuses become dead letters there, and the receipt lists them. errs.Stale (CodeMoved) means
	// that the watermark is not at b.From: call State.
	Put(ctx context.Context, b *batch.Batch) (Receipt, error)
	// Pull returns at most most items after item since, in order.
	Pull(ctx context.Context, since uint64, most int) (Page, error)
}

// Preparer is a Sink that can do a part of Put in advance, while another batch is on its way.
type Preparer interface {
	Prepare(b *batch.Batch) error
}

// Codes of a Sink's errors.
const (
	CodeMoved      = "moved"       // errs.Stale: the watermark is not at the batch's From
	CodeForked     = "forked"      // errs.Stale: another copy of this box wrote to this incarnation
	CodeForeign    = "foreign"     // of a dead letter: the fact names an object of another box
	CodeCloudOlder = "cloud_older" // errs.Down: the cloud does not know this format yet
	CodeBoxOlder   = "box_older"   // errs.Denied: the cloud takes newer formats only
	CodeRevoked    = "revoked"     // errs.Denied: an admin revoked the box
	CodeStranger   = "stranger"    // errs.Denied: the cloud does not know the box
)

// Self describes a box to the cloud.
type Self struct {
	Box         string // id, for good
	Name        string // chosen by people, need not be unique
	Version     string // of the program
	Format      int    // of its batches
	Incarnation uint64
	Position    uint64 // of its last fact
}

// State is the cloud's state for one box.
type State struct {
	Known  bool   // the cloud has seen this incarnation
	Pos    uint64 // its watermark
	Mark   int64  // batch.MarkOf the fact there
	Format int    // newest batch format that the cloud takes
	School string // name of the school that the box belongs to
	Time   int64  // milliseconds since 1970 by the cloud's clock, 0 if not given
	Down   uint64 // number of the newest item for the box
	Policy Policy
	Dead   []Dead // dead letters of this box that are not settled, oldest first, at most MaxDead
	Others []Past // the watermarks of the box's other incarnations
	Twins  int    // other boxes of the school with the same name
}

// Past is an earlier incarnation of a box.
type Past struct {
	Incarnation uint64
	Pos         uint64
	Last        int64 // last contact, milliseconds since 1970
}

// Receipt is the result of a Put.
type Receipt struct {
	Pos    uint64 // the watermark now
	Stored int    // facts that were new to the cloud
	Known  int    // facts that it had already
	Dead   []Dead // facts that it could not store
}

// MaxDead is the most dead letters that a State lists.
const MaxDead = 1000

// Dead is a dead letter: a fact that the database refused. The cloud keeps its bytes unchanged.
type Dead struct {
	Incarnation uint64 `json:"incarnation,string"`
	Pos         uint64 `json:"pos"`
	Stream      string `json:"stream"`
	Epoch       uint64 `json:"epoch"`
	Seq         uint64 `json:"seq"`
	Kind        string `json:"kind"`
	Code        string `json:"code"` // SQLSTATE, CodeForked (another fact has its identity) or CodeForeign
	Text        string `json:"text"` // the database's message
	At          int64  `json:"at"`   // when it was refused, milliseconds since 1970
}

// Policy says which data may leave a school's boxes. The zero value allows the least.
type Policy struct {
	Names bool `json:"names"` // names of pupils
	Chat  bool `json:"chat"`  // texts that people wrote
}

// Kinds of items.
const (
	ItemClass   = "class"   // Class
	ItemQuiz    = "quiz"    // item.Quiz
	ItemPolicy  = "policy"  // Policy
	ItemErasure = "erasure" // Erasure
	ItemUpdate  = "update"  // Update, for one box
	ItemPicture = "picture" // Picture, before the quiz that shows it
)

// Item is one decision of the cloud: a whole object in its newest version. An object that
// changes gets a new number and loses its old one.
type Item struct {
	N       uint64          `json:"n"` // rising within the school
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Version int             `json:"version"`
	Gone    bool            `json:"gone,omitempty"` // the school removed it from its list
	Data    json.RawMessage `json:"data,omitempty"`
}

// Page is a run of items.
type Page struct {
	Items []Item `json:"items"`
	Next  uint64 `json:"next"` // the since of the next Pull
	More  bool   `json:"more"` // more items are ready now
}

// Class is a class list as a school keeps it.
type Class struct {
	Name   string  `json:"name"`
	Pupils []Pupil `json:"pupils"`
}

// Pupil is one entry of a Class.
type Pupil struct {
	ID   string  `json:"id"` // the school's id, stays when the name is corrected
	Name string  `json:"name"`
	Time float64 `json:"time,omitempty"` // factor for the time of questions: 1 to 3, 0 means 1
}

// Erasure asks the box to forget a pupil.
type Erasure struct {
	Pupil string `json:"pupil"` // user id
}

// Update is a release that an operator wants on the box. The bundle decides whether it may be
// installed: by its signatures, its board and its build.
type Update struct {
	Version string `json:"version"`
	Build   int    `json:"build"`
	URL     string `json:"url"`  // of the bundle
	When    string `json:"when"` // "night", or "idle": as soon as no lesson is open
	Try     int    `json:"try"`  // more than 1: even if it failed on the box before
}

// Facts that the box writes about itself for the cloud, on the stream "report".
const (
	Reported = "box.reported"  // Report
	Anchored = "time.anchored" // Anchor
	Listed   = "class.listed"  // Listing: maps ids of a class to names
	Graded   = "lesson.graded" // Grades
	Erased   = "pupil.erased"  // Erasure

	Progressed = "update.progressed" // UpdateProgress
)

// Anchor ties the monotonic clock of one run of the program to the right time. An event at mono
// m of that boot happened at Wall - (Mono - m).
type Anchor struct {
	Boot uint64 `json:"boot,string"`
	Mono int64  `json:"mono"` // milliseconds
	Wall int64  `json:"wall"` // milliseconds since 1970
}

// Report is the box's state.
type Report struct {
	Version string `json:"version"`
	Uptime  int64  `json:"uptime"` // seconds
	Free    int64  `json:"free"`   // bytes of its disk
	Full    bool   `json:"full"`   // the disk is nearly full, only vital facts are written
	Worst   string `json:"worst"`  // the worst of its health checks: "ok", "warn" or "fail"
	Checks  any    `json:"checks,omitempty"`
	Letters int    `json:"letters"` // dead letters on the box

	Board string `json:"board,omitempty"` // that update bundles must be for; empty: it cannot be updated
	Build int    `json:"build,omitempty"` // that runs
}

// UpdateProgress says what became of an Update.
type UpdateProgress struct {
	Build   int    `json:"build"`   // of the Update
	Try     int    `json:"try"`     // of the Update
	Version string `json:"version"` // that runs
	State   string `json:"state"`   // "fetching", "scheduled", "restarting", "trying", "installed" or "failed"
	Code    string `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Listing is a class list of the box. Names are empty if the policy keeps them on the box.
type Listing struct {
	Class  string        `json:"class"`
	Name   string        `json:"name"`
	Source string        `json:"source,omitempty"`
	Pupils []ListedPupil `json:"pupils"`
}

// ListedPupil is one entry of a Listing.
type ListedPupil struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Source string `json:"source,omitempty"` // the id in the list's source
}

// Grades holds the results of a lesson. The box writes it when the lesson has ended, and again
// after a regrading. The newest of a lesson counts.
type Grades struct {
	Lesson  string        `json:"lesson"`
	Class   string        `json:"class"`
	Title   string        `json:"title"`
	Started int64         `json:"started"` // milliseconds since 1970
	Ended   int64         `json:"ended"`
	Items   []GradedItem  `json:"items"`
	Pupils  []PupilGrades `json:"pupils"`
}

// GradedItem is a question of a lesson.
type GradedItem struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Points int    `json:"points"`
	Graded bool   `json:"graded"`
}

// PupilGrades holds the results of one pupil.
type PupilGrades struct {
	Pupil string `json:"pupil"`
	Came  int64  `json:"came"` // milliseconds since 1970, 0 means absent
	MS    int64  `json:"ms"`   // time present, in milliseconds
	// Marks are by question. A question without an answer has no entry.
	Marks map[string]Mark `json:"marks"`
}

// Mark is the score of an answer.
type Mark struct {
	Fraction float64 `json:"fraction"` // 0 to 1
	Points   float64 `json:"points"`
}

// Status is the state of the link, for the admin page.
type Status struct {
	Box    string  `json:"box"`                                                                          // id of this box, as the cloud knows it
	Way    string  `json:"way" enum:",https,postgres,stick"`                                             // "https", "postgres" or "stick", empty without a link
	Where  string  `json:"where"`                                                                        // host of the cloud, without secrets
	School string  `json:"school"`                                                                       // name of the school in the cloud
	State  string  `json:"state" enum:"off,idle,sending,offline,cloud_older,box_older,revoked,stranger"` // StateOff ...
	Code   string  `json:"code,omitempty"`
	Text   string  `json:"text,omitempty"` // last failure, for an operator
	Last   int64   `json:"last"`           // last success, milliseconds since 1970, 0 means never
	Next   int64   `json:"next,omitempty"` // time of the next try
	Queue  uint64  `json:"queue"`          // facts that wait
	Rate   float64 `json:"rate"`           // facts a second, while it sends
	ETA    float64 `json:"eta"`            // seconds until the queue is empty, 0 if unknown or empty
	Dead   int     `json:"dead"`           // dead letters that are not settled
	Policy Policy  `json:"policy"`
	Notes  []Note  `json:"notes"` // for an admin, newest first
}

// States of a link.
const (
	StateOff        = "off"     // not linked
	StateIdle       = "idle"    // the cloud has everything
	StateSending    = "sending" // facts are being sent
	StateOffline    = "offline" // the cloud cannot be reached, normal for a term
	StateCloudOlder = CodeCloudOlder
	StateBoxOlder   = CodeBoxOlder
	StateRevoked    = CodeRevoked
	StateStranger   = CodeStranger
)

// Note is an event of the link that an admin should know.
type Note struct {
	Code string `json:"code"` // "restored", "forked", "left_class", "left_pupils", ...
	At   int64  `json:"at"`   // milliseconds since 1970
	What string `json:"what"` // the subject: a class, a count
	N    int    `json:"n"`
}
