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

// Head is the verified beginning of a bundle.
type Head struct {
	Manifest
	DataAt int64  // offset of the first chunk in the file
	Root   []byte // the newest root.json, which the box trusts from now on
	Raw    []byte // bytes of the head
}

// ReadHead reads a head from the beginning of a file and verifies its signatures with root, the
// root.json of the box. errs.Invalid, with one of the codes above, means that nothing of the
// bundle may be used.
func ReadHead(r io.Reader, root []byte) (*Head, error) {
	kept := &recordingReader{r: r}
	newest, manifest, err := readSigned(kept, magic, root, maxManifest)
	if err != nil {
		return nil, err
	}
	h := &Head{DataAt: int64(len(kept.raw)), Raw: kept.raw, Root: newest}
	h.Manifest, err = parseManifest(manifest)
	return h, err
}

// readSigned reads and verifies a mark, the roots, the targets and the signed content.
func readSigned(r io.Reader, mark string, trusted []byte, limit int) (root, content []byte, err error) {
	got := make([]byte, len(mark))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != mark {
		return nil, nil, newRefusal(NotABundle, "this is not for a LiveLearn Box")
	}
	roots, err := readSection(r, "roots", maxRoots)
	if err != nil {
		return nil, nil, err
	}
	targets, err := readSection(r, "targets", maxTargets)
	if err != nil {
		return nil, nil, err
	}
	if content, err = readSection(r, "manifest", limit); err != nil {
		return nil, nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(roots, &list) != nil {
		return nil, nil, newRefusal(NotABundle, "the list of roots cannot be read")
	}
	root, err = verifyChain(trusted, list, targets, content)
	return root, content, err
}

// recordingReader records the bytes that are read.
type recordingReader struct {
	r   io.Reader
	raw []byte
}

// Read implements io.Reader.
func (k *recordingReader) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	k.raw = append(k.raw, p[:n]...)
	return n, err
}

// readSection reads one section of a head: its length, then its bytes.
func readSection(r io.Reader, name string, limit int) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, truncatedError(err, name)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || int64(n) > int64(limit) {
		return nil, newRefusal(NotABundle, "%s: 1 to %d bytes", name, limit)
	}
	data := make([]byte, 0, min(int(n), 64<<10)) // the stated length may be false
	for len(data) < int(n) {
		part := make([]byte, min(int(n)-len(data), 64<<10))
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, truncatedError(err, name)
		}
		data = append(data, part...)
	}
	return data, nil
}

func truncatedError(err error, name string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return newRefusal(Truncated, "the file ends in its %s", name)
	}
	return err
}

var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*maxChunk), zstd.WithDecoderLowmem(true))
})

// UnpackChunk unpacks a chunk and checks its sum. errs.Invalid (altered) means that it does not
// match the manifest.
func UnpackChunk(c Chunk, packed []byte) ([]byte, error) {
	d, err := zstdDecoder()
	if err != nil {
		return nil, err
	}
	data, err := d.DecodeAll(packed, make([]byte, 0, c.Size))
	if err != nil || len(data) != c.Size || sha256.Sum256(data) != c.Sum {
		return nil, newRefusal(Altered, "a chunk is not what was signed")
	}
	return data, nil
}

// Channel is the version that a fleet should run. It is signed like a bundle.
type Channel struct {
	Board   string `json:"board"`
	Version string `json:"version"`
	Build   int    `json:"build"`
	URL     string `json:"url"`     // of the bundle; may be relative to the channel's own URL
	Percent int    `json:"percent"` // share of the boxes in the rollout, 0 to 100
	Notes   string `json:"notes,omitempty"`
}

const (
	channelMagic = "LLCHAN1\n"
	maxChannel   = 64 << 10
)

// Validate checks every field against its bounds.
func (c Channel) Validate() error {
	switch {
	case !boardPattern.MatchString(c.Board), !versionPattern.MatchString(c.Version), c.Build < 1:
		return newRefusal(BadField, "channel: board, version and build are those of a bundle")
	case c.Percent < 0 || c.Percent > 100:
		return newRefusal(BadField, "percent: must be 0 to 100")
	case c.URL == "" || len(c.URL) > 2000:
		return newRefusal(BadField, "url: 1 to 2000 bytes")
	case len(c.Notes) > maxNotes:
		return newRefusal(BadField, "notes: at most %d bytes", maxNotes)
	}
	return nil
}

// ReadChannel reads and verifies a channel file, like ReadHead. root is the newest root.json,
// which the box trusts from now on.
func ReadChannel(r io.Reader, trusted []byte) (c Channel, root []byte, err error) {
	signed, data, err := readSigned(&recordingReader{r: r}, channelMagic, trusted, maxChannel)
	if err != nil {
		return c, nil, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, nil, newRefusal(BadField, "channel: %v", err)
	}
	return c, signed, c.Validate()
}

// SameBundle reports whether two heads are of the same bundle.
func SameBundle(a, b *Head) bool { return bytes.Equal(a.Raw, b.Raw) }

// NewerRoot reports whether root.json a has a higher version than the other. Both are trusted.
func NewerRoot(a, than []byte) bool {
	x, err := metadata.Root().FromBytes(a)
	if err != nil {
		return false
	}
	y, err := metadata.Root().FromBytes(than)
	return err == nil && x.Signed.Version > y.Signed.Version
}
