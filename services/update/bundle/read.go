package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Head is what a bundle begins with, verified.
type Head struct {
	Manifest
	DataAt int64  // where the chunks begin in the file
	Root   []byte // the newest root.json, which the box trusts from now on
	Raw    []byte // the head as it is in the file
}

// ReadHead reads a head from the beginning of a file and checks that it was signed by those
// whom root, a root.json that the box has, trusts. errs.Invalid, with one of the codes above:
// nothing of it is to be used.
func ReadHead(r io.Reader, root []byte) (*Head, error) {
	kept := &keep{r: r}
	newest, manifest, err := readSigned(kept, magic, root, maxManifest)
	if err != nil {
		return nil, err
	}
	h := &Head{DataAt: int64(len(kept.raw)), Raw: kept.raw, Root: newest}
	h.Manifest, err = parseManifest(manifest)
	return h, err
}

// readSigned reads what is signed: a mark, roots, targets, and what those are about.
func readSigned(r io.Reader, mark string, trusted []byte, limit int) (root, content []byte, err error) {
	got := make([]byte, len(mark))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != mark {
		return nil, nil, refuse(NotABundle, "this is not for a LiveLearn Box")
	}
	roots, err := section(r, "roots", maxRoots)
	if err != nil {
		return nil, nil, err
	}
	targets, err := section(r, "targets", maxTargets)
	if err != nil {
		return nil, nil, err
	}
	if content, err = section(r, "manifest", limit); err != nil {
		return nil, nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(roots, &list) != nil {
		return nil, nil, refuse(NotABundle, "the list of roots cannot be read")
	}
	root, err = verify(trusted, list, targets, content)
	return root, content, err
}

// keep keeps what is read.
type keep struct {
	r   io.Reader
	raw []byte
}

// Read implements io.Reader.
func (k *keep) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	k.raw = append(k.raw, p[:n]...)
	return n, err
}

// section reads one part of a head: its length, then its bytes.
func section(r io.Reader, name string, limit int) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, short(err, name)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || int64(n) > int64(limit) {
		return nil, refuse(NotABundle, "%s: 1 to %d bytes", name, limit)
	}
	data := make([]byte, 0, min(int(n), 64<<10)) // what it says it has may be a lie
	for len(data) < int(n) {
		part := make([]byte, min(int(n)-len(data), 64<<10))
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, short(err, name)
		}
		data = append(data, part...)
	}
	return data, nil
}

func short(err error, name string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(Truncated, "the file ends in its %s", name)
	}
	return err
}

var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*maxChunk), zstd.WithDecoderLowmem(true))
})

// Unpack gives the bytes of a chunk from what the file has of it. errs.Invalid (altered): it
// is not what the manifest says.
func Unpack(c Chunk, packed []byte) ([]byte, error) {
	d, err := decoder()
	if err != nil {
		return nil, err
	}
	data, err := d.DecodeAll(packed, make([]byte, 0, c.Size))
	if err != nil || len(data) != c.Size || sha256.Sum256(data) != c.Sum {
		return nil, refuse(Altered, "a chunk is not what was signed")
	}
	return data, nil
}

// Channel says which version a fleet is to have. It is signed as a bundle is.
type Channel struct {
	Board   string `json:"board"`
	Version string `json:"version"`
	Build   int    `json:"build"`
	URL     string `json:"url"`     // of the bundle, or relative to the channel's own
	Percent int    `json:"percent"` // of the boxes that take part by now, 0 to 100
	Notes   string `json:"notes,omitempty"`
}

const (
	channelMagic = "LLCHAN1\n"
	maxChannel   = 64 << 10
)

// Validate checks every field against its bounds.
func (c Channel) Validate() error {
	switch {
	case !boardName.MatchString(c.Board), !version.MatchString(c.Version), c.Build < 1:
		return refuse(BadField, "channel: board, version and build are those of a bundle")
	case c.Percent < 0 || c.Percent > 100:
		return refuse(BadField, "percent: must be 0 to 100")
	case c.URL == "" || len(c.URL) > 2000:
		return refuse(BadField, "url: 1 to 2000 bytes")
	case len(c.Notes) > maxNotes:
		return refuse(BadField, "notes: at most %d bytes", maxNotes)
	}
	return nil
}

// ReadChannel reads a channel file and checks it as ReadHead checks a bundle. root is the
// newest root.json, which the box trusts from now on.
func ReadChannel(r io.Reader, trusted []byte) (c Channel, root []byte, err error) {
	signed, data, err := readSigned(&keep{r: r}, channelMagic, trusted, maxChannel)
	if err != nil {
		return c, nil, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, nil, refuse(BadField, "channel: %v", err)
	}
	return c, signed, c.Validate()
}

// Same tells that two heads are of the same system.
func Same(a, b *Head) bool { return bytes.Equal(a.Raw, b.Raw) }

// Newer tells that a root.json comes after another one. Both are ours.
func Newer(a, than []byte) bool {
	x, err := metadata.Root().FromBytes(a)
	if err != nil {
		return false
	}
	y, err := metadata.Root().FromBytes(than)
	return err == nil && x.Signed.Version > y.Signed.Version
}
