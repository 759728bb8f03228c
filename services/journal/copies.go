package journal

import (
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// maxNumber is the highest epoch and seq of a copy: JavaScript holds it, and a leap from it is no
// overflow.
const maxNumber = 1<<53 - 1

// AppendCopies hands facts of another box's stream to the committer and returns, as Append does.
// They keep their epochs and seqs. Batch.Epoch is not used. All of a batch is taken or nothing.
//
// A stream that never was begins with the first fact: see StreamState.Base. After that seqs must
// follow each other. A higher epoch ends the one before at the stream's last seq. After CutStream
// any epoch may go on that has not ended elsewhere. Facts that are here already are compared and
// passed over: epoch, kind and stamp must be the same. The author and the payload may differ,
// because each box forgets them in its own time.
//
// done gets nil when all facts are on disk. errs.Stale with the code gap: facts before these are
// missing, send those after StreamState.At first. errs.Stale with the code diverged: the stream
// here has another fact at that seq, or its epoch has ended before, and sending again is of no
// use. errs.Invalid: the batch is no part of a stream. errs.Down as for Append. After a refusal
// the stream is as before, and the next batch may be taken.
//
// The epochs belong to another box: until the next Open, Append and SaveSnapshot refuse them with
// errs.Stale. Which box an epoch belongs to is not on disk, so whoever writes begins one of this box
// by TakeOver first, after each Open.
func (j *Journal) AppendCopies(b Batch, done func(error)) { j.enqueueBatch(opCopy, b, done) }

// applyCopies writes the facts of a batch that are not here yet. All checks come before the first
// change, so a refused batch leaves no trace.
func (st *commitStage) applyCopies(tx *checkedkv.Tx, h *streamHead, o *op) error {
	next := *h
	facts, values, err := st.checkCopies(tx, &next, o.batch)
	if o.err = err; len(values) == 0 {
		return nil
	}
	bucket := tx.Bucket([]byte(bucketFacts))
	bucket.FillPercent = 1 // positions only grow: full pages, half the bytes
	for i, value := range values {
		if facts[i].Epoch != next.epoch {
			next.beginEpoch(facts[i].Epoch)
		}
		if err := st.putFact(bucket, &next, facts[i].Seq, value); err != nil {
			return err
		}
	}
	begun := next.epoch != h.epoch
	next.fenced = true
	*h = next
	if begun {
		return putHead(tx, o.batch.Stream, h)
	}
	return nil
}

// checkCopies checks whether a batch may follow a head, to which it gives a base if the stream is
// new. It returns the facts that are not here yet, and their encoded form.
func (st *commitStage) checkCopies(tx *checkedkv.Tx, next *streamHead, b Batch) ([]event.Event, [][]byte, error) {
	facts, err := checkDense(b.Stream, b.Facts)
	if err != nil || len(facts) == 0 {
		return nil, nil, err
	}
	if next.epoch == 0 && next.seq == 0 {
		next.setBase(facts[0].Seq - 1)
	}
	known := 0
	for known < len(facts) && facts[known].Seq <= next.seq {
		known++
	}
	if err := st.compareFacts(tx, next, facts[:known]); err != nil {
		return nil, nil, err
	}
	values, err := st.cipher.encodeCopies(*next, facts[known:])
	return facts[known:], values, err
}

// checkDense checks what needs no journal: facts that follow each other, with numbers that a
// stream may have. It returns them as facts of the stream.
func checkDense(stream string, facts []event.Event) ([]event.Event, error) {
	const name = "journal.AppendCopies"
	list := make([]event.Event, len(facts))
	for i, f := range facts {
		switch {
		case f.Epoch == 0 || f.Epoch > maxNumber:
			return nil, errs.NewField(name, "epoch", "out_of_range", maxNumber, "epoch %d is not between 1 and %d", f.Epoch, uint64(maxNumber))
		case f.Seq == 0 || f.Seq > maxNumber:
			return nil, errs.NewField(name, "seq", "out_of_range", maxNumber, "seq %d is not between 1 and %d", f.Seq, uint64(maxNumber))
		case i > 0 && f.Seq != facts[i-1].Seq+1:
			return nil, errs.NewField(name, "seq", "not_dense", 0, "seq %d comes after %d in one batch", f.Seq, facts[i-1].Seq)
		}
		f.Stream = stream
		list[i] = f
	}
	return list, nil
}

// encodeCopies checks whether facts may follow a head, and encodes them.
func (c *factCipher) encodeCopies(next streamHead, facts []event.Event) ([][]byte, error) {
	values := make([][]byte, len(facts))
	for i, f := range facts {
		if err := next.checkFollows(f); err != nil {
			return nil, err
		}
		if f.Epoch != next.epoch {
			next.beginEpoch(f.Epoch)
		}
		next.seq = f.Seq
		v, err := c.encode(f)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// checkFollows checks whether a copy may be the stream's next fact.
func (h *streamHead) checkFollows(f event.Event) error {
	if f.Seq != h.seq+1 {
		return errs.NewCode("journal.AppendCopies", errs.Stale, "gap", "seq %d does not follow: %d would", f.Seq, h.seq+1)
	}
	for _, c := range h.bounds.cuts {
		if c.epoch == f.Epoch && f.Seq > c.seq {
			return errDiverged("seq %d: epoch %d was cut off at %d", f.Seq, f.Epoch, c.seq)
		}
	}
	if f.Epoch == h.epoch && !h.hasEnded() {
		return nil
	}
	for _, e := range h.ends {
		if e.epoch == f.Epoch && (e.seq != h.seq || e.epoch == h.epoch) {
			return errDiverged("seq %d: epoch %d ended at %d", f.Seq, f.Epoch, e.seq)
		}
	}
	if f.Epoch < h.epoch && !h.hasEnded() {
		return errDiverged("seq %d: epoch %d is older than the stream's, which is %d", f.Seq, f.Epoch, h.epoch)
	}
	return nil
}

// compareFacts checks that facts are those that the stream has at their seqs. It passes over those
// that it cannot compare: from before the base, or damaged here.
func (st *commitStage) compareFacts(tx *checkedkv.Tx, h *streamHead, facts []event.Event) error {
	for len(facts) > 0 && facts[0].Seq <= h.bounds.base {
		facts = facts[1:]
	}
	bucket := tx.Bucket([]byte(bucketFacts))
	for len(facts) > 0 {
		refs, err := st.locateStaged(tx, h, facts[0].Stream, facts[0].Seq-1)
		if err != nil {
			return err
		}
		for _, r := range refs[:min(len(refs), len(facts))] {
			f := facts[0]
			facts = facts[1:]
			key := factKey(r.pos)
			held := readOne(&st.cipher, f.Stream, r, key, bucket.Get(key))
			if e := held.event; held.err == nil && (e.Epoch != f.Epoch || e.Kind != f.Kind || e.Stamp != f.Stamp) {
				return errDiverged("seq %d: the fact here is %s of epoch %d, the copy is %s of epoch %d", f.Seq, e.Kind, e.Epoch, f.Kind, f.Epoch)
			}
		}
		if len(refs) == 0 {
			return nil
		}
	}
	return nil
}

// locateStaged finds the positions of the facts after a seq, those of this update included.
func (st *commitStage) locateStaged(tx *checkedkv.Tx, h *streamHead, stream string, after uint64) ([]factRef, error) {
	tail, indexed := h.factsInMemory(after)
	refs, err := readIndex(tx, stream, after)
	if err != nil || lacksFacts(refs, after, indexed) {
		st.j.log.Error("the index is damaged, facts are read instead", "room", stream, "err", err)
		return st.j.searchFacts(stream, after, h)
	}
	return fillGaps(after, addTail(refs, tail)), nil
}

// EncodeFacts writes facts for another box: each as in the file, with its length before it.
func EncodeFacts(facts []event.Event) []byte {
	var b []byte
	for _, f := range facts {
		b = appendText(b, string(appendFact(nil, f)))
	}
	return b
}

// DecodeFacts reads the bytes of EncodeFacts. They come from another box, so any fault is
// errs.Invalid, and nothing is returned then. Positions are not part of them.
func DecodeFacts(b []byte) ([]event.Event, error) {
	const name = "journal.DecodeFacts"
	var facts []event.Event
	d := decoder{rest: string(b)}
	for d.rest != "" {
		text := d.readText()
		if d.bad {
			return nil, errs.NewField(name, "facts", "cut", 0, "fact %d ends too early", len(facts)+1)
		}
		if len(text) > maxFact {
			return nil, errs.NewField(name, "facts", "too_long", maxFact, "fact %d has %d bytes: %d are the limit", len(facts)+1, len(text), maxFact)
		}
		f, err := readFact([]byte(text))
		if err != nil {
			return nil, errs.NewField(name, "facts", "unreadable", 0, "fact %d: %w", len(facts)+1, err)
		}
		facts = append(facts, f)
	}
	return facts, nil
}
