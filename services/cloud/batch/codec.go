package batch

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/livelearn/box/services/errs"
)

// Upper limits of a batch.
const (
	MaxFacts = 40_000
	MaxBytes = 64 << 20 // of the sequence, before compression
	MaxData  = 1 << 20  // of one payload
	MaxName  = 255      // bytes of a stream, kind, author or id

	// MaxWindow is the window of the compression in bytes. A reader holds it in memory.
	MaxWindow = 8 << 20
)

// magic is the first field of a header.
const magic = "livelearn facts"

type header struct {
	Magic       string `cbor:"0,keyasint"`
	Format      int    `cbor:"1,keyasint"`
	Box         string `cbor:"2,keyasint"`
	Incarnation uint64 `cbor:"3,keyasint"`
	From        uint64 `cbor:"4,keyasint"`
	To          uint64 `cbor:"5,keyasint"`
	Mark        int64  `cbor:"6,keyasint"`
	Again       bool   `cbor:"7,keyasint,omitempty"`
	Count       int    `cbor:"8,keyasint"`
}

type fact struct {
	Pos     uint64 `cbor:"1,keyasint"`
	Stream  string `cbor:"2,keyasint"`
	Epoch   uint64 `cbor:"3,keyasint"`
	Seq     uint64 `cbor:"4,keyasint"`
	Kind    string `cbor:"5,keyasint"`
	Version int    `cbor:"6,keyasint,omitempty"` // 0 means 1
	By      string `cbor:"7,keyasint,omitempty"`
	ID      string `cbor:"8,keyasint,omitempty"`
	Boot    uint64 `cbor:"9,keyasint"`
	Mono    int64  `cbor:"10,keyasint"`
	Wall    int64  `cbor:"11,keyasint"`
	Trusted bool   `cbor:"12,keyasint,omitempty"`
	Data    []byte `cbor:"13,keyasint,omitempty"`
}

// decMode refuses CBOR features that an attacker could use: tags, indefinite lengths, deep
// nesting and duplicate keys.
var decMode = mustValue(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	MaxNestedLevels: 4, MaxMapPairs: 64, MaxArrayElements: 16,
}.DecMode())

func mustValue[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options above are wrong
	}
	return v
}

// Encode writes b to w.
func Encode(w io.Writer, b *Batch) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return errs.New("batch.Encode", errs.Internal, err)
	}
	buf := bufio.NewWriterSize(z, 64<<10)
	enc := cbor.NewEncoder(buf)
	fault := enc.Encode(header{
		magic, Format, b.Box, b.Incarnation, b.From, b.To, b.Mark, b.Again, len(b.Facts),
	})
	for i := 0; i < len(b.Facts) && fault == nil; i++ {
		f := &b.Facts[i]
		version := f.Version
		if version == 1 {
			version = 0
		}
		fault = enc.Encode(&fact{
			f.Pos, f.Stream, f.Epoch, f.Seq, f.Kind, version, f.By, f.ID, f.Boot, f.Mono, f.Wall, f.Trusted, f.Data,
		})
	}
	if fault = errors.Join(fault, buf.Flush(), z.Close()); fault != nil {
		return errs.New("batch.Encode", errs.Down, fault)
	}
	return nil
}

// Decode reads one batch, up to the end of r. It returns errs.Down if r failed, and errs.Invalid
// if the bytes are not a batch. The code is "too_new" if the format is newer than this program.
func Decode(r io.Reader) (*Batch, error) {
	src := &faultReader{r: r}
	z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errs.New("batch.Decode", errs.Internal, err)
	}
	defer z.Close()
	b, err := decodeBatch(&limitedReader{r: z, left: MaxBytes})
	if src.err != nil {
		return nil, errs.New("batch.Decode", errs.Down, src.err)
	}
	return b, err
}

// faultReader keeps the error of r, so that Decode can separate a failed read from the end.
type faultReader struct {
	r   io.Reader
	err error
}

