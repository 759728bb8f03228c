// Package jobs does durable work in the background, and keeps failed work until an admin
// decides about it.
//
// A job (a report, an import) is a fact before it is begun and a fact when it is over, so it
// outlives a crash. It is tried a bounded number of times, with pauses. Then it is a dead
// letter with its input, its error and the stack. Heavy work runs through Worker as a
// low-priority process of the same program.
//
// A dead letter is a message, or a fact, that crashed its room twice and was set aside so
// that the room could continue. Letters are facts on the stream "box" of the journal and
// the list is a fold over them, so the admin page shows the state of the disk.
//
//	room -> AddDeadLetter -> queue -> Serve -> journal.Append -> committed -> list
//
// Promises:
//   - AddDeadLetter never blocks. When 256 commands wait for the disk, a letter is dropped,
//     counted and logged.
//   - A letter that could not be written is kept in memory and written as soon as the
//     journal takes it. It is on the list meanwhile.
//   - DropDeadLetter and MarkRetried return when their fact is on disk. Doing either again
//     is an errs.Missing and changes nothing.
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

// Stream is the journal's stream of the letters.
const Stream = "box"

// Facts about letters.
const (
	Buried  = event.Kind("letter.buried")
	Dropped = event.Kind("letter.dropped")
	Retried = event.Kind("letter.retried")
)

const (
	maxQueued    = 256              // commands that may wait for the disk
	maxLetters   = 1000             // letters on the list. The oldest leave it, and stay on disk
	maxData      = 256 << 10        // bytes of a message that a letter keeps
	maxText      = 16 << 10         // bytes of its error and of its stack
	retryPause   = 5 * time.Second  // between two tries while the journal takes nothing
	writeTimeout = 10 * time.Second // for DropDeadLetter and MarkRetried
)

// DeadLetter is one message, fact or job that was set aside. It may hold text of a pupil, so only
// the admin sees it.
type DeadLetter struct {
	ID    string          `json:"id"`              // set by AddDeadLetter
	Room  string          `json:"room"`            // its room
	Kind  string          `json:"kind"`            // the command's or the fact's name
	By    string          `json:"by"`              // user id of the author
	Role  event.Role      `json:"role"`            // of the author
	Cmd   string          `json:"cmd"`             // the client's id of the command
	Seq   uint64          `json:"seq"`             // of the fact, 0: it is a command and may be tried again
	Data  json.RawMessage `json:"data"`            // the payload
	Job   string          `json:"job,omitempty"`   // of a job that failed: its id
	Title string          `json:"title,omitempty"` // and its title
	Err   string          `json:"err"`             // the error
	Stack string          `json:"stack"`           // its stack
	At    int64           `json:"at"`              // milliseconds since 1970, set by AddDeadLetter
}

// Jobs is the list of letters. Its methods may be called from any goroutine.
type Jobs struct {
	journal  *journal.Journal
	clock    *event.Clock
	log      *slog.Logger
	metrics  metrics
	commands chan command
	kinds    map[string]Kind
	addMu    sync.Mutex // one Enqueue at a time

	mu          sync.Mutex   // guards the fields below
	deadLetters []DeadLetter // oldest first
	unsaved     []command    // not on disk yet, Serve writes them first
	jobs        map[string]*entry
	foldedJobs  int           // jobs folded so far
	loaded      bool          // the journal was read, so waiting jobs may run
	wake        chan struct{} // closed when a worker may find work
}

// command is one fact to be written.
type command struct {
	kind   event.Kind
	letter DeadLetter
	data   json.RawMessage // of a fact about a job
	done   chan error      // nil: the caller does not wait
}

// New makes an empty queue for these kinds of job. Serve fills it from the journal and Workers
// runs it. reg may be nil.
func New(j *journal.Journal, clock *event.Clock, log *slog.Logger, reg prometheus.Registerer, kinds ...Kind) *Jobs {
	q := &Jobs{
		journal: j, clock: clock, log: log, metrics: newMetrics(reg), commands: make(chan command, maxQueued),
		kinds: map[string]Kind{}, jobs: map[string]*entry{}, wake: make(chan struct{}),
	}
	for _, w := range kinds {
		q.kinds[w.Name] = w
	}
	return q
}

// String is the service's name.
func (j *Jobs) String() string { return "jobs" }

// AddDeadLetter sets a letter aside and returns at once.
func (j *Jobs) AddDeadLetter(l DeadLetter) {
	l = j.prepareLetter(l)
	select {
	case j.commands <- command{kind: Buried, letter: l}:
		j.metrics.buried.Inc()
	default:
		j.metrics.lost.Inc()
		j.log.Error("dead letter dropped: too many at once", "room", l.Room, "kind", l.Kind)
	}
}

// prepareLetter sets a letter's id and bounds its size.
func (j *Jobs) prepareLetter(l DeadLetter) DeadLetter {
	l.ID, l.At = "l_"+strings.ToLower(rand.Text()[:13]), j.clock.Now().Wall
	if !json.Valid(l.Data) || len(l.Data) > maxData {
		l.Data = nil
	}
	l.Err, l.Stack = truncateText(l.Err), truncateText(l.Stack)
	return l
}

func truncateText(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "") }

// ListDeadLetters returns the letters that wait for a decision, newest first, at most 1000.
func (j *Jobs) ListDeadLetters() []DeadLetter {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]DeadLetter, 0, len(j.deadLetters))
	for i := len(j.deadLetters) - 1; i >= 0; i-- {
		list = append(list, j.deadLetters[i])
	}
	return list
}

// GetDeadLetter returns one letter, or errs.Missing.
func (j *Jobs) GetDeadLetter(id string) (DeadLetter, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.deadLetters {
		if l.ID == id {
			return l, nil
		}
	}
	return DeadLetter{}, errs.NewCode("jobs.Get", errs.Missing, "no_letter", "no such letter")
}

// DropDeadLetter takes a letter off the list for good.
func (j *Jobs) DropDeadLetter(ctx context.Context, id string) error {
	return j.recordDecision(ctx, Dropped, id)
}

// MarkRetried takes a letter off the list because its command was carried out.
func (j *Jobs) MarkRetried(ctx context.Context, id string) error {
	return j.recordDecision(ctx, Retried, id)
}

func (j *Jobs) recordDecision(ctx context.Context, kind event.Kind, id string) error {
	l, err := j.GetDeadLetter(id)
	if err != nil {
		return err
	}
	return j.writeCommand(ctx, command{kind: kind, letter: DeadLetter{ID: l.ID}})
}

func downError(ctx context.Context) error {
	if e, ok := errors.AsType[*errs.Error](context.Cause(ctx)); ok {
		return e
	}
	return errs.New("jobs", errs.Down, context.Cause(ctx))
}
