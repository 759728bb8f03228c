package journal

import (
	"bytes"
	"encoding/binary"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// locateFacts finds the positions of the next facts of a stream after a seq, about pageLen of
// them: first by the index on disk, then by the part of it that is in memory. It copies the
// part in memory first, so that a checkpoint in between hides nothing.
func (j *Journal) locateFacts(stream string, after uint64) ([]factRef, error) {
	tail := j.tailOf(stream, after)
	var refs []factRef
	var damage error
	err := j.readTx(func(tx *bbolt.Tx) error {
		refs, damage = readIndex(tx, stream, after)
		return nil
	})
	if errs.KindOf(err) == errs.Corrupt && err != nil {
		damage, err = err, nil
		refs = nil
	}
	if err != nil {
		return nil, err
	}
	if damage != nil {
		j.log.Error("the index is damaged, facts are read instead", "room", stream, "err", damage)
		return j.searchFacts(stream, after)
	}
	for _, r := range tail {
		if len(refs) >= pageLen {
			break
		}
		if len(refs) == 0 || r.seq > refs[len(refs)-1].seq {
			refs = append(refs, r)
		}
	}
	return fillGaps(after, refs), nil
}

// tailOf copies the part of the index in memory for a stream after a seq.
func (j *Journal) tailOf(stream string, after uint64) []factRef {
	j.mu.RLock()
	defer j.mu.RUnlock()
	h := j.heads[stream]
	if h == nil || len(h.pos) == 0 {
		return nil
	}
	var refs []factRef
	start := max(h.first, after+1)
	for i := start - h.first; i < uint64(len(h.pos)) && len(refs) < pageLen; i++ {
		refs = append(refs, factRef{h.first + i, h.pos[i]})
	}
	return refs
}

// readIndex reads the index on disk. The error says that a piece of it is damaged.
func readIndex(tx *bbolt.Tx, stream string, after uint64) ([]factRef, error) {
	prefix := indexPrefix(stream)
	c := tx.Bucket([]byte(bucketIndex)).Cursor()
	want := indexKey(stream, after+1)
	k, v := c.Seek(want)
	if !bytes.Equal(k, want) { // the piece before may reach past after
		if k, v = c.Prev(); !bytes.HasPrefix(k, prefix) {
			k, v = c.Seek(want)
		}
	}
	var refs []factRef
	for ; bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+8 && len(refs) < pageLen; k, v = c.Next() {
		body, err := verifyChecksum(bucketIndex, k, v)
		if err != nil {
			return nil, err
		}
		positions, err := decodeChunk(body)
		if err != nil {
			return nil, err
		}
		first := binary.BigEndian.Uint64(k[len(prefix):])
		for i, pos := range positions {
			if seq := first + uint64(i); seq > after {
				refs = append(refs, factRef{seq, pos})
				after = seq
			}
		}
	}
	return refs, nil
}

// searchFacts finds a stream's facts without the index, by reading all facts.
func (j *Journal) searchFacts(stream string, after uint64) ([]factRef, error) {
	var refs []factRef
	for f := range j.scanFacts(0, j.Position()) {
		if endsReading(f.err) {
			return nil, f.err
		}
		if f.err == nil && f.event.Stream == stream && f.event.Seq > after {
			refs = append(refs, factRef{f.event.Seq, f.event.Pos})
		}
		if len(refs) == 16*pageLen {
			break
		}
	}
	return fillGaps(after, refs), nil
}

// fillGaps puts an unknown position where a seq is missing. Facts are dense, so a fact without
// a position was damaged, and its reader gets an error.
func fillGaps(after uint64, refs []factRef) []factRef {
	for i, r := range refs {
		if r.seq != after+1 {
			full := slices.Clone(refs[:i])
			for _, r := range refs[i:] {
				for after++; after < r.seq; after++ {
					full = append(full, factRef{seq: after})
				}
				full = append(full, r)
			}
			return full
		}
		after = r.seq
	}
	return refs
}
