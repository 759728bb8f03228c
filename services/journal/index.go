package journal

import (
	"bytes"
	"encoding/binary"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// chunkLen is the number of positions in one index value.
const chunkLen = 512

func indexPrefix(stream string) []byte { return append([]byte(stream), 0) }

func indexKey(stream string, first uint64) []byte {
	return binary.BigEndian.AppendUint64(indexPrefix(stream), first)
}

func encodeChunk(positions []uint64) []byte {
	b := []byte{recordVersion}
	last := int64(0)
	for _, pos := range positions {
		b = binary.AppendVarint(b, int64(pos)-last)
		last = int64(pos)
	}
	return b
}

func decodeChunk(body []byte) ([]uint64, error) {
	d := decoder{rest: string(body)}
	d.bad = d.readByte() != recordVersion
	var positions []uint64
	last := int64(0)
	for d.rest != "" && !d.bad {
		last += d.readVarint()
		positions = append(positions, uint64(last))
	}
	return positions, d.finish("a piece of the index")
}

// flushIndex writes index and streams up to the staged position and moves the checkpoint.
func (st *commitStage) flushIndex(tx *checkedkv.Tx) error {
	st.j.mu.RLock()
	for stream, h := range st.j.heads {
		if st.heads[stream] == nil && len(h.pos) > 0 {
			staged := *h
			st.heads[stream] = &staged
		}
	}
	st.j.mu.RUnlock()
	index := tx.Bucket([]byte(bucketIndex))
	for stream, h := range st.heads {
		if len(h.pos) == 0 {
			continue
		}
		for i := 0; i < len(h.pos); i += chunkLen {
			chunk := h.pos[i:min(i+chunkLen, len(h.pos))]
			key := indexKey(stream, h.first+uint64(i))
			if err := index.Put(key, appendChecksum(bucketIndex, key, encodeChunk(chunk))); err != nil {
				return err
			}
		}
		h.first, h.pos = 0, nil
		if err := putHead(tx, stream, h); err != nil {
			return err
		}
	}
	st.flushed = true
	return putCheckpoint(tx, st.position)
}

// loadPosition reads the state of the journal from disk: the last position, and the facts after
// the checkpoint, which the index lacks.
func (j *Journal) loadPosition() error {
	var position, checkpoint uint64
	err := j.readTx(func(tx *checkedkv.Tx) (err error) {
		position, _ = lastPosition(tx)
		checkpoint, err = getCheckpoint(tx)
		return err
	})
	if err != nil && errs.KindOf(err) == errs.Corrupt {
		j.log.Error("the journal's checkpoint is damaged, all facts are read", "err", err)
		checkpoint, err = 0, nil
	}
	if err != nil {
		return err
	}
	position = max(position, checkpoint)
	heads := make(map[string]*streamHead)
	whole := checkpoint == 0 // every fact so far was read
	for f := range j.scanFacts(checkpoint, position) {
		if f.err != nil {
			j.log.Error("a fact is damaged", "err", f.err)
			whole = false
			continue
		}
		h := heads[f.event.Stream]
		if h == nil {
			if h, err = j.loadHead(f.event.Stream, checkpoint, position); err != nil {
				return err
			}
			heads[f.event.Stream] = h
			if whole && j.mayBeginAt(h, f.event) {
				h.setBase(f.event.Seq - 1) // even if the record of its bounds is lost
			}
		}
		j.loadFact(h, f.event)
	}
	for _, h := range heads {
		if h.first > 0 {
			h.addLost(h.seq)
		}
	}
	j.mu.Lock()
	j.heads, j.position, j.checkpoint = heads, position, checkpoint
	close(j.wake)
	j.wake = make(chan struct{})
	j.mu.Unlock()
	j.met.position.Set(float64(position))
	return nil
}

// mayBeginAt reports whether a stream may begin with the first fact of it in the file, which is whole.
// Facts lost at the end of the file leave no gap, because their positions are given again. But a fact
// from after such a loss has an epoch above the base. And a stream's record, first written with its
// first facts, does not end before them.
func (j *Journal) mayBeginAt(h *streamHead, e event.Event) bool {
	return (j.box.base == 0 || e.Epoch <= j.box.base) && (h.epoch == 0 || e.Seq <= h.seq)
}

// loadFact notes a fact that the index on disk lacks.
func (j *Journal) loadFact(h *streamHead, e event.Event) {
	if !h.bounds.holdsFact(e) {
		return
	}
	if h.first == 0 {
		h.first = e.Seq
		if h.first != h.seq+1 && h.first > 1 { // an epoch was raised since the checkpoint, or facts are lost
			h.first = min(h.first, max(j.lastIndexed(e.Stream), h.bounds.base)+1)
		}
	}
	h.dropBranch(e)
	h.addFact(e.Seq, e.Pos)
}

// loadHead reads a stream's head for the facts after the checkpoint. Without a checkpoint the record
// may be an old one that a salvage found, so after a cut it is made again.
func (j *Journal) loadHead(stream string, checkpoint, position uint64) (*streamHead, error) {
	h, err := j.readHead(nil, stream, position)
	if err == nil && checkpoint == 0 && len(h.bounds.cuts) > 0 {
		j.log.Info("a stream that was cut is read from its facts, because the journal has no checkpoint", "room", stream)
		return j.rebuildHead(stream, position, h.bounds), nil
	}
	return h, err
}

// lastPosition is the position of the last fact, damaged or not. A damaged key may follow it
// with any number, so the last whole fact counts, and the keys that follow it one by one. The
// other keys are no positions.
func lastPosition(tx *checkedkv.Tx) (last uint64, nonsense [][]byte) {
	c := tx.Bucket([]byte(bucketFacts)).Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		if _, err := verifyChecksum(bucketFacts, k, v); err == nil && len(k) == 8 {
			last = binary.BigEndian.Uint64(k)
			break
		}
		nonsense = append(nonsense, bytes.Clone(k))
	}
	for n := len(nonsense); n > 0 && bytes.Equal(nonsense[n-1], factKey(last+1)); n-- {
		last++
		nonsense = nonsense[:n-1]
	}
	return last, nonsense
}

