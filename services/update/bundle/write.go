package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/restic/chunker"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// polynomial is the polynomial of the rolling sum that splits payloads. The split points depend on
// the content only, so an inserted byte moves one split point and not all. It must never change,
// because boxes find their old chunks by it.
const polynomial = chunker.Pol(0x3DA3358B4DC173)

// Sizes of chunks, in bytes: 64 KiB on average.
const (
	minSplit    = 16 << 10
	maxSplit    = 256 << 10
	averageBits = 16 // bits
)

// SplitChunks calls each with the chunks of a payload in order. The bytes are valid until the next
// call.
func SplitChunks(r io.Reader, each func(data []byte) error) error {
	c := chunker.NewWithBoundaries(r, polynomial, minSplit, maxSplit)
	c.SetAverageBits(averageBits)
	buf := make([]byte, maxSplit)
	for {
		chunk, err := c.Next(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(chunk.Data); err != nil {
			return err
		}
	}
}

// Source is a payload to write.
type Source struct {
	Part  string // "boot"
	Data  io.Reader
	Quick bool // it is compressed quickly and less, for tests
}

// level returns how well the payload is compressed.
func (s Source) level() zstd.EncoderLevel {
	if s.Quick {
		return zstd.SpeedFastest
	}
	return zstd.SpeedBestCompression
}

// Signer has the keys and roots of a signature.
type Signer struct {
	Roots [][]byte             // root.json from version 1 on
	Keys  []ed25519.PrivateKey // empty: AddSignatures adds the signatures later
}

// WriteBundle writes a bundle. m has all fields but the payloads. work is an empty file that holds
// the chunks until their sums are known.
func WriteBundle(w io.Writer, m Manifest, list []Source, s Signer, work *os.File) error {
	for _, src := range list {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(src.level()), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		p := Payload{Part: src.Part}
		whole := sha256.New()
		err = SplitChunks(src.Data, func(data []byte) error {
			whole.Write(data)
			packed := enc.EncodeAll(data, nil)
			p.Size += int64(len(data))
			p.Chunks = append(p.Chunks, Chunk{sha256.Sum256(data), len(data), len(packed)})
			_, err := work.Write(packed)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", src.Part, err)
		}
		whole.Sum(p.Sum[:0])
		m.Payloads = append(m.Payloads, p)
	}
	if _, err := work.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := writeHead(w, m, s); err != nil {
		return err
	}
	_, err := io.Copy(w, work)
	return err
}

func writeHead(w io.Writer, m Manifest, s Signer) error {
	if err := m.Validate(); err != nil {
		return err
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeSigned(w, magic, manifest, m.Build, s)
}

// WriteChannel writes a channel file.
func WriteChannel(w io.Writer, c Channel, s Signer) error {
	if err := c.Validate(); err != nil {
		return err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return writeSigned(w, channelMagic, data, c.Build, s)
}

func writeSigned(w io.Writer, mark string, content []byte, build int, s Signer) error {
	targets, err := signTargets(content, build, s.Keys)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	for _, r := range s.Roots {
		list = append(list, r)
	}
	roots, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if len(s.Keys) > 0 {
		// A publisher whose own check fails must not publish.
		if _, err := verifyChain(s.Roots[0], list, targets, content); err != nil {
			return err
		}
	}
	return writeHeadOf(w, mark, roots, targets, content)
}

func writeHeadOf(w io.Writer, mark string, parts ...[]byte) error {
	head := []byte(mark)
	for _, part := range parts {
		head = slices.Concat(head, binary.BigEndian.AppendUint32(nil, uint32(len(part))), part)
	}
	_, err := w.Write(head)
	return err
}

// AddSignatures copies a bundle or a channel and adds the signatures of keys to the existing
// ones, if there are any.
func AddSignatures(w io.Writer, r io.Reader, keys []ed25519.PrivateKey) error {
	mark := make([]byte, len(magic))
	if _, err := io.ReadFull(r, mark); err != nil || string(mark) != magic && string(mark) != channelMagic {
		return newRefusal(NotABundle, "this is not for a LiveLearn Box")
	}
	roots, err := readSection(r, "roots", maxRoots)
	if err != nil {
		return err
	}
	targets, err := readSection(r, "targets", maxTargets)
	if err != nil {
		return err
	}
	content, err := readSection(r, "manifest", maxManifest)
	if err != nil {
		return err
	}
	t, err := metadata.Targets().FromBytes(targets)
	if err != nil {
		return newRefusal(NotABundle, "the signatures cannot be read")
	}
	if targets, err = signMetadata(t, keys); err != nil {
		return err
	}
	if err := writeHeadOf(w, string(mark), roots, targets, content); err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}
