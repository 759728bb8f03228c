package pg

import (
	"crypto/ed25519"
	"time"

	"github.com/livelearn/box/services/cloud"
)

// Codes of errors about enrolment.
const (
	CodeBadCode     = "bad_code"     // errs.Denied: used, over, or never given
	CodeOtherSchool = "other_school" // errs.Denied: the box belongs to another school
	CodeBadToken    = "bad_token"    // errs.Denied: revoked, or never given
)

// What a token may be for.
const (
	MayRead  = "read"  // pages and exports
	MayXAPI  = "xapi"  // statements
	MayAdmin = "admin" // import of sticks
)

// School is one tenant of the database.
type School struct {
	Name        string
	Policy      cloud.Policy
	ChatDays    int // what people wrote is kept so long
	ResultsDays int // everything else
	Boxes       int
	Created     time.Time
}

// Enrolment is what a box shows to become a school's.
type Enrolment struct {
	Code    string // as NewCode gave it; case, spaces and dashes do not matter
	Box     string
	Name    string
	Version string
	Key     ed25519.PublicKey
}

// Grant is what a token allows.
type Grant struct {
	Name   string // whom it was given to
	School string // empty: all
	May    []string
}

// BoxState is how a box is, for people.
type BoxState struct {
	Box      string     `json:"box"`
	Name     string     `json:"name"`
	School   string     `json:"school"`
	Version  string     `json:"version"`
	Direct   bool       `json:"direct"` // it has a database login of its own
	Enrolled time.Time  `json:"enrolled"`
	Seen     *time.Time `json:"seen,omitempty"` // nil: never
	Revoked  *time.Time `json:"revoked,omitempty"`
	Position uint64     `json:"position"` // of its last fact, as it said
	Mark     uint64     `json:"mark"`     // its watermark
	Behind   uint64     `json:"behind"`   // facts that wait on the box
	Facts    int64      `json:"facts"`    // that it brought
	Dead     int        `json:"dead"`     // dead letters that wait
	Past     int        `json:"past"`     // other incarnations
}

// DeadLetter is a fact that the database refused, for people.
type DeadLetter struct {
	cloud.Dead
	School   string     `json:"school"`
	Box      string     `json:"box"`
	Body     []byte     `json:"body,omitempty"` // the fact as JSON, as it came
	Resolved *time.Time `json:"resolved,omitempty"`
	How      string     `json:"how,omitempty"` // what resolved it
}

// ResultRow is what one pupil reached at one question of one lesson, by its newest grading.
type ResultRow struct {
	School, Box        string
	Class, ClassName   string // id and name; the name is empty where no list told it
	Lesson, Title      string // id and title
	Item, Question     string // id and text
	Kind               string // of the question
	Graded             bool   // it counts
	Pupil, Name        string // user id; the name is empty where policy keeps it
	Answered           bool
	Fraction           float64 // 0 to 1
	Points             float64
	Max                float64
	Started, Ended, At time.Time // of the lesson, corrected; At is of the grading
	Received           time.Time
}

// AttendanceRow is one pupil's presence in one lesson, by its newest grading.
type AttendanceRow struct {
	School, Box      string
	Class, ClassName string
	Lesson, Title    string
	Pupil, Name      string
	Started, Ended   time.Time
	Came             time.Time // zero: never
	Present          time.Duration
	Received         time.Time
}

// StatementQuery asks for xAPI statements. The zero value asks for the newest of all schools.
type StatementQuery struct {
	Home      string // home page of the pupils' accounts and of the ids of activities; an IRI without a slash at the end
	School    string // empty: all
	ID        string // one statement
	Pupil     string // user id
	Verb      string // IRI
	Activity  string // IRI
	Since     time.Time
	Until     time.Time
	Ascending bool
	Limit     int    // 0 or more than 500: 500
	More      string // where an earlier answer ended
}
