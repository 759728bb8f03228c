package cloud

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
)

// Stream is the journal's stream with what the box itself tells the cloud.
const Stream = "report"

// Events describes the facts of this package.
func Events() []event.Def {
	return []event.Def{
		{Kind: Reported, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
		{Kind: Anchored, Effect: event.Committed, Cloud: true, Vital: true},
		{Kind: Listed, Effect: event.Committed, Cloud: true, For: ownName},
		{Kind: Graded, Effect: event.Committed, Cloud: true, For: ownMarks},
		{Kind: Erased, Effect: event.Committed, Cloud: true, Vital: true},
	}
}

// Ledger writes the stream Stream. It is its only writer.
type Ledger struct {
	journal *journal.Journal
	clock   *event.Clock
	log     *slog.Logger
	acts    chan telling
	late    bool // the clock was not right from the start: what happened until then wants an anchor
}

// telling is one fact to be written.
type telling struct {
	kind event.Kind
	data json.RawMessage
	done chan<- error
}

// NewLedger makes a ledger; Serve writes it.
func NewLedger(j *journal.Journal, clock *event.Clock, log *slog.Logger) *Ledger {
	return &Ledger{journal: j, clock: clock, log: log, acts: make(chan telling), late: !clock.Now().Trusted}
}

// String is the service's name.
func (l *Ledger) String() string { return "ledger" }

// Tell writes a fact and returns when it is on disk, or with errs.Down when it could not be
// written before ctx ended.
func (l *Ledger) Tell(ctx context.Context, kind event.Kind, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return errs.New("cloud.Tell", errs.Internal, err)
	}
	done := make(chan error, 1)
	select {
	case l.acts <- telling{kind, data, done}:
	case <-ctx.Done():
		return errs.New("cloud.Tell", errs.Down, context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("cloud.Tell", errs.Down, context.Cause(ctx))
	}
}

// Serve writes until ctx ends. The journal may refuse what a memory ahead of the disk asks
// for: then the stream is raised and what was refused is written again.
func (l *Ledger) Serve(ctx context.Context) error {
	var at journal.Cursor
	anchored := !l.late
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case t := <-l.acts:
			t.done <- l.write(ctx, &at, t)
		case <-tick.C:
			anchored = anchored || l.anchor(ctx, &at)
		case <-ctx.Done():
			return nil
		}
	}
}

// anchor ties the clock of this start to the right time, once that is known.
func (l *Ledger) anchor(ctx context.Context, at *journal.Cursor) bool {
	now := l.clock.Now()
	if !now.Trusted {
		return false
	}
	data, err := json.Marshal(Anchor{now.Boot, now.Mono, now.Wall})
	if err != nil {
		panic(err) // our own type
	}
	if err := l.write(ctx, at, telling{kind: Anchored, data: data}); err != nil {
		l.log.Warn("the time is not noted yet", "err", err)
		return false
	}
	return true
}

// write writes one fact. at is the end of the stream as far as it is known.
func (l *Ledger) write(ctx context.Context, at *journal.Cursor, t telling) (err error) {
	for range 3 {
		if at.Epoch == 0 {
			if *at, err = l.journal.Raise(ctx, Stream); err != nil {
				return err
			}
		}
		e := event.Event{Stream: Stream, Epoch: at.Epoch, Seq: at.Seq + 1, Kind: t.kind, Stamp: l.clock.Now(), Data: t.data}
		done := make(chan error, 1)
		vital := t.kind == Erased || t.kind == Anchored
		l.journal.Append(journal.Batch{Stream: Stream, Epoch: at.Epoch, Facts: []event.Event{e}, Vital: vital}, func(err error) { done <- err })
		select {
		case err = <-done:
		case <-ctx.Done():
			return errs.New("cloud.Tell", errs.Down, context.Cause(ctx))
		}
		if err == nil {
			at.Seq++
			return nil
		}
		if *at = (journal.Cursor{}); errs.KindOf(err) != errs.Stale {
			break
		}
	}
	return err
}
