package journal

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// cutMark says that the facts of a stream after seq, at positions up to pos, are of a branch that
// was cut off. They stay in the file for the uplink and are in no reading of the stream.
type cutMark struct {
	epoch uint64 // ended for good: no copy of it follows
	seq   uint64
	from  uint64 // position of the first fact that was cut off
	pos   uint64 // position of the journal at the cut
}

// streamBounds says what of a stream this journal does not hold, or does not count. Only streams
// of which another box has been the owner have a record of it.
type streamBounds struct {
	age  uint64 // changes of this record, so that a salvage finds the newest
	base uint64 // the facts up to this seq were never here
	top  uint64 // an epoch that was given before and is higher than the stream's, or 0
	cuts []cutMark
}

// holdsFact reports whether a fact of the stream counts, which is when it is not behind a cut.
func (b *streamBounds) holdsFact(e event.Event) bool {
	for _, c := range b.cuts {
		if e.Seq > c.seq && e.Pos <= c.pos {
			return false
		}
	}
	return true
}

// cutRange returns the positions between which facts were cut off, both included, or zeros.
func (b *streamBounds) cutRange() (from, to uint64) {
	for i, c := range b.cuts {
		if i == 0 || c.from < from {
			from = c.from
		}
		to = max(to, c.pos)
	}
	return from, to
}

func (b *streamBounds) encodeBounds() []byte {
	v := binary.AppendUvarint([]byte{recordVersion}, b.age)
	v = binary.AppendUvarint(v, b.base)
	v = binary.AppendUvarint(v, b.top)
	v = binary.AppendUvarint(v, uint64(len(b.cuts)))
	for _, c := range b.cuts {
		for _, n := range [...]uint64{c.epoch, c.seq, c.from, c.pos} {
			v = binary.AppendUvarint(v, n)
		}
	}
	return v
}

func decodeBounds(body []byte) (streamBounds, error) {
	d := decoder{rest: string(body)}
	d.bad = d.readByte() != recordVersion
	b := streamBounds{age: d.readUvarint(), base: d.readUvarint(), top: d.readUvarint()}
	for n := d.readUvarint(); n > 0 && !d.bad; n-- {
		b.cuts = append(b.cuts, cutMark{d.readUvarint(), d.readUvarint(), d.readUvarint(), d.readUvarint()})
	}
	return b, d.finish("a stream's bounds")
}

func putBounds(tx *checkedkv.Tx, stream string, b *streamBounds) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(bucketBounds)) // Open could not make it on a full disk
	if err != nil {
		return err
	}
	key := []byte(stream)
	return bucket.Put(key, appendChecksum(bucketBounds, key, b.encodeBounds()))
}

// getBounds reads a stream's bounds. Most streams have no record: they begin at seq 1 here, and
// nothing of them was cut off.
func getBounds(tx *checkedkv.Tx, stream string) (streamBounds, error) {
	bucket := tx.Bucket([]byte(bucketBounds))
	if bucket == nil {
		return streamBounds{}, nil // a file of an earlier version, to which nothing could be written yet
	}
	key := []byte(stream)
	k, value := bucket.Cursor().Seek(key)
	if !bytes.Equal(k, key) {
		return streamBounds{}, nil
	}
	body, err := verifyChecksum(bucketBounds, key, value)
	if err != nil {
		return streamBounds{}, err
	}
	return decodeBounds(body)
}

// readBounds is getBounds, and guesses what a damaged record said. The index begins at the base,
// and nothing that was cut off is in it. The marks of the cuts are lost, so an erasure looks at
// every fact of the stream. Epochs leap, because the highest one given is not known.
func (j *Journal) readBounds(tx *checkedkv.Tx, stream string, h *streamHead, position uint64) (streamBounds, error) {
	b, err := getBounds(tx, stream)
	if err == nil || endsReading(err) {
		return b, err
	}
	j.log.Error("a stream's bounds are damaged and guessed from its index", "room", stream, "err", err)
	prefix := indexPrefix(stream)
	if k, _ := tx.Bucket([]byte(bucketIndex)).Cursor().Seek(prefix); bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+8 {
		b.base = binary.BigEndian.Uint64(k[len(prefix):]) - 1
	}
	b.age, b.cuts = 1, []cutMark{{seq: ^uint64(0), from: 1, pos: position}}
	if h != nil {
		b.top = leapEpoch(h.epoch)
	}
	return b, nil
}

