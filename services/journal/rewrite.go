package journal

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

const (
	rewriteLen   = 64        // facts rewritten in one commit, so that lessons do not wait
	rewriteBytes = 256 << 10 // the same, in bytes
)

// rewrite is what one opRewrite does: facts take the place of those at their positions.
type rewrite struct {
	facts []event.Event
	drop  bool // the stream's snapshot may hold what is rewritten: it goes
	bar   bool // and so may memory: no new snapshot before the next Raise
}

// Rewrite gives facts of a stream another payload: their time has come, or their author
// was erased. fn sees each fact that can be read, oldest first, outside of any
// transaction; it may change By, ID and Data and says whether it did. Stream, epoch, seq,
// position, kind and stamp stay as they are. It gives how many facts were changed.
//
// It works in small commits between those of the lessons. When it is cut off, what was
// rewritten stays so, and calling it again goes on.
//
// A fact of the kind reset begins the state of the stream anew: what stands before it is
// in no snapshot that was taken after it. A snapshot that may hold what was changed is
// dropped; when memory may hold it too, SaveSnapshot is refused with errs.Stale until
// Raise, while Append goes on.
//
// The old bytes stay in free pages of the file until they are used again: see CompactNext.
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
		if err := j.rewrite(ctx, stream, w); err != nil {
			return err
		}
		changed += n
		w, size = rewrite{}, 0
		return nil
	}
	for e, err := range j.Replay(stream, 0) {
		switch {
		case ctx.Err() != nil:
			return changed, errs.New(op, errs.Down, context.Cause(ctx))
		case stops(err):
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
		w.drop = w.drop || first.snapshot.has(old.Seq)
		w.bar = w.bar || old.Seq >= first.memory
		if len(w.facts) == rewriteLen || size >= rewriteBytes {
			if err := put(); err != nil {
				return changed, err
			}
		}
	}
	return changed, put()
}

// span is some seqs of a stream, both ends included.
type span struct{ from, to uint64 }

func (s span) has(seq uint64) bool { return s.from <= seq && seq <= s.to }

// held is which facts of a stream may be in its snapshot, and from which on in memory.
type held struct {
	snapshot span
	memory   uint64
}

// firstHeld finds where the stream's state began: that of the snapshot, and that of now.
func (j *Journal) firstHeld(ctx context.Context, stream string, reset event.Kind) (held, error) {
	var h held
	var err error
	if h.snapshot.to, _, err = j.Snapshot(stream); stops(err) {
		return h, err
	} else if err != nil {
		h.snapshot.to = ^uint64(0) // damaged: it may hold anything
	}
	for e, err := range j.Replay(stream, 0) {
		switch {
		case ctx.Err() != nil:
			return h, errs.New("journal.Rewrite", errs.Down, context.Cause(ctx))
		case stops(err):
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

// rewrite hands one piece to the committer and waits until it is on disk.
func (j *Journal) rewrite(ctx context.Context, stream string, w rewrite) error {
	done := make(chan error, 1)
	o := &op{kind: opRewrite, batch: Batch{Stream: stream}, rewrite: w, done: func(o *op) { done <- o.err }}
	for i := range w.facts {
		o.bytes += factOverhead + len(w.facts[i].Data)
	}
	j.hand(o)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("journal.Rewrite", errs.Down, context.Cause(ctx))
	}
}

// rewrite puts facts in the place of what they were. One that is not where it was read is
// a fault of ours: the whole piece is refused and the update goes on without it.
func (st *stage) rewrite(tx *bbolt.Tx, h *head, o *op) error {
	facts := tx.Bucket([]byte(bucketFacts))
	values := make([][]byte, len(o.rewrite.facts))
	for i, e := range o.rewrite.facts {
		key := factKey(e.Pos)
		was := readOne(e.Stream, ref{e.Seq, e.Pos}, key, facts.Get(key))
		if was.err != nil || was.event.Kind != e.Kind || was.event.Epoch != e.Epoch {
			o.err = errs.Newf("journal.Rewrite", errs.Corrupt, "position %d: not the fact that was read: %w", e.Pos, was.err)
			return nil
		}
		values[i] = seal(bucketFacts, key, appendFact(make([]byte, 0, factOverhead+len(e.Data)), e))
		if len(values[i]) > maxFact {
			o.err = errs.Newf("journal.Rewrite", errs.Invalid, "a fact of %d bytes is too large: %d are the limit", len(values[i]), maxFact)
			return nil
		}
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
