// Package usbfile carries facts from a box to the cloud on a USB stick, for schools without a
// network. A person carries a file to the cloud and may carry a reply back.
//
//	header   one line of JSON: the Self of the box
//	frames   4 bytes of length (big endian), then a batch as package batch writes it
//	the end  a length of 0
//
// Promises:
//   - A file may be imported any number of times and in any order with other files. Each fact is
//     stored once.
//   - If a file was cut, the import stores its whole batches and reports the cut.
//   - If facts between two files are missing, the later facts are stored. The watermark waits
//     before the gap, so the box sends the missing facts again.
//   - Reading takes at most the memory of one batch, for any input.
//
// The file is not signed. The person handing it to the cloud vouches for it.
package usbfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const op = "usbfile"

// Format is the newest format of a file that this program writes and reads.
const Format = 1

const (
	magic     = "livelearn stick"
	maxHeader = 8 << 10                // bytes
	maxFrame  = batch.MaxBytes + 1<<20 // incompressible data grows a little
)

type header struct {
	Magic  string     `json:"magic"`
	Format int        `json:"format"`
	Self   cloud.Self `json:"self"`
}

// Writer writes a file. It is not safe for concurrent use.
type Writer struct {
	w    io.Writer
	self cloud.Self
	buf  bytes.Buffer
}

// NewWriter starts a file of the box self.
func NewWriter(w io.Writer, self cloud.Self) (*Writer, error) {
	line, err := json.Marshal(header{magic, Format, self})
	if err != nil {
		return nil, errs.New(op, errs.Internal, err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return &Writer{w: w, self: self}, nil
}

// Add writes a batch.
func (w *Writer) Add(b *batch.Batch) error {
	w.buf.Reset()
	w.buf.Write(make([]byte, 4))
	if err := batch.Encode(&w.buf, b); err != nil {
		return err
	}
	frame := w.buf.Bytes()
	if len(frame) > maxFrame {
		return errs.Newf(op, errs.Internal, "a batch of %d bytes", len(frame))
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return w.writeFrame(frame)
}

// Close writes the end of the file. It does not close the underlying writer.
func (w *Writer) Close() error { return w.writeFrame(make([]byte, 4)) }

func (w *Writer) writeFrame(p []byte) error {
	if _, err := w.w.Write(p); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

// Reader reads a file.
type Reader struct {
	Self cloud.Self // the Self at the time of writing
	r    *bufio.Reader
	n    int // index of the next batch
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{r: bufio.NewReaderSize(r, maxHeader)}
	line, err := in.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, errs.New(op, errs.Down, err)
	}
	var h header
	if err != nil || json.Unmarshal(line, &h) != nil || h.Magic != magic {
		return nil, errs.NewField(op, "file", "no_stick", 0, "not a file of a box for the cloud")
	}
	switch {
	case h.Format > Format:
		return nil, errs.NewField(op, "format", "too_new", Format, "format %d, up to %d is known: update the cloud first", h.Format, Format)
	case h.Format < 1, h.Self.Box == "", len(h.Self.Box) > batch.MaxName, h.Self.Incarnation == 0, h.Self.Position > math.MaxInt64:
		return nil, errs.NewField(op, "self", "bad_header", 0, "the file does not say which box it is of")
	}
	in.Self = h.Self
	return in, nil
}

// Next returns the next batch, or io.EOF at the end.
func (r *Reader) Next() (*batch.Batch, error) {
	var size [4]byte
	if _, err := io.ReadFull(r.r, size[:]); err != nil {
		return nil, r.readError(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	switch {
	case n == 0:
		return nil, io.EOF
	case n > maxFrame:
		return nil, errs.NewField(op, "file", "unreadable", maxFrame, "batch %d: %d bytes, at most %d", r.n, n, maxFrame)
	}
	f := &frameReader{r: r.r, left: int(n)}
	b, err := batch.Decode(f)
	switch {
	case f.err != nil:
		return nil, r.readError(f.err)
	case err != nil:
		return nil, err
	case b.Box != r.Self.Box || b.Incarnation != r.Self.Incarnation:
		return nil, errs.NewField(op, "box", "other_box", 0, "batch %d is of another box than the file", r.n)
	}
	r.n++
	return b, nil
}

// readError returns the error of a failed read: the file was cut, or the stick has a fault.
func (r *Reader) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errs.NewField(op, "file", "cut", 0, "the file ends within batch %d: was the stick pulled out too early?", r.n)
	}
	return errs.New(op, errs.Down, err)
}

// frameReader reads the bytes of one batch, and keeps the error if they end too early.
type frameReader struct {
	r    io.Reader
	left int
	err  error
}

// Read implements io.Reader.
func (f *frameReader) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
		if f.left == 0 {
			err = nil
		}
	}
	if err != nil {
		f.err = err
	}
	return n, err
}
