package pg

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

// ingestSQL calls livelearn.ingest (schema/00007_owners.sql). Its arguments in order:
//
//	$1 to $6    box, incarnation, from, to, mark, again
//	$7 to $11   pos, stream, epoch, seq, kind            one array per column of factColumns
//	$12 to $16  version, author, command, boot, mono
//	$17 to $21  wall, trusted, payload, faults, body
const ingestSQL = `select pos, stored, dead from livelearn.ingest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

// Ingest stores a batch and moves the watermark, both or neither. Exactly the facts that Postgres
// refuses become dead letters. box is the authenticated id.
func (s *Store) Ingest(ctx context.Context, box string, b *batch.Batch) (cloud.Receipt, error) {
	if b.Box != box {
		return cloud.Receipt{}, errStranger("Ingest")
	}
	c, err := newFactColumns(b)
	if err != nil {
		return cloud.Receipt{}, err
	}
	var r cloud.Receipt
	var raw []byte
	err = s.pool.QueryRow(ctx, ingestSQL, box, int64(b.Incarnation), int64(b.From), int64(b.To), b.Mark, b.Again,
		c.pos, c.stream, c.epoch, c.seq, c.kind, c.version, c.author, c.command, c.boot, c.mono, c.wall, c.trusted, c.payload, c.faults, c.body,
	).Scan(&r.Pos, &r.Stored, &raw)
	s.noteSpace(err)
	if err != nil {
		return cloud.Receipt{}, wrapError("Ingest", err)
	}
	var dead []deadRow
	if err := json.Unmarshal(raw, &dead); err != nil {
		return cloud.Receipt{}, errs.New("pg.Ingest", errs.Internal, err)
	}
	for _, l := range dead {
		r.Dead = append(r.Dead, l.toDead())
	}
	r.Known = len(b.Facts) - r.Stored - len(r.Dead)
	return r, nil
}

// factColumns holds the facts of a batch as one array per column.
type factColumns struct {
	pos, epoch, seq, boot, mono, wall      []int64
	version                                []int32
	stream, kind, author, command, payload []string
	trusted                                []bool
	faults                                 []*string // why a fact is not text, nil if it is. The slice is nil if all facts are.
	body                                   [][]byte
}

func newFactColumns(b *batch.Batch) (*factColumns, error) {
	n := len(b.Facts)
	c := &factColumns{
		pos: make([]int64, n), epoch: make([]int64, n), seq: make([]int64, n), boot: make([]int64, n), mono: make([]int64, n), wall: make([]int64, n),
		version: make([]int32, n), stream: make([]string, n), kind: make([]string, n), author: make([]string, n), command: make([]string, n),
		payload: make([]string, n), trusted: make([]bool, n),
	}
	if b.From > b.To || b.To > math.MaxInt64 {
		return nil, errBadBatch(0, "the batch goes from %d to %d", b.From, b.To)
	}
	o := batchOrder{box: b.Box, last: b.From, to: b.To, lastSeqs: map[streamEpoch]uint64{}}
	if b.Again { // resent facts may have any position
		o.last, o.to = 0, math.MaxInt64
	}
	for i := range b.Facts {
		f := &b.Facts[i]
		if err := o.checkFact(i, f); err != nil {
			return nil, err
		}
		c.setFact(i, f)
	}
	return c, nil
}

func (c *factColumns) setFact(i int, f *batch.Fact) {
	c.pos[i], c.epoch[i], c.seq[i], c.boot[i] = int64(f.Pos), int64(f.Epoch), int64(f.Seq), int64(f.Boot)
	c.mono[i], c.wall[i], c.trusted[i] = f.Mono, f.Wall, f.Trusted
	c.version[i] = int32(max(min(f.Version, math.MaxInt32), math.MinInt32)) // the column refuses a larger one
	c.stream[i], c.kind[i], c.author[i], c.command[i] = cleanText(f.Stream), cleanText(f.Kind), cleanText(f.By), cleanText(f.ID)
	if len(f.Data) == 0 {
		c.payload[i] = "null"
	} else if utf8.Valid(f.Data) {
		c.payload[i] = string(f.Data)
	}
	if c.payload[i] != "" && c.stream[i] == f.Stream && c.kind[i] == f.Kind && c.author[i] == f.By && c.command[i] == f.ID {
		return
	}
	if c.faults == nil {
		c.faults, c.body = make([]*string, len(c.pos)), make([][]byte, len(c.pos))
	}
	c.faults[i], c.body[i], c.payload[i] = new("it is not text in UTF-8"), encodeBody(f), "null"
}

// cleanText replaces what a text of Postgres cannot hold: bad UTF-8 and U+0000.
func cleanText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// encodeBody returns a fact in the form of livelearn.body_of.
func encodeBody(f *batch.Fact) []byte {
	head, err := json.Marshal(struct {
		Pos     uint64 `json:"pos"`
		Stream  string `json:"stream"`
		Epoch   uint64 `json:"epoch"`
		Seq     uint64 `json:"seq"`
		Kind    string `json:"kind"`
		Version int    `json:"version"`
		By      string `json:"by"`
		ID      string `json:"id"`
		Boot    uint64 `json:"boot,string"`
		Mono    int64  `json:"mono"`
		Wall    int64  `json:"wall"`
		Trusted bool   `json:"trusted"`
	}{f.Pos, f.Stream, f.Epoch, f.Seq, f.Kind, f.Version, f.By, f.ID, f.Boot, f.Mono, f.Wall, f.Trusted})
	if err != nil {
		panic(err) // texts and numbers
	}
	return bytes.Join([][]byte{head[:len(head)-1], []byte(`,"data":`), f.Data, []byte("}")}, nil)
}

// streamEpoch is the scope of a fact's number.
type streamEpoch struct {
	stream string
	epoch  uint64
}

// batchOrder checks the order of the facts in one batch.
type batchOrder struct {
	box      string
	last     uint64
	to       uint64
	at       streamEpoch // of the previous fact
	seq      uint64
	lastSeqs map[streamEpoch]uint64 // last numbers of the other scopes
}

func (o *batchOrder) checkFact(i int, f *batch.Fact) error {
	switch {
	case f.Pos <= o.last || f.Pos > o.to:
		return errBadBatch(i, "position %d is not between %d and %d", f.Pos, o.last, o.to)
	case f.Epoch > math.MaxInt64 || f.Seq > math.MaxInt64:
		return errBadBatch(i, "number %d of epoch %d is too large", f.Seq, f.Epoch)
	case !strings.HasPrefix(f.Stream, "room:") && !isOwnStream(f.Stream, o.box):
		return errBadBatch(i, "stream %q belongs to another box", f.Stream)
	}
	if at := (streamEpoch{f.Stream, f.Epoch}); at != o.at {
		o.lastSeqs[o.at] = o.seq
		o.at, o.seq = at, o.lastSeqs[at]
	}
	if f.Seq <= o.seq {
		return errBadBatch(i, "number %d of %s comes after %d", f.Seq, f.Stream, o.seq)
	}
	o.last, o.seq = f.Pos, f.Seq
	return nil
}

// isOwnStream reports whether a stream other than a room's belongs to the box, as
// livelearn.foreign_facts does.
func isOwnStream(stream, box string) bool {
	_, of, _ := strings.Cut(stream, "@")
	return of == box
}

func errBadBatch(i int, format string, args ...any) error {
	err := errs.NewCode("pg.Ingest", errs.Invalid, "bad_batch", format, args...)
	err.Field, err.Limit = "facts", int64(i)
	return err
}
