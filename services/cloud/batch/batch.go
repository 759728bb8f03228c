// Package batch is how facts travel from a box to the cloud: what a fact and a batch of
// them are, and their bytes on a wire or on a stick.
//
// A file or a body is a zstd stream (RFC 8878) of a CBOR sequence (RFC 8742): one header,
// then one item a fact. Maps have small integers as keys; a key that is not known is passed
// over, so that an older reader takes what a newer writer says, and the other way round.
//
// Promises:
//   - A batch that was cut, altered or made by a stranger is an errs.Invalid error which
//     names the fact at fault; nothing of it is given out as good before its end was seen.
//   - Reading takes no more memory than MaxBytes and MaxWindow allow, whatever the bytes say.
package batch

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"

	"github.com/livelearn/box/services/event"
)

// Format is the newest format of a batch that this program writes and reads.
const Format = 1

// Fact is one fact of a box as it travels. (Stream, Epoch, Seq) is its identity, for good;
// Pos is its order among the facts of one incarnation of a box.
type Fact struct {
	Pos     uint64
	Stream  string // "room:<id>", or "<stream>@<box>" of what is the box's own
	Epoch   uint64
	Seq     uint64
	Kind    string
	Version int    // of the payload; 1 or more
	By      string // id of the author; empty for the box
	ID      string // the client's id of its command; may be empty
	Boot    uint64
	Mono    int64 // milliseconds since the start of the program, monotonic
	Wall    int64 // milliseconds since 1970 by the box's clock
	Trusted bool  // the wall clock was right
	Data    json.RawMessage
}

// Batch is the facts of a box after position From, up to and with position To. Facts that
// stay on the box are not in it, so it may be empty and positions may be missing.
type Batch struct {
	Box         string
	Incarnation uint64
	From, To    uint64
	Mark        int64 // MarkOf the fact at To, whether that is in the batch or not
	// Again has facts that became dead letters given once more: the watermark stays.
	Again bool
	Facts []Fact
}

// Part is a batch of some of the facts, up to position to and without a mark.
func (b *Batch) Part(facts []Fact, from, to uint64) *Batch {
	return &Batch{Box: b.Box, Incarnation: b.Incarnation, From: from, To: to, Again: b.Again, Facts: facts}
}

// MarkOf is what tells the fact at a position from any other that might stand there: two
// boxes made of one copy of a card write different facts at the same positions. It leaves
// out the payload and the author, which an erasure may empty.
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
