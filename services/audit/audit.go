// Package audit records who did what on the box: who signed in and who failed to, who opened,
// exported or erased data of pupils, who changed the box itself.
//
// Its entries are facts in a stream of their own. Each one holds the hash of the one before, so
// that a changed, removed or inserted entry shows: see Verify. Entries are kept for a year. The
// gateway records what it lets people do, and package firmware what the box does by itself.
//
// An entry names people of the staff by name. It names pupils, classes and lessons only by their
// ids, which lead nowhere once the thing itself is erased.
package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
)

// Stream is the journal's stream of the entries.
const Stream = "audit"

// Recorded is the kind of the facts of this package.
const Recorded event.Kind = "audit.recorded"

// Events describes the facts of this package. They are vital: a full disk must not hide an act.
func Events() []event.Def {
	return []event.Def{{Kind: Recorded, Effect: event.Committed, Keep: event.KeepAudit, Vital: true, Cloud: true, PayloadFor: keepAct}}
}

// keepAct tells a person outside of the staff what was done, and not by whom or from where.
func keepAct(e event.Event, v event.Viewer) json.RawMessage {
	var r record
	if v.IsStaff() || json.Unmarshal(e.Data, &r) != nil {
		return e.Data
	}
	data, err := json.Marshal(record{Action: r.Action, Target: r.Target})
	if err != nil {
		panic(err) // our own type
	}
	return data
}

// Entry is one act.
type Entry struct {
	Seq     uint64 `json:"seq"`               // set by the log
	At      int64  `json:"at"`                // milliseconds since 1970, set by the log
	By      string `json:"by,omitempty"`      // user id; empty: an unknown person, or the box itself
	Name    string `json:"name,omitempty"`    // of that user
	From    string `json:"from,omitempty"`    // the network address, or a part of the box such as "button"
	Action  string `json:"action"`            // one of Actions
	Target  string `json:"target,omitempty"`  // id of the thing it was done to
	Detail  string `json:"detail,omitempty"`  // such as the name of a file
	Refused bool   `json:"refused,omitempty"` // it was tried and refused
	Times   int    `json:"times,omitempty"`   // how often within a minute, if more than once
}

// The limits of an entry's texts in bytes.
const (
	maxText   = 300
	maxTarget = 64
)

const (
	flushInterval = time.Minute      // refused tries of one kind within it share an entry
	viewInterval  = 15 * time.Minute // opening the same thing again within it makes no entry
	maxGroups     = 200              // kinds of refused tries that are kept apart. More share an entry
)

// Log writes the stream Stream. It is its only writer. Any goroutine may call its methods. A nil
// Log records nothing.
type Log struct {
	journal *journal.Journal
	facts   *journal.Writer
	clock   *event.Clock
	log     *slog.Logger
	writes  chan write

	queued []Entry // by Queue, before Serve

	// The fields below are owned by Serve's goroutine.
	last    link                // the last entry
	refused map[Entry]int       // tries since the last flush that have no entry yet
	viewed  map[Entry]time.Time // when a thing was opened, by the entry
}

// link is the end of the chain.
type link struct {
	seq  uint64
	hash string
}

type write struct {
	entry Entry
	done  chan<- error
}

// New makes a log. Serve writes it.
func New(j *journal.Journal, clock *event.Clock, log *slog.Logger) *Log {
	return &Log{
		journal: j, facts: journal.NewWriter(j, Stream), clock: clock, log: log, writes: make(chan write),
		refused: map[Entry]int{}, viewed: map[Entry]time.Time{},
	}
}

// String returns the service's name.
func (l *Log) String() string { return "audit" }

