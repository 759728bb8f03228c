// Package bundle reads and writes the file format of updates: a whole system for one kind of
// board, in signed chunks.
//
//	"LLBOX1\r\n"
//	length (4 bytes, big endian) and bytes of each: roots, targets, manifest
//	the chunks, each a zstd frame of its own (RFC 8878)
//
// Roots and targets are metadata of The Update Framework (theupdateframework.github.io,
// specification 1.0). Roots is a JSON list of root.json from version 1 on. Targets has the length
// and sum of the manifest, and is signed by the keys of the last root. So keys can be rotated, and
// several signatures can be required. The manifest has the sum of every chunk. Each chunk is
// checked before it is written, and a box does not fetch a chunk that it has.
//
// Expiry is not enforced, because a box has no trusted time. The build number, which only rises,
// keeps old bundles out.
package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Bounds on untrusted input, in bytes.
const (
	magic           = "LLBOX1\r\n"
	maxRoots        = 256 << 10
	maxTargets      = 64 << 10
	maxManifest     = 4 << 20
	maxChunk        = 1 << 20   // unpacked
	maxPayload      = 512 << 20 // unpacked
	maxNotes        = 16 << 10
	maxOptions      = 1 << 10
	maxPackedGrowth = 4 << 10 // growth of a chunk that does not compress
)

// Manifest describes the content of a bundle.
type Manifest struct {
	Board    string    `json:"board"`             // "pc", "pi"
	Version  string    `json:"version"`           // for people: "1.4.0"
	Build    int       `json:"build"`             // rises with each release; an older build is refused
	Data     int       `json:"data"`              // oldest data format that this version reads
	Options  string    `json:"options,omitempty"` // kernel options
	Notes    string    `json:"notes,omitempty"`   // release notes for people
	Payloads []Payload `json:"payloads"`
}

// Payload is one part of a slot.
type Payload struct {
	Part   string  `json:"part"` // "boot", "root"
	Size   int64   `json:"size"` // bytes, unpacked
	Sum    Sum     `json:"sum"`  // of the whole payload
	Chunks []Chunk `json:"chunks"`
}

// Chunk is a piece of a payload.
type Chunk struct {
	Sum    Sum `json:"sum"`
	Size   int `json:"size"`   // bytes, unpacked
	Packed int `json:"packed"` // bytes in the file
}

// Sum is a SHA-256 sum.
type Sum [sha256.Size]byte

// MarshalText writes a sum in hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads a sum in hexadecimal.
func (s *Sum) UnmarshalText(text []byte) error {
	if len(text) != 2*len(s) {
		return fmt.Errorf("a sum has %d digits", 2*len(s))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

const op = "bundle"

// Codes of refusals. The pages translate them.
const (
	NotABundle = "not_a_bundle" // not a bundle file
	Truncated  = "truncated"    // the file ends too early
	Altered    = "altered"      // a sum is wrong
	Unsigned   = "foreign_key"  // not signed by trusted keys
	BadField   = "bad_manifest" // a field is out of its bounds
)

func newRefusal(code, format string, args ...any) error {
	return errs.NewCode(op, errs.Invalid, code, format, args...)
}

var (
	boardPattern   = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)
	versionPattern = regexp.MustCompile(`^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}(-[0-9A-Za-z.-]{1,40})?$`)
)

// Validate checks every field against its bounds.
func (m Manifest) Validate() error {
	switch {
	case !boardPattern.MatchString(m.Board):
		return newRefusal(BadField, "board: %.40q is no name of a board", m.Board)
	case !versionPattern.MatchString(m.Version):
		return newRefusal(BadField, "version: %.60q is not MAJOR.MINOR.PATCH", m.Version)
	case m.Build < 1 || m.Build > 1<<40:
		return newRefusal(BadField, "build: must be 1 or more")
	case m.Data < 0:
		return newRefusal(BadField, "data: must be 0 or more")
	case len(m.Options) > maxOptions:
		return newRefusal(BadField, "options: at most %d bytes", maxOptions)
	case len(m.Notes) > maxNotes:
		return newRefusal(BadField, "notes: at most %d bytes", maxNotes)
	case len(m.Payloads) == 0 || len(m.Payloads) > 4:
		return newRefusal(BadField, "payloads: 1 to 4")
	}
	seen := map[string]bool{}
	for _, p := range m.Payloads {
		if seen[p.Part] {
			return newRefusal(BadField, "payloads: %q is there twice", p.Part)
		}
		seen[p.Part] = true
		if err := p.validateChunks(); err != nil {
			return err
		}
	}
	return nil
}

func (p Payload) validateChunks() error {
	if !boardPattern.MatchString(p.Part) || p.Size < 1 || p.Size > maxPayload {
		return newRefusal(BadField, "payload %.20q: 1 to %d bytes", p.Part, maxPayload)
	}
	sum := int64(0)
	for i, c := range p.Chunks {
		if c.Size < 1 || c.Size > maxChunk || c.Packed < 1 || c.Packed > maxChunk+maxPackedGrowth {
			return newRefusal(BadField, "payload %s, chunk %d: at most %d bytes", p.Part, i, maxChunk)
		}
		sum += int64(c.Size)
	}
	if sum != p.Size {
		return newRefusal(BadField, "payload %s: its chunks are %d bytes, and it %d", p.Part, sum, p.Size)
	}
	return nil
}

// BuildNumber returns the build number of a version: 1.2.3 is 1002003.
func BuildNumber(version string) (int, error) {
	var major, minor, patch int
	base, _, _ := strings.Cut(version, "-")
	if n, err := fmt.Sscanf(base, "%d.%d.%d", &major, &minor, &patch); n != 3 || err != nil || minor > 999 || patch > 999 {
		return 0, fmt.Errorf("version %q: must be MAJOR.MINOR.PATCH, minor and patch at most 999", version)
	}
	return cmp.Or(major*1_000_000+minor*1000+patch, 1), nil
}

// DataSize is the size of all chunks in the file, in bytes.
func (m Manifest) DataSize() (n int64) {
	for _, p := range m.Payloads {
		for _, c := range p.Chunks {
			n += int64(c.Packed)
		}
	}
	return n
}

// Place is the position of a chunk.
type Place struct {
	Part   string
	Offset int64 // in the payload
	At     int64 // in the file, relative to the first chunk
	Chunk
}

// ChunkPlaces returns the positions of all chunks, in file order.
func (m Manifest) ChunkPlaces() (list []Place) {
	at := int64(0)
	for _, p := range m.Payloads {
		offset := int64(0)
		for _, c := range p.Chunks {
			list = append(list, Place{p.Part, offset, at, c})
			offset += int64(c.Size)
			at += int64(c.Packed)
		}
	}
	return list
}

func parseManifest(data []byte) (m Manifest, err error) {
	if err := json.Unmarshal(data, &m); err != nil {
		return m, newRefusal(BadField, "manifest: %v", err)
	}
	return m, m.Validate()
}
