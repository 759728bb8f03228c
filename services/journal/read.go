package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/seal"
)

// A read transaction keeps pages from being used again, so each reads at most
// pageLen facts or for pageTime, and no caller's code runs inside it.
const (
	pageLen  = 256
	pageTime = 20 * time.Millisecond
)

// factRef is the position of a fact of a stream. Position 0 is unknown: the fact was damaged
// before the index had it.
type factRef struct{ seq, pos uint64 }

// readResult is one fact read, or why it could not be.
type readResult struct {
	event event.Event
	err   error
}

// Since returns the facts of a stream after a seq, in order, at most limit of them (0: no
// limit). A damaged fact is missing from the result and part of the error, which is then
// errs.Corrupt. The other facts are there.
func (j *Journal) Since(stream string, after uint64, limit int) ([]event.Event, error) {
	var events []event.Event
	var faults []error
	for e, err := range j.Replay(stream, after) {
		if err != nil {
			faults = append(faults, err)
		} else {
			events = append(events, e)
		}
		if limit > 0 && len(events)+len(faults) == limit {
			break
		}
	}
	return events, errors.Join(faults...)
}

// Replay yields the facts of a stream after a seq, in order, up to the last fact that is
// durable at the end of the iteration. A damaged fact comes as errs.Corrupt with its stream,
// seq and position, and the iteration continues. Another error ends it.
func (j *Journal) Replay(stream string, after uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for {
			refs, err := j.locateFacts(stream, after)
			if err != nil {
				yield(event.Event{Stream: stream}, err)
				return
			}
			if len(refs) == 0 {
				return
			}
			for _, f := range j.fetchFacts(stream, refs) {
				if !yield(f.event, f.err) || endsReading(f.err) {
					return
				}
				after = f.event.Seq
			}
		}
	}
}

// Follow yields the facts of the whole box after a position, in order, and waits for new ones.
// It ends with ctx. When the journal closes it yields errs.Down and ends. A damaged fact comes
// as errs.Corrupt with its position, and the iteration continues.
func (j *Journal) Follow(ctx context.Context, pos uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for {
			j.mu.RLock()
			last, wake := j.position, j.wake
			j.mu.RUnlock()
			for e, err := range j.Scan(pos, last) {
				if ctx.Err() != nil || !yield(e, err) || endsReading(err) {
					return
				}
				pos = e.Pos
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			case <-j.closed:
				yield(event.Event{}, errStopped())
				return
			}
		}
	}
}

// Scan yields the facts of the whole box after a position, in order, up to and including upTo
// or the last fact that is durable now. It does not wait. A damaged fact comes as errs.Corrupt
// with its position, and the iteration continues. Another error ends it.
func (j *Journal) Scan(after, upTo uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for f := range j.scanFacts(after, min(upTo, j.Position())) {
			if !yield(f.event, f.err) {
				return
			}
		}
	}
}

func endsReading(err error) bool { return err != nil && errs.KindOf(err) != errs.Corrupt }

// scanFacts yields the facts at the positions after from, up to and including to.
func (j *Journal) scanFacts(from, to uint64) iter.Seq[readResult] {
	return func(yield func(readResult) bool) {
		for from < to {
			refs := make([]factRef, 0, pageLen)
			for pos := from + 1; pos <= to && len(refs) < pageLen; pos++ {
				refs = append(refs, factRef{pos: pos})
			}
			for _, f := range j.fetchFacts("", refs) {
				if !yield(f) || endsReading(f.err) {
					return
				}
				from = f.event.Pos
			}
		}
	}
}

// fetchFacts reads facts in one short transaction: at least the first, and as many more as
// the time allows. A page that makes the transaction fail costs only the facts on it.
func (j *Journal) fetchFacts(stream string, refs []factRef) []readResult {
	var out []readResult
	err := j.readTx(func(tx *checkedkv.Tx) error {
		out = readFacts(tx, stream, refs)
		return nil
	})
	switch {
	case err == nil:
		return out
	case endsReading(err):
		return []readResult{{event.Event{Stream: stream, Seq: refs[0].seq, Pos: refs[0].pos}, err}}
	}
	out = make([]readResult, len(refs))
	for i, r := range refs {
		err := j.readTx(func(tx *checkedkv.Tx) error {
			out[i] = readFacts(tx, stream, refs[i:i+1])[0]
			return nil
		})
		if err != nil {
			out[i] = readResult{event.Event{Stream: stream, Seq: r.seq, Pos: r.pos}, err}
		}
	}
	return out
}

