package journal

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"go.etcd.io/bbolt"
)

// keptEpochs is how many ended epochs a stream remembers. A client of an older one
// reloads.
const keptEpochs = 64

// epochEnd is the last seq that is valid for an epoch.
type epochEnd struct{ epoch, seq uint64 }

// head is where a stream stands. Once published it is never changed; the committer
// works on copies.
type head struct {
	epoch  uint64
	seq    uint64     // the last durable fact
	ends   []epochEnd // where earlier epochs ended, oldest first
	fenced bool       // a batch of this epoch was refused: no more until Raise
	barred bool       // no snapshot of this epoch is taken: facts of it were rewritten
	first  uint64     // seq of pos[0]
	pos    []uint64   // positions of the facts that the index on disk lacks; 0 is unknown
}

// end gives the last seq that is valid for an epoch.
func (h *head) end(epoch uint64) (uint64, bool) {
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

// raise ends the epoch and begins the next, which is higher than base.
func (h *head) raise(base uint64) {
	if h.epoch != 0 {
		ends := make([]epochEnd, 0, len(h.ends)+1)
		ends = append(append(ends, h.ends...), epochEnd{h.epoch, h.seq})
		h.ends = ends[max(0, len(ends)-keptEpochs):]
	}
	h.epoch = max(h.epoch, base) + 1
	h.fenced, h.barred = false, false
}

// add notes that the fact seq stands at pos. Facts between that were lost to damage
// keep their place, with an unknown position.
func (h *head) add(seq, pos uint64) {
	if len(h.pos) == 0 {
		h.first = seq
	}
	for h.first+uint64(len(h.pos)) <= seq {
		h.pos = append(h.pos, 0)
	}
	if seq >= h.first {
		h.pos[seq-h.first] = pos
	}
	h.seq = max(h.seq, seq)
}

func (h *head) encode() []byte {
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

func decodeHead(body []byte) (*head, error) {
	d := decoder{rest: string(body)}
	d.bad = d.byte() != recordVersion
	h := &head{epoch: d.uvarint(), seq: d.uvarint()}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		h.ends = append(h.ends, epochEnd{d.uvarint(), d.uvarint()})
	}
	return h, d.end("a stream's record")
}

func putHead(tx *bbolt.Tx, stream string, h *head) error {
	key := []byte(stream)
	return tx.Bucket([]byte(bucketStreams)).Put(key, seal(bucketStreams, key, h.encode()))
}

// getHead reads a stream's record; nil is a stream that never was.
func getHead(tx *bbolt.Tx, stream string) (*head, error) {
	key := []byte(stream)
	k, value := tx.Bucket([]byte(bucketStreams)).Cursor().Seek(key)
	if string(k) != stream {
		return nil, nil
	}
	body, err := unseal(bucketStreams, key, value)
	if err != nil {
		return nil, err
	}
	return decodeHead(body)
}

// boxRecord is who the journal is.
type boxRecord struct {
	incarnation uint64
	base        uint64 // no epoch up to here is given any more
	restored    bool   // by Restore, since the last Open
}

// begin makes the journal a new one: positions and epochs that were given before, and
// may be lost, are never given again. above is the highest epoch that is known.
func (r *boxRecord) begin(above uint64) {
	r.incarnation = rand.Uint64() | 1
	r.base = leap(max(r.base, above))
}

// highest is the highest epoch of any stream. A record that is damaged is passed over:
// rebuild leaps as well.
func highest(tx *bbolt.Tx) (epoch uint64) {
	c := tx.Bucket([]byte(bucketStreams)).Cursor()
	for k, value := c.First(); k != nil; k, value = c.Next() {
		if body, err := unseal(bucketStreams, k, value); err == nil {
			if h, err := decodeHead(body); err == nil {
				epoch = max(epoch, h.epoch)
			}
		}
	}
	return epoch
}

// leap is an epoch far behind e, and at random: two restores of one backup must not
// give the same epochs. It stays below 2^53, which JavaScript can hold, for thousands
// of leaps.
func leap(e uint64) uint64 { return e + 1<<20 + rand.Uint64N(1<<40) }

func putBox(tx *bbolt.Tx, r boxRecord) error {
	b := binary.LittleEndian.AppendUint64([]byte{recordVersion}, r.incarnation)
	b = binary.AppendVarint(b, time.Now().UnixMilli())
	b = binary.AppendUvarint(b, r.base)
	flag := byte(0)
	if r.restored {
		flag = 1
	}
	key := []byte("box")
	return tx.Bucket([]byte(bucketBox)).Put(key, seal(bucketBox, key, append(b, flag)))
}

func getBox(tx *bbolt.Tx) (boxRecord, error) {
	key := []byte("box")
	body, err := unseal(bucketBox, key, tx.Bucket([]byte(bucketBox)).Get(key))
	if err != nil {
		return boxRecord{}, err
	}
	d := decoder{rest: string(body)}
	d.bad = d.byte() != recordVersion
	r := boxRecord{incarnation: d.fixed()}
	d.varint() // when it was written; for people who look into the file
	r.base = d.uvarint()
	r.restored = d.byte() == 1
	return r, d.end("the journal's own record")
}

func putCheckpoint(tx *bbolt.Tx, pos uint64) error {
	key := []byte("checkpoint")
	return tx.Bucket([]byte(bucketBox)).Put(key, seal(bucketBox, key, binary.AppendUvarint([]byte{recordVersion}, pos)))
}

// getCheckpoint reads the checkpoint; none yet is 0.
func getCheckpoint(tx *bbolt.Tx) (uint64, error) {
	key := []byte("checkpoint")
	value := tx.Bucket([]byte(bucketBox)).Get(key)
	if value == nil {
		return 0, nil
	}
	body, err := unseal(bucketBox, key, value)
	if err != nil {
		return 0, err
	}
	d := decoder{rest: string(body)}
	d.bad = d.byte() != recordVersion
	pos := d.uvarint()
	return pos, d.end("the checkpoint")
}