// Record writes an entry and returns when it is on disk. The first refused try of a kind is
// written at once, and those that follow within a minute are counted in one entry. A thing that
// the same person opens again soon makes no second entry.
func (l *Log) Record(ctx context.Context, e Entry) error {
	if l == nil {
		return nil
	}
	done := make(chan error, 1)
	select {
	case l.writes <- write{e.cut(), done}:
	case <-ctx.Done():
		return errs.New("audit.Record", errs.Down, context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("audit.Record", errs.Down, context.Cause(ctx))
	}
}

// cut shortens the texts that people choose.
func (e Entry) cut() Entry {
	e.Name, e.From, e.Detail, e.Target = cutText(e.Name, maxText), cutText(e.From, maxText), cutText(e.Detail, maxText), cutText(e.Target, maxTarget)
	return e
}

// Queue has Serve write an entry when it starts. It must be called before that.
func (l *Log) Queue(e Entry) { l.queued = append(l.queued, e.cut()) }

// WriteQueued writes the entries of Queue. A box that is stopped calls it instead of Serve.
func (l *Log) WriteQueued(ctx context.Context) error {
	for ; len(l.queued) > 0; l.queued = l.queued[1:] {
		if err := l.write(ctx, l.queued[0]); err != nil {
			return err
		}
	}
	return nil
}

// Serve writes entries until ctx ends, and then the tries that it has counted.
func (l *Log) Serve(ctx context.Context) error {
	if err := l.WriteQueued(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case w := <-l.writes:
			w.done <- l.take(ctx, w.entry)
		case <-tick.C:
			l.flush(ctx)
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			l.flush(late)
			return nil
		}
	}
}

// take writes an entry, or counts it with others of its kind.
func (l *Log) take(ctx context.Context, e Entry) error {
	switch {
	case e.Refused:
		if _, known := l.refused[e]; !known && len(l.refused) >= maxGroups {
			e = Entry{Action: e.Action, Refused: true} // many addresses at once
		}
		if n, known := l.refused[e]; known {
			l.refused[e] = n + 1
			return nil
		}
		l.refused[e] = 0
	case isView(e.Action):
		if at, ok := l.viewed[e]; ok && time.Since(at) < viewInterval {
			return nil
		}
	}
	if err := l.write(ctx, e); err != nil {
		return err
	}
	if isView(e.Action) {
		l.viewed[e] = time.Now()
	}
	return nil
}

// flush writes the counted tries and forgets what was opened long ago.
func (l *Log) flush(ctx context.Context) {
	for e, n := range l.refused {
		if delete(l.refused, e); n == 0 {
			continue
		}
		if e.Times = n; n == 1 {
			e.Times = 0
		}
		if err := l.write(ctx, e); err != nil {
			l.log.Error("refused tries are missing in the audit log", "kind", e.Action, "err", err)
		}
	}
	for e, at := range l.viewed {
		if time.Since(at) >= viewInterval {
			delete(l.viewed, e)
		}
	}
}

// write appends an entry to the chain.
func (l *Log) write(ctx context.Context, e Entry) error {
	var r record
	err := l.facts.Write(ctx, true, func(end journal.Cursor) (event.Event, error) {
		if l.last.seq != end.Seq {
			var err error
			if l.last, err = l.readLast(end.Seq); err != nil {
				return event.Event{}, err
			}
		}
		stamp := l.clock.Now()
		e.Seq, e.At = end.Seq+1, stamp.Wall
		r = recordOf(e, l.last.hash)
		data, err := json.Marshal(r)
		if err != nil {
			return event.Event{}, errs.New("audit.Record", errs.Internal, err)
		}
		return event.Event{Kind: Recorded, By: e.By, Stamp: stamp, Data: data}, nil
	})
	if err == nil {
		l.last = link{e.Seq, r.hash(e)}
	}
	return err
}

// readLast returns the end of the chain on disk. The chain begins anew after an entry that was
// removed or is damaged, and Verify tells of the latter.
func (l *Log) readLast(seq uint64) (link, error) {
	at := link{seq: seq}
	if seq == 0 {
		return at, nil
	}
	for e, err := range l.journal.Replay(Stream, seq-1) {
		switch {
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return at, err
		case err == nil:
			if entry, r, ok := readEntry(e); ok {
				at.hash = r.hash(entry)
			}
		}
	}
	return at, nil
}
