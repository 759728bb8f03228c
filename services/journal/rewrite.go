package journal

import (
	"context"
	"errors"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

const (
	rewriteLen   = 64        // facts rewritten in one commit, so that lessons do not wait
	rewriteBytes = 256 << 10 // the same, in bytes
)

// rewrite is the work of one opRewrite: facts take the place of those at their positions.
type rewrite struct {
	facts []event.Event
	drop  bool // drop the stream's snapshot, which may hold rewritten facts
	bar   bool // memory may hold them too: no new snapshot before the next Raise
}

// Rewrite gives facts of a stream another payload, because their time has come or their author
// was erased. fn sees each readable fact, oldest first, outside of any transaction, and at last those
// that CutStream cut off. It may change By, ID and Data and returns whether it did. Stream, epoch,
// seq, position, kind and stamp stay the same. Rewrite returns the number of changed facts.
// errs.Busy: the stream was cut meanwhile, and the next call does the rest.
//
// It works in small commits between those of the lessons. When it is cut off, the facts
// rewritten so far stay rewritten, and the next call does the rest.
//
// A fact of the kind reset begins a new state of the stream. A snapshot taken after it contains
// nothing from before it. A snapshot that may hold changed facts is dropped. When memory may
// hold them too, SaveSnapshot is refused with errs.Stale until Raise, while Append still works.
//
// The old bytes stay in free pages of the file until they are used again: see ZeroFree. The
// copies that hold them are deleted.
func (j *Journal) Rewrite(ctx context.Context, stream string, reset event.Kind, fn func(*event.Event) bool) (changed int, err error) {
	const op = "journal.Rewrite"
	first, err := j.firstHeld(ctx, stream, reset)
	if err != nil {
		return 0, err
	}
	var w rewrite
	size := 0
	put := func() error {
		if len(w.facts) == 0 {
			return nil
		}
		n := len(w.facts)
		if err := errors.Join(j.dropCopiesOf(w.facts), j.rewritePiece(ctx, stream, w), j.dropCopiesOf(w.facts)); err != nil {
			return err
		}
		changed += n
		w, size = rewrite{}, 0
		return nil
	}
	for e, err := range j.replayWithCut(stream) {
		switch {
		case ctx.Err() != nil:
			return changed, errs.New(op, errs.Down, context.Cause(ctx))
		case endsReading(err):
			return changed, err
		case err != nil:
			continue // damaged: there is nothing to rewrite
		}
		old := e
		if !fn(&e) {
			continue
		}
		old.By, old.ID, old.Data = e.By, e.ID, e.Data
		w.facts, size = append(w.facts, old), size+factOverhead+len(old.Data)
		if first.bounds.holdsFact(old) { // what was cut off is in no state
			w.drop = w.drop || first.snapshot.contains(old.Seq)
			w.bar = w.bar || old.Seq >= first.memory
		}
		if len(w.facts) == rewriteLen || size >= rewriteBytes {
			if err := put(); err != nil {
				return changed, err
			}
		}
	}
	return changed, put()
}

// seqRange is a range of seqs of a stream, both ends included.
type seqRange struct{ from, to uint64 }

func (s seqRange) contains(seq uint64) bool { return s.from <= seq && seq <= s.to }

// heldRange lists which facts of a stream may be in its snapshot, and from which seq on they
// may be in memory.
type heldRange struct {
	snapshot seqRange
	memory   uint64
	bounds   streamBounds // the facts behind a cut are in neither
}

// firstHeld finds the start of the stream's state in the snapshot, and in memory.
func (j *Journal) firstHeld(ctx context.Context, stream string, reset event.Kind) (heldRange, error) {
	var h heldRange
	head, err := j.headOf(nil, stream)
	if err != nil {
		return h, err
	}
	h.bounds = head.bounds
	if h.snapshot.to, _, err = j.Snapshot(stream); endsReading(err) {
		return h, err
	} else if err != nil {
		h.snapshot.to = ^uint64(0) // damaged: it may hold anything
	}
	for e, err := range j.Replay(stream, 0) {
		switch {
		case ctx.Err() != nil:
			return h, errs.New("journal.Rewrite", errs.Down, context.Cause(ctx))
		case endsReading(err):
			return h, err
		case err != nil || e.Kind != reset:
			continue
		}
		if h.memory = e.Seq; e.Seq <= h.snapshot.to {
			h.snapshot.from = e.Seq
		}
	}
	return h, nil
}

// rewritePiece hands one piece to the committer and waits until it is on disk.
func (j *Journal) rewritePiece(ctx context.Context, stream string, w rewrite) error {
	done := make(chan error, 1)
	o := &op{kind: opRewrite, batch: Batch{Stream: stream}, rewrite: w, done: func(o *op) { done <- o.err }}
	for i := range w.facts {
		o.bytes += factOverhead + len(w.facts[i].Data)
	}
	j.enqueueOp(o)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("journal.Rewrite", errs.Down, context.Cause(ctx))
	}
}

// applyRewrite replaces facts by their new form. A fact that is not at its position is a fault
// of our code: the whole piece is refused and the update continues without it.
func (st *commitStage) applyRewrite(tx *checkedkv.Tx, h *streamHead, o *op) error {
	facts := tx.Bucket([]byte(bucketFacts))
	values := make([][]byte, len(o.rewrite.facts))
	for i, e := range o.rewrite.facts {
		key := factKey(e.Pos)
		was := readOne(&st.cipher, e.Stream, factRef{e.Seq, e.Pos}, key, facts.Get(key))
		if was.err != nil || was.event.Kind != e.Kind || was.event.Epoch != e.Epoch {
			o.err = errs.Newf("journal.Rewrite", errs.Corrupt, "position %d: not the fact that was read: %w", e.Pos, was.err)
			//lint:ignore nilerr the result has the error
			return nil
		}
		body, err := st.cipher.encode(e)
		if err != nil {
			o.err = err
			//lint:ignore nilerr the result has the error
			return nil
		}
		values[i] = st.cipher.seal(key, body)
	}
	for i, e := range o.rewrite.facts {
		if err := facts.Put(factKey(e.Pos), values[i]); err != nil {
			return err
		}
	}
	h.barred = h.barred || o.rewrite.bar
	if o.rewrite.drop || o.rewrite.bar {
		return tx.Bucket([]byte(bucketSnapshots)).Delete([]byte(o.batch.Stream))
	}
	return nil
}
