package journal

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/livelearn/box/services/checkedkv"
)

// keptEpochs is the number of ended epochs that a stream remembers. A client of an older one
// reloads.
const keptEpochs = 64

// epochEnd is the last seq that is valid for an epoch.
type epochEnd struct{ epoch, seq uint64 }

// streamHead is the state of a stream: its epoch and last seq. Once published it is never
// changed. The committer works on copies.
type streamHead struct {
	epoch  uint64
	seq    uint64     // the last durable fact
	ends   []epochEnd // the ends of earlier epochs, oldest first
	fenced bool       // no batch of this epoch is taken until Raise: one was refused, or the epoch is another box's
	barred bool       // no snapshot of this epoch is taken: facts of it were rewritten
	first  uint64     // seq of pos[0]
	pos    []uint64   // positions of the facts that the index on disk lacks, 0 means unknown
	bounds streamBounds
}

// epochEnd returns the last seq that is valid for an epoch.
func (h *streamHead) epochEnd(epoch uint64) (uint64, bool) {
	if epoch == h.epoch && epoch != 0 {
		return h.seq, true
	}
	for _, e := range h.ends {
		if e.epoch == epoch {
			return e.seq, true
		}
	}
	return 0, false
}

// hasEnded reports whether the epoch has ended and no other has begun.
func (h *streamHead) hasEnded() bool {
	n := len(h.ends)
	return n > 0 && h.ends[n-1].epoch == h.epoch
}

func (h *streamHead) addEnd(e epochEnd) {
	ends := make([]epochEnd, 0, len(h.ends)+1)
	ends = append(append(ends, h.ends...), e)
	h.ends = ends[max(0, len(ends)-keptEpochs):]
}

// raiseEpoch ends the epoch and begins the next, which is higher than base and all that were here.
func (h *streamHead) raiseEpoch(base uint64) { h.beginEpoch(max(h.highestEpoch(), base) + 1) }

// highestEpoch is the highest epoch that the stream had.
func (h *streamHead) highestEpoch() uint64 { return max(h.epoch, h.bounds.top) }

// beginEpoch ends the epoch, unless it has ended, and begins another one. A lower one goes on
// where it stopped.
func (h *streamHead) beginEpoch(epoch uint64) {
	if h.epoch != 0 && !h.hasEnded() {
		h.addEnd(epochEnd{h.epoch, h.seq})
	}
	if epoch < h.epoch {
		h.ends = slices.DeleteFunc(slices.Clone(h.ends), func(e epochEnd) bool { return e.epoch == epoch })
		h.bounds.top = h.highestEpoch()
		h.bounds.age++
	}
	h.epoch = epoch
	h.fenced, h.barred = false, false
}

// addFact notes that the fact seq is at pos. Facts in between were lost to damage. They keep
// their place, with an unknown position.
func (h *streamHead) addFact(seq, pos uint64) {
	if h.first == 0 {
		h.first = seq
	}
	h.addLost(seq)
	if seq >= h.first {
		h.pos[seq-h.first] = pos
	}
	h.seq = max(h.seq, seq)
}

// addLost keeps the places of the facts up to seq.
func (h *streamHead) addLost(seq uint64) {
	for h.first+uint64(len(h.pos)) <= seq {
		h.pos = append(h.pos, 0)
	}
}

// factsInMemory lists the facts after a seq that the index on disk lacks, at most pageLen of them,
// and the last seq that the index has.
func (h *streamHead) factsInMemory(after uint64) (refs []factRef, indexed uint64) {
	if len(h.pos) == 0 {
		return nil, h.seq
	}
	for i := max(h.first, after+1) - h.first; i < uint64(len(h.pos)) && len(refs) < pageLen; i++ {
		refs = append(refs, factRef{h.first + i, h.pos[i]})
	}
	return refs, h.first - 1
}

func (h *streamHead) encodeHead() []byte {
	b := []byte{recordVersion}
	b = binary.AppendUvarint(b, h.epoch)
	b = binary.AppendUvarint(b, h.seq)
	b = binary.AppendUvarint(b, uint64(len(h.ends)))
	for _, e := range h.ends {
		b = binary.AppendUvarint(b, e.epoch)
		b = binary.AppendUvarint(b, e.seq)
	}
	return b
}

func decodeHead(body []byte) (*streamHead, error) {
	d := decoder{rest: string(body)}
	d.bad = d.readByte() != recordVersion
	h := &streamHead{epoch: d.readUvarint(), seq: d.readUvarint()}
	for n := d.readUvarint(); n > 0 && !d.bad; n-- {
		h.ends = append(h.ends, epochEnd{d.readUvarint(), d.readUvarint()})
	}
	return h, d.finish("a stream's record")
}

