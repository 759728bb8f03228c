// Package usbfile carries facts from a box to the cloud on a USB stick, for schools without a
// network. A person carries a file to the cloud and may carry a reply back.
//
//	header   one line of JSON: the Self of the box and its public key, then a signature
//	frames   4 bytes of length (big endian), a batch as package batch writes it, then a signature
//	the end  a length of 0, then a signature
//
// A signature (Ed25519, 64 bytes) covers the header line, the number of the frame and its bytes, so no
// frame can be altered, moved, left out or taken from another file. Files of format 1 have none.
//
// Promises:
//   - A file may be imported any number of times and in any order with other files. Each fact is
//     stored once.
//   - If a file was cut, the import stores its whole batches and reports the cut.
//   - If facts between two files are missing, the later facts are stored. The watermark waits
//     before the gap, so the box sends the missing facts again.
//   - Reading takes at most the memory of one batch, for any input.
//   - A batch is decoded after its signature was checked. Who imports decides whether the key is that
//     of the box.
package usbfile

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
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
const Format = 2

const (
	magic     = "livelearn stick"
	maxHeader = 8 << 10                // bytes
	maxFrame  = batch.MaxBytes + 1<<20 // incompressible data grows a little
)

type header struct {
	Magic  string     `json:"magic"`
	Format int        `json:"format"`
	Self   cloud.Self `json:"self"`
	Key    []byte     `json:"key,omitempty"` // Ed25519, from format 2 on
}

// digestOf returns what the signature of a part of the file covers. The header is part 0.
func digestOf(head [sha256.Size]byte, part int, data []byte) []byte {
	sum := sha256.Sum256(data)
	d := append([]byte("livelearn stick signature\x00"), head[:]...)
	return append(binary.BigEndian.AppendUint64(d, uint64(part)), sum[:]...)
}

// Writer writes a file. It is not safe for concurrent use.
type Writer struct {
	w    io.Writer
	self cloud.Self
	key  ed25519.PrivateKey
	head [sha256.Size]byte // of the header line
	part int               // of the next signature
	buf  bytes.Buffer
}

// NewWriter starts a file of the box self, which is signed with the key of the box.
func NewWriter(w io.Writer, self cloud.Self, key ed25519.PrivateKey) (*Writer, error) {
	line, err := json.Marshal(header{magic, Format, self, key.Public().(ed25519.PublicKey)})
	if err != nil {
		return nil, errs.New(op, errs.Internal, err)
	}
	line = append(line, '\n')
	out := &Writer{w: w, self: self, key: key, head: sha256.Sum256(line)}
	return out, out.writeSigned(line, nil)
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
	return w.writeSigned(frame, frame[4:])
}

// Close writes the end of the file. It does not close the underlying writer.
func (w *Writer) Close() error { return w.writeSigned(make([]byte, 4), nil) }

// writeSigned writes a part of the file and the signature of its data.
func (w *Writer) writeSigned(p, data []byte) error {
	signature := ed25519.Sign(w.key, digestOf(w.head, w.part, data))
	w.part++
	for _, p := range [][]byte{p, signature} {
		if _, err := w.w.Write(p); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	return nil
}

// Reader reads a file.
type Reader struct {
	Self cloud.Self        // the Self at the time of writing
	Key  ed25519.PublicKey // signed the file; nil: an earlier program wrote it without a signature
	r    *bufio.Reader
	head [sha256.Size]byte // of the header line
	n    int               // index of the next batch
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
	in.Self, in.head = h.Self, sha256.Sum256(line)
	if h.Format == 1 {
		return in, nil
	}
	if len(h.Key) != ed25519.PublicKeySize {
		return nil, errs.NewField(op, "key", "bad_header", ed25519.PublicKeySize, "a key of %d bytes, not of %d", len(h.Key), ed25519.PublicKeySize)
	}
	in.Key = h.Key
	if err := in.checkSignature(0, nil); err != nil {
		return nil, err
	}
	return in, nil
}

// checkSignature reads the signature of a part and checks it.
func (r *Reader) checkSignature(part int, data []byte) error {
	if r.Key == nil {
		return nil
	}
	signature := make([]byte, ed25519.SignatureSize)
	if _, err := io.ReadFull(r.r, signature); err != nil {
		return r.readError(err)
	}
	if !ed25519.Verify(r.Key, digestOf(r.head, part, data), signature) {
		return errs.NewField(op, "file", "altered", 0, "part %d of the file is not what the box signed: write the file again on the box", part)
	}
	return nil
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
		if err := r.checkSignature(r.n+1, nil); err != nil {
			return nil, err
		}
		return nil, io.EOF
	case n > maxFrame:
		return nil, errs.NewField(op, "file", "unreadable", maxFrame, "batch %d: %d bytes, at most %d", r.n, n, maxFrame)
	}
	var frame bytes.Buffer // grows with the bytes that come
	if _, err := io.CopyN(&frame, r.r, int64(n)); err != nil {
		return nil, r.readError(err)
	}
	if err := r.checkSignature(r.n+1, frame.Bytes()); err != nil {
		return nil, err
	}
	b, err := batch.Decode(&frame)
	switch {
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
