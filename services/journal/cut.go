package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// TakeOver waits until everything handed over before is on disk or refused, and begins an epoch
// of the stream, durably, that no other box gives: far above all that it had, and at random. Raise
// is for the box that gave the last epoch. TakeOver is for another one, and for a stream that other
// boxes may begin too. When ctx ends first the epoch may still begin.
func (j *Journal) TakeOver(ctx context.Context, stream string) (Cursor, error) {
	return j.awaitCursor(ctx, "journal.TakeOver", &op{kind: opTake, batch: Batch{Stream: stream}})
}

// CutStream ends a stream's epoch at seq, durably, because another box went on from there. What
// the stream has behind seq is no part of it any more: it stays in the file, for Scan, Follow and
// Rewrite. A snapshot behind seq is deleted. Copies of the other box's facts may follow, or
// TakeOver. To cut once more at the same seq changes nothing. Readers of the stream that are under
// way may yield facts of both branches, so its room must have ended.
//
// errs.Missing: the stream never was. errs.Invalid: seq is behind the stream's end, or before the
// first fact that was here. When ctx ends first the stream may still be cut.
func (j *Journal) CutStream(ctx context.Context, stream string, seq uint64) error {
	_, err := j.awaitCursor(ctx, "journal.CutStream", &op{kind: opCut, batch: Batch{Stream: stream}, seq: seq})
	return err
}

// checkCut checks whether a stream can be cut at a seq.
func (h *streamHead) checkCut(stream string, seq uint64) error {
	const name = "journal.CutStream"
	switch {
	case h.epoch == 0 && h.seq == 0:
		return errs.Newf(name, errs.Missing, "stream %q never was", stream)
	case seq > h.seq:
		return errs.NewField(name, "seq", "too_high", int64(h.seq), "seq %d is behind the stream's end, which is %d", seq, h.seq)
	case seq < h.bounds.base:
		return errs.NewField(name, "seq", "too_low", int64(h.bounds.base), "seq %d: the stream begins after %d here", seq, h.bounds.base)
	}
	return nil
}

func (st *commitStage) applyCut(tx *checkedkv.Tx, h *streamHead, o *op) error {
	stream := o.batch.Stream
	if err := h.checkCut(stream, o.seq); err != nil {
		o.err = err
		//lint:ignore nilerr the result has the error
		return nil
	}
	if o.seq == h.seq && h.hasEnded() {
		return nil
	}
	refs, err := st.locateStaged(tx, h, stream, o.seq)
	if err != nil {
		return err
	}
	from := st.position + 1 // nothing is cut off
	if len(refs) > 0 {
		from = max(1, refs[0].pos) // a lost fact has no position
	}
	h.endEpochAt(o.seq, from, st.position)
	if err := cutIndex(tx, stream, o.seq); err != nil {
		return err
	}
	// A damaged snapshot is deleted too.
	if at, _, err := getSnapshot(tx, stream); err != nil || at > o.seq {
		if err := tx.Bucket([]byte(bucketSnapshots)).Delete([]byte(stream)); err != nil {
			return err
		}
	}
	st.mustFlush = true
	return putHead(tx, stream, h)
}

// cutIndex deletes what the index on disk has behind a seq. Several pieces may reach behind it, because
// they overlap where facts were lost. A damaged one that begins before it stays: readers then search
// the facts.
func cutIndex(tx *checkedkv.Tx, stream string, seq uint64) error {
	index := tx.Bucket([]byte(bucketIndex))
	prefix := indexPrefix(stream)
	var gone [][]byte
	short := make(map[string][]uint64)
	c := index.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+8; k, v = c.Next() {
		first := binary.BigEndian.Uint64(k[len(prefix):])
		if first > seq {
			gone = append(gone, bytes.Clone(k))
			continue
		}
		body, err := verifyChecksum(bucketIndex, k, v)
		if err != nil {
			continue
		}
		if list, err := decodeChunk(body); err == nil && first+uint64(len(list)) > seq+1 {
			short[string(k)] = list[:seq+1-first]
		}
	}
	for _, k := range gone {
		if err := index.Delete(k); err != nil {
			return err
		}
	}
	for k, keep := range short {
		if err := index.Put([]byte(k), appendChecksum(bucketIndex, []byte(k), encodeChunk(keep))); err != nil {
			return err
		}
	}
	return nil
}

// replayWithCut is Replay of a whole stream, and then yields its facts that were cut off, in the
// order of the box.
func (j *Journal) replayWithCut(stream string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		h, err := j.headOf(nil, stream)
		if err != nil {
			yield(event.Event{Stream: stream}, err)
			return
		}
		from, to := h.bounds.cutRange()
		counted := make(map[uint64]bool)
		for e, err := range j.Replay(stream, 0) {
			if !yield(e, err) || endsReading(err) {
				return
			}
			if from <= e.Pos && e.Pos <= to {
				counted[e.Pos] = true
			}
		}
		now, err := j.headOf(nil, stream)
		if err == nil && len(now.bounds.cuts) != len(h.bounds.cuts) {
			err = errs.Newf("journal", errs.Busy, "stream %q was cut meanwhile", stream)
		}
		if err != nil {
			yield(event.Event{Stream: stream}, err)
			return
		}
		if to == 0 || from > to { // nothing is cut off
			return
		}
		for e, err := range j.Scan(from-1, to) {
			if err == nil && (e.Stream != stream || counted[e.Pos]) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
