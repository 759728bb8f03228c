// Package jobs does durable work in the background, and keeps what could not be done until
// somebody decides about it.
//
// A job (a report, an import) is a fact before it is begun and a fact when it is over, so
// it outlives a crash. It is tried a bounded number of times, with pauses; then it is a
// dead letter with its input, its error and the stack. Heavy work runs through Worker as a
// low-priority process of the same program.
//
// A dead letter is a message, or a fact, that crashed its room twice and was set aside so
// that the room could go on. Letters are facts on the stream "box" of the journal and the
// list is a fold over them: what is on the admin page is what is on disk.
//
//	room -> Bury -> queue -> Serve -> journal.Append -> committed -> list
//
// Promises:
//   - Bury never blocks. When 256 acts wait for the disk, a letter is dropped, counted
//     and logged.
//   - A letter that could not be written is kept in memory and written as soon as the
//     journal takes it; it is on the list meanwhile.
//   - Drop and Retried return when their fact is on disk. Doing either again is an
//     errs.Missing and changes nothing.
//
// This package is the only writer of the stream "box".
package jobs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
)

// Stream is the journal's stream that the letters are on.
const Stream = "box"

// Facts about letters.
const (
	Buried  = event.Kind("letter.buried")
	Dropped = event.Kind("letter.dropped")
	Retried = event.Kind("letter.retried")
)

const (
	queued  = 256              // acts that may wait for the disk
	kept    = 1000             // letters on the list; the oldest leave it, and stay on disk
	maxData = 256 << 10        // bytes of a message that a letter keeps
	maxText = 16 << 10         // bytes of its error and of its stack
	patient = 5 * time.Second  // between two tries while the journal takes nothing
	trying  = 10 * time.Second // for Drop and Retried
)

// Letter is one thing that was set aside. It may hold what a pupil wrote, so it is for
// the admin's eyes.
type Letter struct {
	ID    string          `json:"id"`              // set by Bury
	Room  string          `json:"room"`            // where it belongs
	Kind  string          `json:"kind"`            // the command's or the fact's name
	By    string          `json:"by"`              // user id of the author
	Role  event.Role      `json:"role"`            // of the author
	Cmd   string          `json:"cmd"`             // the client's id of the command
	Seq   uint64          `json:"seq"`             // of the fact; 0: it is a command and may be tried again
	Data  json.RawMessage `json:"data"`            // the payload
	Job   string          `json:"job,omitempty"`   // of a job that failed: its id
	Title string          `json:"title,omitempty"` // and what it was about
	Err   string          `json:"err"`             // what it did
	Stack string          `json:"stack"`           // where
	At    int64           `json:"at"`              // milliseconds since 1970; set by Bury
}

// Jobs is the list of letters. Its methods may be called from any goroutine.
type Jobs struct {
	journal *journal.Journal
	clock   *event.Clock
	log     *slog.Logger
	metrics metrics
	acts    chan act
	kinds   map[string]Kind
	adding  sync.Mutex // one Add at a time

	mu      sync.Mutex // guards the fields below
	letters []Letter   // oldest first
	unsaved []act      // not on disk yet; Serve writes them first
	jobs    map[string]*entry
	added   int           // jobs folded so far
	loaded  bool          // the journal was read: what waits may run
	bell    chan struct{} // closed when a lane may find work
}

// act is one fact to be written.
type act struct {
	kind   event.Kind
	letter Letter
	data   json.RawMessage // of a fact about a job
	done   chan error      // nil: nobody waits
}

// New makes an empty queue for these kinds of job; Serve fills it from the journal and
// Lanes runs it. reg may be nil.
func New(j *journal.Journal, clock *event.Clock, log *slog.Logger, reg prometheus.Registerer, kinds ...Kind) *Jobs {
	q := &Jobs{
		journal: j, clock: clock, log: log, metrics: newMetrics(reg), acts: make(chan act, queued),
		kinds: map[string]Kind{}, jobs: map[string]*entry{}, bell: make(chan struct{}),
	}
	for _, w := range kinds {
		q.kinds[w.Name] = w
	}
	return q
}

// String is the service's name.
func (j *Jobs) String() string { return "jobs" }

// Bury sets a letter aside and returns at once.
func (j *Jobs) Bury(l Letter) {
	l = j.address(l)
	select {
	case j.acts <- act{kind: Buried, letter: l}:
		j.metrics.buried.Inc()
	default:
		j.metrics.lost.Inc()
		j.log.Error("dead letter dropped: too many at once", "room", l.Room, "kind", l.Kind)
	}
}

// address gives a letter its id and bounds what it holds.
func (j *Jobs) address(l Letter) Letter {
	l.ID, l.At = "l_"+strings.ToLower(rand.Text()[:13]), j.clock.Now().Wall
	if !json.Valid(l.Data) || len(l.Data) > maxData {
		l.Data = nil
	}
	l.Err, l.Stack = clip(l.Err), clip(l.Stack)
	return l
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "") }

// List is the letters that wait for a decision, newest first, at most 1000.
func (j *Jobs) List() []Letter {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Letter, 0, len(j.letters))
	for i := len(j.letters) - 1; i >= 0; i-- {
		list = append(list, j.letters[i])
	}
	return list
}

// Get is one letter. errs.Missing: there is none.
func (j *Jobs) Get(id string) (Letter, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.letters {
		if l.ID == id {
			return l, nil
		}
	}
	return Letter{}, errs.Code("jobs.Get", errs.Missing, "no_letter", "no such letter")
}

// Drop takes a letter off the list for good.
func (j *Jobs) Drop(ctx context.Context, id string) error { return j.decide(ctx, Dropped, id) }

// Retried takes a letter off the list because what it asked for was done.
func (j *Jobs) Retried(ctx context.Context, id string) error { return j.decide(ctx, Retried, id) }

func (j *Jobs) decide(ctx context.Context, kind event.Kind, id string) error {
	l, err := j.Get(id)
	if err != nil {
		return err
	}
	return j.do(ctx, act{kind: kind, letter: Letter{ID: l.ID}})
}

func down(ctx context.Context) error {
	if e, ok := errors.AsType[*errs.Error](context.Cause(ctx)); ok {
		return e
	}
	return errs.New("jobs", errs.Down, context.Cause(ctx))
}
