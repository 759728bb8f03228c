package journal

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

const (
	bucketBox       = "box"
	bucketFacts     = "facts"
	bucketIndex     = "index"
	bucketStreams   = "streams"
	bucketSnapshots = "snapshots"
	bucketBounds    = "bounds"

	keyCheckpoint = "checkpoint"
)

const (
	recordVersion = 1
	checksumSize  = 4
)

// appendChecksum ends a value with its checksum. The bucket and the key take part, so a value
// that turns up under another key is damage too.
func appendChecksum(bucket string, key, body []byte) []byte {
	return binary.LittleEndian.AppendUint32(body, computeChecksum(bucket, key, body))
}

// verifyChecksum checks a value and returns it without its checksum. The result is still the
// database's memory.
func verifyChecksum(bucket string, key, value []byte) ([]byte, error) {
	if value == nil {
		return nil, errs.Newf("journal", errs.Corrupt, "%s %q: no value", bucket, key)
	}
	n := len(value) - checksumSize
	if n < 0 || binary.LittleEndian.Uint32(value[n:]) != computeChecksum(bucket, key, value[:n]) {
		return nil, errs.Newf("journal", errs.Corrupt, "%s %q: the checksum is wrong", bucket, key)
	}
	return value[:n], nil
}

func computeChecksum(bucket string, key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(key)))
	copy(head[4:], bucket)
	sum := crc32.Update(0, table, head[:])
	sum = crc32.Update(sum, table, key)
	return crc32.Update(sum, table, body)
}

// appendFact writes a fact: version, flags, epoch, seq, stamp, then the texts, each
// with its length, then the payload to the end. Pos is the key and is not repeated.
func appendFact(b []byte, e event.Event) []byte {
	var flags byte
	if e.Stamp.Trusted {
		flags = 1
	}
	b = append(b, recordVersion, flags)
	b = binary.AppendUvarint(b, e.Epoch)
	b = binary.AppendUvarint(b, e.Seq)
	b = binary.LittleEndian.AppendUint64(b, e.Stamp.Boot)
	b = binary.AppendVarint(b, e.Stamp.Mono)
	b = binary.AppendVarint(b, e.Stamp.Wall)
	for _, s := range [...]string{e.Stream, string(e.Kind), e.By, e.ID} {
		b = appendText(b, s)
	}
	return append(b, e.Data...)
}

// readFact reads the bytes of appendFact. Nothing of the result points into body.
func readFact(body []byte) (event.Event, error) {
	d := decoder{rest: string(body)}
	version, flags := d.readByte(), d.readByte()
	e := event.Event{Epoch: d.readUvarint(), Seq: d.readUvarint()}
	e.Stamp = event.Stamp{Boot: d.readFixed(), Mono: d.readVarint(), Wall: d.readVarint(), Trusted: flags&1 != 0}
	e.Stream, e.Kind, e.By, e.ID = d.readText(), event.Kind(d.readText()), d.readText(), d.readText()
	if d.bad || version != recordVersion || flags > 1 {
		return event.Event{}, errs.Newf("journal", errs.Corrupt, "a fact of version %d cannot be read", version)
	}
	if d.rest != "" {
		e.Data = json.RawMessage(d.rest)
	}
	return e, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads values from the front of rest. After the first fault bad is set and
// everything reads as zero.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) takeBytes(n uint64) string {
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) readByte() byte {
	if s := d.takeBytes(1); s != "" {
		return s[0]
	}
	return 0
}

func (d *decoder) readFixed() uint64 {
	if s := d.takeBytes(8); s != "" {
		return binary.LittleEndian.Uint64([]byte(s))
	}
	return 0
}

func (d *decoder) readUvarint() (v uint64) {
	for shift := 0; ; shift += 7 {
		b := d.readByte()
		if shift > 63 || shift == 63 && b > 1 {
			d.bad = true
		}
		if d.bad {
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

func (d *decoder) readVarint() int64 {
	u := d.readUvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) readText() string { return d.takeBytes(d.readUvarint()) }

// finish reports whether all was read without a fault.
func (d *decoder) finish(what string) error {
	if d.bad || d.rest != "" {
		return errs.Newf("journal", errs.Corrupt, "%s cannot be read", what)
	}
	return nil
}

func factKey(pos uint64) []byte { return binary.BigEndian.AppendUint64(nil, pos) }
