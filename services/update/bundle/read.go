package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
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
	var mark [len(magic)]byte
	if _, err := io.ReadFull(kept, mark[:]); err != nil || string(mark[:]) != magic {
		return nil, refuse(NotABundle, "this is no update for a LiveLearn Box")
	}
	roots, err := section(kept, "roots", maxRoots)
	if err != nil {
		return nil, err
	}
	targets, err := section(kept, "targets", maxTargets)
	if err != nil {
		return nil, err
	}
	manifest, err := section(kept, "manifest", maxManifest)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(roots, &list) != nil {
		return nil, refuse(NotABundle, "the list of roots cannot be read")
	}
	h := &Head{DataAt: int64(len(kept.raw)), Raw: kept.raw}
	if h.Root, err = verify(root, list, targets, manifest); err != nil {
		return nil, err
	}
	h.Manifest, err = parseManifest(manifest)
	return h, err
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
