package pg

import (
	"crypto/ed25519"
	"encoding/json"
	"time"

	"github.com/livelearn/box/services/cloud"
)

// Codes of errors about enrolment.
const (
	CodeBadCode     = "bad_code"     // errs.Denied: the code was used, has expired or was never issued
	CodeOtherSchool = "other_school" // errs.Denied: the box belongs to another school
	CodeBadToken    = "bad_token"    // errs.Denied: the token was revoked or never issued
)

// Rights of a token.
const (
	MayRead  = "read"  // pages and exports
	MayXAPI  = "xapi"  // xAPI statements
	MayAdmin = "admin" // import of USB stick files
)

// School is one tenant of the database.
type School struct {
	Name        string
	Policy      cloud.Policy
	ChatDays    int // retention of texts that people wrote
	ResultsDays int // retention of everything else
	Boxes       int
	Created     time.Time
	SilentHours int // without contact, after which a box counts as silent
}

// Enrolment is a box's request to join a school.
type Enrolment struct {
	Code    string // from NewCode, ignoring case, spaces and dashes
	Box     string
	Name    string
	Version string
	Key     ed25519.PublicKey
}

// Grant holds the rights of a token or of an operator's session.
type Grant struct {
	Name   string // of the token's holder, or of the operator
	School string // empty means all
	May    []string

	Operator bool // it is of a person's session
}

// BoxState is the state of a box, for the page and the API.
type BoxState struct {
	Box      string     `json:"box"`
	Name     string     `json:"name"`
	School   string     `json:"school"`
	Version  string     `json:"version"`
	Direct   bool       `json:"direct"` // it has a database login of its own
	Enrolled time.Time  `json:"enrolled"`
	Seen     *time.Time `json:"seen,omitempty"` // last contact, nil means never
	Revoked  *time.Time `json:"revoked,omitempty"`
	Position uint64     `json:"position"` // of its last fact, as the box reported
	Mark     uint64     `json:"mark"`     // its watermark
	Behind   uint64     `json:"behind"`   // facts that wait on the box
	Facts    int64      `json:"facts"`    // facts from this box
	Dead     int        `json:"dead"`     // open dead letters
	Past     int        `json:"past"`     // other incarnations

	OwnName     string          `json:"own_name"`         // as the box reports it; Name may be an operator's
	SilentHours int             `json:"silent_hours"`     // without contact, after which it counts as silent
	Health      string          `json:"health,omitempty"` // worst of its checks, as it last reported: ok, warn or fail
	Checks      json.RawMessage `json:"checks,omitempty"` // of its health, as it reported them
	Reported    *time.Time      `json:"reported,omitempty"`
}

// IsSilent reports whether a box that should send was not heard of for longer than its school
// allows. A box that never sent counts from its enrolment.
func (b BoxState) IsSilent(now time.Time) bool {
	last := b.Enrolled
	if b.Seen != nil && b.Seen.After(last) {
		last = *b.Seen
	}
	return b.Revoked == nil && now.Sub(last) > time.Duration(b.SilentHours)*time.Hour
}

// DeadLetter is a fact that the database refused, for the page and the API.
type DeadLetter struct {
	cloud.Dead
	School   string     `json:"school"`
	Box      string     `json:"box"`
	Body     []byte     `json:"body,omitempty"` // the fact as JSON, unchanged
	Resolved *time.Time `json:"resolved,omitempty"`
	How      string     `json:"how,omitempty"` // resolution
}

// ResultRow is the score of one pupil for one question of one lesson, by its newest grading.
type ResultRow struct {
	School, Box        string
	Class, ClassName   string // id and name, the name is empty if no list has it
	ClassKey           string // the same on all boxes
	Lesson, Title      string // id and title
	Item, Question     string // id and text
	Kind               string // of the question
	Graded             bool   // counts for the grade
	Pupil, Name        string // user id and name, the name is empty if the policy keeps it on the box
	Person             string // the same on all boxes
	Teacher            string // user id of who started the lesson
	Quiz, Edition      string // id and version of the quiz that the question comes from
	Present            bool   // in the lesson
	Asked              bool   // present, and the question counts
	Answered           bool
	Fraction           float64 // 0 to 1
	Points             float64
	Max                float64
	Started, Ended, At time.Time // Started and Ended of the lesson, corrected. At of the grading
	Received           time.Time
}

// AttendanceRow is one pupil's presence in one lesson, by its newest grading.
type AttendanceRow struct {
	School, Box      string
	Class, ClassName string
	ClassKey         string // the same on all boxes
	Lesson, Title    string
	Pupil, Name      string
	Person           string // the same on all boxes
	Teacher          string // user id of who started the lesson
	Started, Ended   time.Time
	Came             time.Time // zero means absent
	Stay             time.Duration
	Graded           int // questions
	Asked, Answered  int // of the graded ones; an absent pupil was not asked
	Points, Max      float64
	Received         time.Time
}

// QuestionRow is a graded question of one lesson, or the lesson itself.
type QuestionRow struct {
	School, ClassKey string
	Lesson, Title    string
	Item, Question   string // empty for the lesson
	Max              float64
	Started, Ended   time.Time
}

// StatementQuery selects xAPI statements. The zero value selects the newest of all schools.
type StatementQuery struct {
	Home      string // IRI prefix of the pupils' accounts and of activities, without a trailing slash
	School    string // empty means all
	ID        string // of one statement
	Pupil     string // user id
	Verb      string // IRI
	Activity  string // IRI
	Since     time.Time
	Until     time.Time
	Ascending bool
	Limit     int    // 0 and values above 500 mean 500
	More      string // bookmark from an earlier answer

	lesson string // restricts the query to one lesson, set for ID
}