func readFacts(tx *checkedkv.Tx, stream string, refs []factRef) []readResult {
	out := make([]readResult, 0, len(refs))
	cursor := tx.Bucket([]byte(bucketFacts)).Cursor()
	cipher := factCipher{sealer: tx.Sealer()}
	start := time.Now()
	var next uint64
	for i, r := range refs {
		if i > 0 && i%32 == 0 && time.Since(start) > pageTime {
			break
		}
		var k, v []byte
		if r.pos == next {
			k, v = cursor.Next()
		} else {
			k, v = cursor.Seek(factKey(r.pos))
		}
		f := readOne(&cipher, stream, r, k, v)
		if next = 0; f.err == nil {
			next = r.pos + 1
		}
		out = append(out, f)
	}
	return out
}

// readOne checks and decodes the value at a position.
func readOne(c *factCipher, stream string, r factRef, k, v []byte) readResult {
	none := event.Event{Stream: stream, Seq: r.seq, Pos: r.pos}
	if r.pos == 0 || len(k) != 8 || binary.BigEndian.Uint64(k) != r.pos {
		return readResult{none, errs.Newf("journal", errs.Corrupt, "position %d: the fact is missing", r.pos)}
	}
	body, err := c.open(k, v)
	if err != nil {
		return readResult{none, err}
	}
	e, err := readFact(body)
	if err != nil {
		return readResult{none, err}
	}
	if e.Pos = r.pos; stream != "" && (e.Stream != stream || e.Seq != r.seq) {
		return readResult{none, errs.Newf("journal", errs.Corrupt, "position %d: the index names another fact", r.pos)}
	}
	return readResult{e, nil}
}

// EpochEnd is the last seq that is valid for an epoch of a stream. For the current epoch it is
// the last durable one. False: the epoch is unknown or older than the last 64, and a client of
// it must reload.
func (j *Journal) EpochEnd(stream string, epoch uint64) (seq uint64, ok bool) {
	h, err := j.headOf(nil, stream)
	if err != nil {
		return 0, false
	}
	return h.epochEnd(epoch)
}

// Snapshot is the stream's last snapshot, its state at seq. Without a snapshot it returns 0,
// nil, nil. A damaged one is errs.Corrupt. The stream is then replayed from its start.
func (j *Journal) Snapshot(stream string) (seq uint64, data []byte, err error) {
	err = j.readTx(func(tx *checkedkv.Tx) error {
		seq, data, err = getSnapshot(tx, stream)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return seq, data, nil
}

// Streams names every stream that ever had an epoch, in order.
func (j *Journal) Streams() ([]string, error) {
	var names []string
	for {
		more := 0
		err := j.readTx(func(tx *checkedkv.Tx) error {
			c := tx.Bucket([]byte(bucketStreams)).Cursor()
			k, _ := c.First()
			if len(names) > 0 {
				k, _ = c.Seek(append([]byte(names[len(names)-1]), 0))
			}
			for ; k != nil && more < pageLen; k, _ = c.Next() {
				names = append(names, string(k))
				more++
			}
			return nil
		})
		if err != nil || more < pageLen {
			return names, err
		}
	}
}

func putSnapshot(tx *checkedkv.Tx, stream string, epoch, seq uint64, data []byte) error {
	key, head := []byte(stream), snapshotHead(epoch, seq)
	b := tx.Sealer().Seal(slices.Clone(head), data, sealedPlace(bucketSnapshots, key, head))
	return tx.Bucket([]byte(bucketSnapshots)).Put(key, appendChecksum(bucketSnapshots, key, b))
}

func getSnapshot(tx *checkedkv.Tx, stream string) (uint64, []byte, error) {
	key := []byte(stream)
	k, value := tx.Bucket([]byte(bucketSnapshots)).Cursor().Seek(key)
	if !bytes.Equal(k, key) {
		return 0, nil, nil
	}
	body, err := verifyChecksum(bucketSnapshots, key, value)
	if err != nil {
		return 0, nil, err
	}
	head, data, seq, ok := splitSnapshot(body)
	if !ok {
		return 0, nil, errs.Newf("journal", errs.Corrupt, "the snapshot of %q cannot be read", stream)
	}
	if seal.IsSealed(data) {
		data, err = tx.Sealer().Open(nil, data, sealedPlace(bucketSnapshots, key, head))
		return seq, data, err
	}
	return seq, slices.Clone(data), nil
}
