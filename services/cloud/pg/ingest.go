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

const ingest = `select pos, stored, dead from livelearn.ingest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

// Ingest stores a batch and moves the watermark, both or neither. Facts that Postgres
// refuses become dead letters, exactly those. box is who is authenticated.
func (s *Store) Ingest(ctx context.Context, box string, b *batch.Batch) (cloud.Receipt, error) {
	if b.Box != box {
		return cloud.Receipt{}, stranger("Ingest")
	}
	c, err := columnsOf(b)
	if err != nil {
		return cloud.Receipt{}, err
	}
	var r cloud.Receipt
	var raw []byte
	err = s.pool.QueryRow(ctx, ingest, box, int64(b.Incarnation), int64(b.From), int64(b.To), b.Mark, b.Again,
		c.pos, c.stream, c.epoch, c.seq, c.kind, c.version, c.author, c.command, c.boot, c.mono, c.wall, c.trusted, c.payload, c.fault, c.body,
	).Scan(&r.Pos, &r.Stored, &raw)
	if err != nil {
		return cloud.Receipt{}, fault("Ingest", err)
	}
	var dead []letter
	if err := json.Unmarshal(raw, &dead); err != nil {
		return cloud.Receipt{}, errs.New("pg.Ingest", errs.Internal, err)
	}
	for _, l := range dead {
		r.Dead = append(r.Dead, l.dead())
	}
	r.Known = len(b.Facts) - r.Stored - len(r.Dead)
	return r, nil
}

// columns are the facts of a batch as one array a column.
type columns struct {
	pos, epoch, seq, boot, mono, wall      []int64
	version                                []int32
	stream, kind, author, command, payload []string
	trusted                                []bool
	fault                                  []*string // empty, or nil for a fact that is text
	body                                   [][]byte
}

func columnsOf(b *batch.Batch) (*columns, error) {
	n := len(b.Facts)
	c := &columns{
		pos: make([]int64, n), epoch: make([]int64, n), seq: make([]int64, n), boot: make([]int64, n), mono: make([]int64, n), wall: make([]int64, n),
		version: make([]int32, n), stream: make([]string, n), kind: make([]string, n), author: make([]string, n), command: make([]string, n),
		payload: make([]string, n), trusted: make([]bool, n),
	}
	if b.From > b.To || b.To > math.MaxInt64 {
		return nil, invalid(0, "the batch goes from %d to %d", b.From, b.To)
	}
	o := order{box: b.Box, last: b.From, to: b.To, tops: map[place]uint64{}}
	if b.Again { // facts from anywhere
		o.last, o.to = 0, math.MaxInt64
	}
	for i := range b.Facts {
		f := &b.Facts[i]
		if err := o.check(i, f); err != nil {
			return nil, err
		}
		c.set(i, f)
	}
	return c, nil
}

func (c *columns) set(i int, f *batch.Fact) {
	c.pos[i], c.epoch[i], c.seq[i], c.boot[i] = int64(f.Pos), int64(f.Epoch), int64(f.Seq), int64(f.Boot)
	c.mono[i], c.wall[i], c.trusted[i] = f.Mono, f.Wall, f.Trusted
	c.version[i] = int32(max(min(f.Version, math.MaxInt32), math.MinInt32)) // too large a one is refused by the column
	c.stream[i], c.kind[i], c.author[i], c.command[i] = clean(f.Stream), clean(f.Kind), clean(f.By), clean(f.ID)
	if len(f.Data) == 0 {
		c.payload[i] = "null"
	} else if utf8.Valid(f.Data) {
		c.payload[i] = string(f.Data)
	}
	if c.payload[i] != "" && c.stream[i] == f.Stream && c.kind[i] == f.Kind && c.author[i] == f.By && c.command[i] == f.ID {
		return
	}
	if c.fault == nil {
		c.fault, c.body = make([]*string, len(c.pos)), make([][]byte, len(c.pos))
	}
	c.fault[i], c.body[i], c.payload[i] = new("it is not text in UTF-8"), bodyOf(f), "null"
}

// clean is a name as Postgres can keep it.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// bodyOf is a fact as livelearn.body_of writes it.
func bodyOf(f *batch.Fact) []byte {
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

// place is where a fact's number is dense.
type place struct {
	stream string
	epoch  uint64
}

// order is what holds between the facts of one batch.
type order struct {
	box  string
	last uint64
	to   uint64
	at   place // of the fact before
	seq  uint64
	tops map[place]uint64 // of places that were left
}

func (o *order) check(i int, f *batch.Fact) error {
	switch {
	case f.Pos <= o.last || f.Pos > o.to:
		return invalid(i, "position %d does not stand between %d and %d", f.Pos, o.last, o.to)
	case f.Epoch > math.MaxInt64 || f.Seq > math.MaxInt64:
		return invalid(i, "number %d of epoch %d is too large", f.Seq, f.Epoch)
	case !strings.HasPrefix(f.Stream, "room:") && !strings.HasSuffix(f.Stream, "@"+o.box):
		return invalid(i, "stream %q is not this box's", f.Stream)
	}
	if at := (place{f.Stream, f.Epoch}); at != o.at {
		o.tops[o.at] = o.seq
		o.at, o.seq = at, o.tops[at]
	}
	if f.Seq <= o.seq {
		return invalid(i, "number %d of %s comes after %d", f.Seq, f.Stream, o.seq)
	}
	o.last, o.seq = f.Pos, f.Seq
	return nil
}

func invalid(i int, format string, args ...any) error {
	err := errs.Code("pg.Ingest", errs.Invalid, "bad_batch", format, args...)
	err.Field, err.Limit = "facts", int64(i)
	return err
}
