package journal

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// locateFacts finds the positions of the next facts of a stream after a seq, about pageLen of
// them: first by the index on disk, then by the part of it that is in memory. It reads the
// stream's head first, so that a checkpoint in between hides nothing.
func (j *Journal) locateFacts(stream string, after uint64) ([]factRef, error) {
	h, err := j.headOf(nil, stream)
	if err != nil {
		return nil, err
	}
	var tail, refs []factRef
	var indexed uint64
	var damage error
	err = j.readTx(func(tx *checkedkv.Tx) (err error) {
		if h, err = currentHead(tx, stream, h); err != nil {
			return err
		}
		after = max(after, h.bounds.base)
		tail, indexed = h.factsInMemory(after)
		refs, damage = readIndex(tx, stream, after)
		return nil
	})
	switch {
	case err != nil && errs.KindOf(err) == errs.Corrupt:
		damage = err
	case err != nil:
		return nil, err
	case damage == nil && lacksFacts(refs, after, indexed):
		damage = errs.Newf("journal", errs.Corrupt, "pieces of the index are missing")
	}
	if damage != nil {
		j.log.Error("the index is damaged, facts are read instead", "room", stream, "err", damage)
		return j.searchFacts(stream, after, h)
	}
	return fillGaps(after, addTail(refs, tail)), nil
}

// addTail adds to a page of refs from the index those that are in memory only.
func addTail(refs, tail []factRef) []factRef {
	for _, r := range tail {
		if len(refs) >= pageLen {
			break
		}
		if len(refs) == 0 || r.seq > refs[len(refs)-1].seq {
			refs = append(refs, r)
		}
	}
	return refs
}

// lacksFacts reports whether refs, read from the index after a seq, have a gap or end too early. A
// fact that was lost keeps its place in the index, so such a piece was damaged where no checksum
// sees it: in its key, or in the table of its page.
func lacksFacts(refs []factRef, after, indexed uint64) bool {
	for _, r := range refs {
		if after++; r.seq != after {
			return true
		}
	}
	return after < indexed && len(refs) < pageLen
}

// readIndex reads the index on disk. The error says that a piece of it is damaged.
func readIndex(tx *checkedkv.Tx, stream string, after uint64) ([]factRef, error) {
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

// searchFacts finds a stream's facts without the index, by reading all facts. A fact that is not
// found has an unknown position. A fact takes the place of one with its seq at an earlier position,
// and of what follows that: the earlier ones were cut off, even if the mark of the cut is lost.
func (j *Journal) searchFacts(stream string, after uint64, h *streamHead) ([]factRef, error) {
	after, upTo := max(after, h.bounds.base), h.seq
	var refs []factRef
	for f := range j.scanFacts(0, j.Position()) {
		if endsReading(f.err) {
			return nil, f.err
		}
		if f.err == nil && f.event.Stream == stream && f.event.Seq > after && f.event.Seq <= upTo && h.bounds.holdsFact(f.event) {
			for n := len(refs); n > 0 && refs[n-1].seq >= f.event.Seq; n = len(refs) {
				refs = refs[:n-1]
			}
			refs = append(refs, factRef{f.event.Seq, f.event.Pos})
		}
		if len(refs) == 16*pageLen {
			return fillGaps(after, refs), nil
		}
	}
	if n := len(refs); n == 0 && after < upTo || n > 0 && refs[n-1].seq < upTo {
		refs = append(refs, factRef{seq: upTo})
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
