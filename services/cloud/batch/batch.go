// Package batch defines how facts travel from a box to the cloud: the types of a fact and of a
// batch, and their bytes on a wire or on a USB stick.
//
// A file or a body is a zstd stream (RFC 8878) of a CBOR sequence (RFC 8742). The sequence has
// one header and then one item per fact. Maps have small integers as keys. A reader skips keys
// that it does not know, so old and new programs read each other's batches.
//
// Promises:
//   - A batch that was cut, altered or forged gives an errs.Invalid error that names the bad
//     fact. Decode returns facts only after it has read the end of the batch.
//   - Reading takes at most the memory of MaxBytes and MaxWindow, for any input.
package batch

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"

	"github.com/livelearn/box/services/event"
)

// Format is the newest format of a batch that this program writes and reads.
const Format = 1

// Fact is one fact of a box as it travels. (Stream, Epoch, Seq) identifies it for good. Pos is
// its place among the facts of one incarnation of a box.
type Fact struct {
	Pos     uint64
	Stream  string // "room:<id>", or "<stream>@<box>" for a stream of the box itself
	Epoch   uint64
	Seq     uint64
	Kind    string
	Version int    // of the payload, 1 or more
	By      string // id of the author, empty for the box
	ID      string // the client's id of its command, may be empty
	Boot    uint64
	Mono    int64 // milliseconds since the start of the program, monotonic
	Wall    int64 // milliseconds since 1970 by the box's clock
	Trusted bool  // the wall clock was right
	Data    json.RawMessage
}

// Batch holds the facts of a box after position From, up to and including position To. Facts
// that stay on the box are left out, so a batch may be empty and positions may be missing.
type Batch struct {
	Box         string
	Incarnation uint64
	From, To    uint64
	Mark        int64 // MarkOf the fact at To, even if the batch leaves that fact out
	// Again marks a batch that resends dead letters. It does not move the watermark.
	Again bool
	Facts []Fact
}

// SubBatch returns a batch of some of the facts, up to position to and without a mark.
func (b *Batch) SubBatch(facts []Fact, from, to uint64) *Batch {
	return &Batch{Box: b.Box, Incarnation: b.Incarnation, From: from, To: to, Again: b.Again, Facts: facts}
}

// MarkOf returns a checksum that distinguishes a fact from any other fact at the same position.
// Two boxes made from one copy of a card write different facts at the same positions. The mark
// excludes the payload and the author, because an erasure may empty them.
func MarkOf(e event.Event) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.Stream)) // a hash never fails
	var b [40]byte
	for i, n := range []uint64{e.Epoch, e.Seq, e.Stamp.Boot, uint64(e.Stamp.Mono), uint64(e.Stamp.Wall)} {
		binary.BigEndian.PutUint64(b[8*i:], n)
	}
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(e.Kind))
	return int64(h.Sum64())
}
