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

// Stream is the journal's stream for facts that the box writes about itself.
const Stream = "report"

// Events describes the facts of this package.
func Events() []event.Def {
	return []event.Def{
		{Kind: Reported, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
		{Kind: Progressed, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
		{Kind: Anchored, Effect: event.Committed, Cloud: true, Vital: true},
		{Kind: Listed, Effect: event.Committed, Cloud: true, PayloadFor: keepOwnEntry},
		{Kind: Graded, Effect: event.Committed, Cloud: true, PayloadFor: keepOwnMarks},
		{Kind: Erased, Effect: event.Committed, Cloud: true, Vital: true},
	}
}

// Ledger writes the stream Stream. It is the only writer of that stream.
type Ledger struct {
	facts       *journal.Writer
	clock       *event.Clock
	log         *slog.Logger
	writes      chan ledgerWrite
	wantsAnchor bool // the clock was wrong at the start, so the facts until then need an anchor
}

// ledgerWrite is one fact to write.
type ledgerWrite struct {
	kind event.Kind
	data json.RawMessage
	done chan<- error
}

// NewLedger makes a ledger. Serve writes it.
func NewLedger(j *journal.Journal, clock *event.Clock, log *slog.Logger) *Ledger {
	return &Ledger{facts: journal.NewWriter(j, Stream), clock: clock, log: log, writes: make(chan ledgerWrite), wantsAnchor: !clock.Now().Trusted}
}

// String returns the service's name.
func (l *Ledger) String() string { return "ledger" }

// AppendFact writes a fact and returns when it is on disk. It returns errs.Down if ctx ends
// before that.
func (l *Ledger) AppendFact(ctx context.Context, kind event.Kind, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return errs.New("cloud.AppendFact", errs.Internal, err)
	}
	done := make(chan error, 1)
	select {
	case l.writes <- ledgerWrite{kind, data, done}:
	case <-ctx.Done():
		return errs.New("cloud.AppendFact", errs.Down, context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("cloud.AppendFact", errs.Down, context.Cause(ctx))
	}
}

// Serve writes facts until ctx ends.
func (l *Ledger) Serve(ctx context.Context) error {
	anchored := !l.wantsAnchor
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case t := <-l.writes:
			t.done <- l.writeFact(ctx, t)
		case <-tick.C:
			anchored = anchored || l.writeAnchor(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// writeAnchor writes an Anchor for this run of the program if the clock is right by now. It
// reports whether it did.
func (l *Ledger) writeAnchor(ctx context.Context) bool {
	now := l.clock.Now()
	if !now.Trusted {
		return false
	}
	data, err := json.Marshal(Anchor{now.Boot, now.Mono, now.Wall})
	if err != nil {
		panic(err) // our own type
	}
	if err := l.writeFact(ctx, ledgerWrite{kind: Anchored, data: data}); err != nil {
		l.log.Warn("the time anchor was not written", "err", err)
		return false
	}
	return true
}

// writeFact writes one fact.
func (l *Ledger) writeFact(ctx context.Context, t ledgerWrite) error {
	return l.facts.Write(ctx, t.kind == Erased || t.kind == Anchored, func(journal.Cursor) (event.Event, error) {
		return event.Event{Kind: t.kind, Stamp: l.clock.Now(), Data: t.data}, nil
	})
}
