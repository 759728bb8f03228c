package journal

import (
	"context"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Writer writes the facts of a stream that has no other writer. One goroutine uses it.
type Writer struct {
	journal *Journal
	stream  string
	at      Cursor // end of the stream, or zero if it is not known
}

// NewWriter makes a writer of a stream. It writes nothing yet.
func NewWriter(j *Journal, stream string) *Writer { return &Writer{journal: j, stream: stream} }

// Write appends one fact and returns when it is on disk. build returns the fact that follows the
// given end of the stream: its kind, author, stamp and data. If the journal refuses the epoch as
// stale, Write raises the stream and calls build again.
func (w *Writer) Write(ctx context.Context, vital bool, build func(end Cursor) (event.Event, error)) (err error) {
	for range 3 {
		if w.at.Epoch == 0 {
			if w.at, err = w.journal.Raise(ctx, w.stream); err != nil {
				return err
			}
		}
		e, err := build(w.at)
		if err != nil {
			return err
		}
		e.Stream, e.Epoch, e.Seq = w.stream, w.at.Epoch, w.at.Seq+1
		if err = w.append(ctx, Batch{Stream: w.stream, Epoch: w.at.Epoch, Facts: []event.Event{e}, Vital: vital}); err == nil {
			w.at.Seq++
			return nil
		}
		if w.at = (Cursor{}); errs.KindOf(err) != errs.Stale {
			return err
		}
	}
	return errs.Newf("journal.Writer", errs.Down, "stream %s: another writer raises it again and again", w.stream)
}

// append waits until a batch is on disk. If ctx ends before that, the end of the stream is not
// known any more.
func (w *Writer) append(ctx context.Context, b Batch) error {
	done := make(chan error, 1)
	w.journal.Append(b, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("journal.Writer", errs.Down, context.Cause(ctx))
	}
}