// putHead writes a stream's record and its bounds. The bounds are apart, because an earlier version
// of the program takes a record with more fields for damage.
func putHead(tx *checkedkv.Tx, stream string, h *streamHead) error {
	if h.bounds.age > 0 {
		if err := putBounds(tx, stream, &h.bounds); err != nil {
			return err
		}
	}
	key := []byte(stream)
	return tx.Bucket([]byte(bucketStreams)).Put(key, appendChecksum(bucketStreams, key, h.encodeHead()))
}

// getHead reads a stream's record, or returns nil for a new stream.
func getHead(tx *checkedkv.Tx, stream string) (*streamHead, error) {
	key := []byte(stream)
	k, value := tx.Bucket([]byte(bucketStreams)).Cursor().Seek(key)
	if string(k) != stream {
		return nil, nil
	}
	body, err := verifyChecksum(bucketStreams, key, value)
	if err != nil {
		return nil, err
	}
	return decodeHead(body)
}

// boxRecord is the identity of the journal.
type boxRecord struct {
	incarnation uint64
	base        uint64 // all further epochs are above it
	restored    bool   // by Restore, since the last Open
}

// newIncarnation makes the journal a new one: positions and epochs that were given before, and
// may be lost, are never given again. above is the highest known epoch.
func (r *boxRecord) newIncarnation(above uint64) {
	r.incarnation = rand.Uint64() | 1
	r.base = leapEpoch(max(r.base, above))
}

// highestEpoch is the highest epoch of any stream. It skips damaged records, because a rebuild
// leaps as well.
func highestEpoch(tx *checkedkv.Tx) (epoch uint64) {
	c := tx.Bucket([]byte(bucketStreams)).Cursor()
	for k, value := c.First(); k != nil; k, value = c.Next() {
		if body, err := verifyChecksum(bucketStreams, k, value); err == nil {
			if h, err := decodeHead(body); err == nil {
				epoch = max(epoch, h.epoch)
			}
		}
	}
	bounds := tx.Bucket([]byte(bucketBounds))
	if bounds == nil {
		return epoch
	}
	c = bounds.Cursor()
	for k, value := c.First(); k != nil; k, value = c.Next() {
		if body, err := verifyChecksum(bucketBounds, k, value); err == nil {
			if b, err := decodeBounds(body); err == nil {
				epoch = max(epoch, b.top)
			}
		}
	}
	return epoch
}

// leapEpoch returns a random epoch far above e: two restores of one backup must not give the
// same epochs. It stays below 2^53, which JavaScript can hold, for thousands of leaps.
func leapEpoch(e uint64) uint64 { return e + 1<<20 + rand.Uint64N(1<<40) }

func putBox(tx *checkedkv.Tx, r boxRecord) error {
	b := binary.LittleEndian.AppendUint64([]byte{recordVersion}, r.incarnation)
	b = binary.AppendVarint(b, time.Now().UnixMilli())
	b = binary.AppendUvarint(b, r.base)
	flag := byte(0)
	if r.restored {
		flag = 1
	}
	key := []byte("box")
	return tx.Bucket([]byte(bucketBox)).Put(key, appendChecksum(bucketBox, key, append(b, flag)))
}

func getBox(tx *checkedkv.Tx) (boxRecord, error) {
	key := []byte("box")
	body, err := verifyChecksum(bucketBox, key, tx.Bucket([]byte(bucketBox)).Get(key))
	if err != nil {
		return boxRecord{}, err
	}
	d := decoder{rest: string(body)}
	d.bad = d.readByte() != recordVersion
	r := boxRecord{incarnation: d.readFixed()}
	d.readVarint() // the time of writing, for people reading the file
	r.base = d.readUvarint()
	r.restored = d.readByte() == 1
	return r, d.finish("the journal's own record")
}

func putCheckpoint(tx *checkedkv.Tx, pos uint64) error {
	key := []byte(keyCheckpoint)
	return tx.Bucket([]byte(bucketBox)).Put(key, appendChecksum(bucketBox, key, binary.AppendUvarint([]byte{recordVersion}, pos)))
}

// getCheckpoint reads the checkpoint, or returns 0.
func getCheckpoint(tx *checkedkv.Tx) (uint64, error) {
	key := []byte(keyCheckpoint)
	value := tx.Bucket([]byte(bucketBox)).Get(key)
	if value == nil {
		return 0, nil
	}
	body, err := verifyChecksum(bucketBox, key, value)
	if err != nil {
		return 0, err
	}
	d := decoder{rest: string(body)}
	d.bad = d.readByte() != recordVersion
	pos := d.readUvarint()
	return pos, d.finish("the checkpoint")
}