// headOf returns a stream's published head, or reads it from disk (inside tx if it is not nil).
// A new stream has epoch 0. The result may be shared: copy before changing it.
func (j *Journal) headOf(tx *checkedkv.Tx, stream string) (*streamHead, error) {
	j.mu.RLock()
	h, position := j.heads[stream], j.position
	j.mu.RUnlock()
	if h != nil {
		return h, nil
	}
	return j.readHead(tx, stream, position)
}

// readHead reads a stream's head from disk. A record that is damaged, or missing while its
// index exists, is made again from the facts up to position.
func (j *Journal) readHead(tx *checkedkv.Tx, stream string, position uint64) (*streamHead, error) {
	var h *streamHead
	var bounds streamBounds
	lost := false
	read := func(tx *checkedkv.Tx) (err error) {
		h, err = getHead(tx, stream)
		var failed error
		if bounds, failed = j.readBounds(tx, stream, h, position); failed != nil {
			return failed
		}
		if h == nil && err == nil {
			prefix := indexPrefix(stream)
			k, _ := tx.Bucket([]byte(bucketIndex)).Cursor().Seek(prefix)
			lost = bytes.HasPrefix(k, prefix)
		}
		return err
	}
	var err error
	if tx != nil {
		err = read(tx)
	} else {
		err = j.readTx(read)
	}
	switch {
	case errs.KindOf(err) == errs.Corrupt && err != nil, lost:
		j.log.Error("a stream's record is damaged and is made again from its facts", "room", stream, "err", err)
		return j.rebuildHead(stream, position, bounds), nil
	case err != nil:
		return nil, err
	case h == nil:
		return &streamHead{bounds: bounds}, nil
	}
	h.bounds = bounds
	return h, nil
}

// rebuildHead makes a stream's head from its facts and its index. The ends of its epochs are
// lost, so clients reload. Its new epoch has ended at once, so copies of another one may follow.
func (j *Journal) rebuildHead(stream string, position uint64, bounds streamBounds) *streamHead {
	h := &streamHead{seq: max(j.lastIndexed(stream), bounds.base), bounds: bounds}
	for f := range j.scanFacts(0, position) {
		if f.err == nil && f.event.Stream == stream {
			h.epoch = max(h.epoch, f.event.Epoch)
			if bounds.holdsFact(f.event) {
				h.seq = max(h.seq, f.event.Seq)
			}
		}
	}
	h.epoch = leapEpoch(h.highestEpoch())
	h.ends = []epochEnd{{h.epoch, h.seq}}
	return h
}

// lastIndexed is the last seq that the index on disk names, as far as it is readable. The facts
// themselves may be damaged, and their seq must not be given again.
func (j *Journal) lastIndexed(stream string) (seq uint64) {
	_ = j.readTx(func(tx *checkedkv.Tx) error {
		prefix := indexPrefix(stream)
		c := tx.Bucket([]byte(bucketIndex)).Cursor()
		k, _ := c.Seek(prefix)
		for ; bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+8; k, _ = c.Next() {
			first := binary.BigEndian.Uint64(k[len(prefix):])
			if refs, err := readIndex(tx, stream, first-1); err == nil && len(refs) > 0 {
				seq = max(seq, refs[len(refs)-1].seq)
			}
		}
		return nil
	})
	return seq
}
