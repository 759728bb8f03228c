package journal

import (
	"encoding/binary"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/seal"
)

// Facts and snapshots are sealed one by one, if the journal has a Sealer. The checksum is over the
// sealed bytes: checks, salvage and copies need no key. Values from before stay readable.

// factCipher seals and opens facts. One goroutine uses it, because it keeps its buffers.
type factCipher struct {
	sealer       *seal.Sealer
	place, plain []byte
}

// reserve returns memory for a fact of n bytes, after what the seal needs before it.
func (c *factCipher) reserve(n int) []byte {
	if c.sealer == nil {
		return make([]byte, 0, n+checksumSize)
	}
	return make([]byte, seal.Room, n+seal.Overhead+checksumSize)
}

// encode encodes a fact in memory of reserve. The fact must not be too large.
func (c *factCipher) encode(f event.Event) ([]byte, error) {
	b := c.reserve(factOverhead + len(f.Data))
	before := len(b)
	b = appendFact(b, f)
	if n := len(b) - before; n > maxFact {
		return nil, errs.Newf("journal", errs.Invalid, "a fact of %d bytes is too large: %d are the limit", n, maxFact)
	}
	return b, nil
}

// seal returns the value of an encoded fact on disk. It uses the same memory.
func (c *factCipher) seal(key, encoded []byte) []byte {
	if c.sealer != nil {
		c.place = seal.JoinPlace(c.place[:0], bucketFacts, key)
		encoded = c.sealer.SealInPlace(encoded, c.place)
	}
	return appendChecksum(bucketFacts, key, encoded)
}

// open returns the bytes of appendFact in a value, until the next call. The tag of a sealed fact says
// more than its checksum, which is not read.
func (c *factCipher) open(key, value []byte) (body []byte, err error) {
	n := len(value) - checksumSize
	if n < 0 || !seal.IsSealed(value[:n]) {
		return verifyChecksum(bucketFacts, key, value)
	}
	c.place = seal.JoinPlace(c.place[:0], bucketFacts, key)
	if body, err = c.sealer.Open(c.plain[:0], value[:n], c.place); err == nil {
		c.plain = body
	}
	return body, err
}

// sealedPlace is the place of a value, with a head of it that is not sealed.
func sealedPlace(bucket string, key, head []byte) []byte {
	return append(seal.JoinPlace(make([]byte, 0, 64), bucket, key), head...)
}

// snapshotHead is the part of a snapshot that is never sealed: readAge reads it without a key.
func snapshotHead(epoch, seq uint64) []byte {
	b := binary.AppendUvarint(append(make([]byte, 0, 32), recordVersion), epoch)
	return binary.AppendUvarint(b, seq)
}

// splitSnapshot returns the head of a snapshot and the room's state, which may be sealed.
func splitSnapshot(body []byte) (head, data []byte, seq uint64, ok bool) {
	d := decoder{rest: string(body)}
	version := d.readByte()
	d.readUvarint() // the epoch it was taken in
	seq = d.readUvarint()
	n := len(body) - len(d.rest)
	return body[:n], body[n:], seq, !d.bad && version == recordVersion
}

// plainLen is the length that the value of a fact has when it is not sealed.
func plainLen(value []byte) int {
	if seal.IsSealed(value) {
		return len(value) - seal.Overhead
	}
	return len(value)
}

// recode seals a value, or opens it. A damaged value, and one that is so already, stays as it is.
func recode(s *seal.Sealer, bucket string, key, value []byte, sealed bool) []byte {
	body, err := verifyChecksum(bucket, key, value)
	if err != nil {
		return value
	}
	var head []byte
	switch bucket {
	case bucketFacts:
	case bucketSnapshots:
		var ok bool
		if head, body, _, ok = splitSnapshot(body); !ok {
			return value
		}
	default:
		return value
	}
	if seal.IsSealed(body) == sealed {
		return value
	}
	place, out := sealedPlace(bucket, key, head), append(make([]byte, 0, len(value)+seal.Overhead), head...)
	if sealed {
		out = s.Seal(out, body, place)
	} else if out, err = s.Open(out, body, place); err != nil {
		return value
	}
	return appendChecksum(bucket, key, out)
}