// StreamState says where a stream stands on disk.
type StreamState struct {
	At    Cursor   // the epoch and the last fact
	Ended bool     // the epoch has ended: no fact follows in it
	Base  uint64   // the facts up to this seq were never here
	Ends  []Cursor // the last seqs of earlier epochs, in the order in which they ended
}

// StreamState returns where a stream stands on disk. A stream that never was has the zero state.
func (j *Journal) StreamState(stream string) (StreamState, error) {
	h, err := j.headOf(nil, stream)
	if err != nil {
		return StreamState{}, err
	}
	s := StreamState{At: Cursor{h.epoch, h.seq}, Ended: h.hasEnded(), Base: h.bounds.base}
	for _, e := range h.ends {
		if e.epoch != h.epoch {
			s.Ends = append(s.Ends, Cursor{e.epoch, e.seq})
		}
	}
	return s, nil
}

// currentHead returns the stream's head as of a read transaction, if a cut is on disk already and
// h, which was read before, does not know it. A cut leaves the whole index on disk.
func currentHead(tx *checkedkv.Tx, stream string, h *streamHead) (*streamHead, error) {
	b, err := getBounds(tx, stream)
	if err != nil || len(b.cuts) <= len(h.bounds.cuts) {
		//lint:ignore nilerr the head was made without the damaged record
		return h, nil
	}
	now, err := getHead(tx, stream)
	if err != nil || now == nil {
		return h, err
	}
	now.bounds = b
	return now, nil
}

// endEpochAt ends all epochs at seq whose facts reach further, and the last one. Nothing of them
// follows any more.
func (h *streamHead) endEpochAt(seq, from, pos uint64) {
	ended := h.hasEnded()
	h.ends = slices.Clone(h.ends)
	h.bounds.cuts = slices.Clip(h.bounds.cuts)
	h.bounds.age++
	for i, e := range h.ends {
		if e.seq > seq {
			h.ends[i].seq = seq
			h.bounds.cuts = append(h.bounds.cuts, cutMark{e.epoch, seq, from, pos})
		}
	}
	if !ended {
		h.bounds.cuts = append(h.bounds.cuts, cutMark{h.epoch, seq, from, pos})
		h.addEnd(epochEnd{h.epoch, seq})
	}
	h.seq, h.fenced = seq, true
	if h.first > seq {
		h.first, h.pos = 0, nil
	} else if n := seq + 1 - h.first; n < uint64(len(h.pos)) {
		h.pos = slices.Clip(h.pos[:n])
	}
}

// setBase notes that the stream begins after seq here, unless that is known.
func (h *streamHead) setBase(seq uint64) {
	if h.bounds.age > 0 || seq == 0 || seq > maxNumber {
		return
	}
	h.bounds.age, h.bounds.base = 1, seq
	h.seq = max(h.seq, seq)
}

// dropBranch makes place for a fact that was read at a later position than one with its seq. The
// earlier one was cut off with all behind it, and the mark of that cut is lost.
func (h *streamHead) dropBranch(e event.Event) {
	if e.Seq >= h.first+uint64(len(h.pos)) {
		return
	}
	if e.Seq < h.first {
		h.first, h.pos = e.Seq, nil
	}
	h.pos = h.pos[:e.Seq-h.first]
	h.bounds.cuts = append(h.bounds.cuts, cutMark{seq: e.Seq - 1, from: 1, pos: e.Pos - 1})
	if h.bounds.age++; h.epoch == 0 {
		h.seq = e.Seq - 1
	}
}

// errDiverged refuses a fact of another branch of the stream.
func errDiverged(format string, args ...any) error {
	return errs.NewCode("journal.AppendCopies", errs.Stale, "diverged", format, args...)
}