func (s *faultReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

var errTooLarge = fmt.Errorf("more than %d bytes", MaxBytes)

// limitedReader fails with errTooLarge after left bytes. io.LimitReader would report an end.
type limitedReader struct {
	r    io.Reader
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

func decodeBatch(r io.Reader) (*Batch, error) {
	d := decMode.NewDecoder(r)
	var h header
	if err := d.Decode(&h); err != nil {
		return nil, errInvalid("header", "unreadable", 0, "%w", err)
	}
	if err := h.checkHeader(); err != nil {
		return nil, err
	}
	b := &Batch{
		Box: h.Box, Incarnation: h.Incarnation, From: h.From, To: h.To, Mark: h.Mark, Again: h.Again,
		Facts: make([]Fact, 0, min(h.Count, 4096)), // the count is not trusted
	}
	last := h.From
	for i := range h.Count {
		var f fact
		if err := d.Decode(&f); err != nil {
			return nil, errInvalid("facts", "unreadable", 0, "fact %d: %w", i, unexpectedEOF(err))
		}
		if err := f.checkFact(i, last, h); err != nil {
			return nil, err
		}
		if last = f.Pos; h.Again {
			last = 0
		}
		b.Facts = append(b.Facts, Fact{
			f.Pos, f.Stream, f.Epoch, f.Seq, f.Kind, max(f.Version, 1), f.By, f.ID, f.Boot, f.Mono, f.Wall, f.Trusted, f.Data,
		})
	}
	if err := d.Skip(); !errors.Is(err, io.EOF) {
		return nil, errInvalid("facts", "too_many", int64(h.Count), "more than the %d facts of the header: %w", h.Count, err)
	}
	return b, nil
}

// unexpectedEOF turns io.EOF into io.ErrUnexpectedEOF.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func errInvalid(field, code string, limit int64, format string, args ...any) error {
	return errs.NewField("batch.Decode", field, code, limit, format, args...)
}

func (h header) checkHeader() error {
	switch {
	case h.Magic != magic:
		return errInvalid("header", "no_batch", 0, "not a batch of facts")
	case h.Format > Format:
		return errInvalid("format", "too_new", Format, "format %d, up to %d is known", h.Format, Format)
	case h.Format < 1:
		return errInvalid("format", "out_of_range", Format, "format %d", h.Format)
	case h.Box == "" || len(h.Box) > MaxName:
		return errInvalid("box", "out_of_range", MaxName, "an id of %d bytes, must be 1 to %d", len(h.Box), MaxName)
	case h.Incarnation == 0:
		return errInvalid("incarnation", "missing", 0, "is missing")
	case h.To > math.MaxInt64 || h.From > h.To:
		return errInvalid("to", "out_of_range", math.MaxInt64, "from %d to %d", h.From, h.To)
	case h.Count < 0 || h.Count > MaxFacts:
		return errInvalid("count", "too_many", MaxFacts, "%d facts, at most %d", h.Count, MaxFacts)
	}
	return nil
}

// checkFact checks fact i. last is the position of the fact before it.
func (f *fact) checkFact(i int, last uint64, h header) error {
	at := fmt.Sprintf("facts[%d].", i)
	switch {
	case f.Pos <= last || f.Pos > h.To && !h.Again || f.Pos > math.MaxInt64:
		return errInvalid(at+"pos", "out_of_order", 0, "position %d after %d, up to %d", f.Pos, last, h.To)
	case f.Epoch > math.MaxInt64 || f.Seq == 0 || f.Seq > math.MaxInt64:
		return errInvalid(at+"seq", "out_of_range", math.MaxInt64, "epoch %d, seq %d", f.Epoch, f.Seq)
	case f.Stream == "" || f.Kind == "":
		return errInvalid(at+"stream", "missing", 0, "stream %q, kind %q", f.Stream, f.Kind)
	case max(len(f.Stream), len(f.Kind), len(f.By), len(f.ID)) > MaxName:
		return errInvalid(at+"stream", "too_long", MaxName, "a name of more than %d bytes", MaxName)
	case f.Version < 0 || f.Version > math.MaxInt16:
		return errInvalid(at+"version", "out_of_range", math.MaxInt16, "version %d", f.Version)
	case f.Wall < minWall || f.Wall > maxWall:
		return errInvalid(at+"wall", "out_of_range", maxWall, "time %d", f.Wall)
	case len(f.Data) > MaxData:
		return errInvalid(at+"data", "too_long", MaxData, "%d bytes, at most %d", len(f.Data), MaxData)
	case len(f.Data) > 0 && !json.Valid(f.Data):
		return errInvalid(at+"data", "no_json", 0, "is not JSON")
	}
	return nil
}

// Limits of a box's clock in milliseconds since 1970. They are the years 1 to 9999, which
// Postgres and JSON can represent.
const (
	minWall = -62_135_596_800_000
	maxWall = 253_402_300_799_999
)
