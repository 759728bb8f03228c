// Package bundle is the file that an update comes in: a whole system for one kind of board,
// in signed chunks.
//
//	"LLBOX1\r\n"
//	length (4 bytes, big endian) and bytes of each: roots, targets, manifest
//	the chunks, each by itself as a zstd frame (RFC 8878)
//
// Roots and targets are metadata of The Update Framework (theupdateframework.github.io,
// specification 1.0): roots is a JSON list of root.json from version 1 on, targets names the
// manifest's length and sum and is signed by the keys of the last root. So one can rotate keys
// and ask for several signatures. The manifest has the sum of every chunk, so each is checked
// before it is written anywhere, and a box that has a chunk already does not ask for it.
//
// Expiry is not enforced: a box has no trusted time. What keeps old bundles out is the build
// number, which only rises.
package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/livelearn/box/services/errs"
)

// Bounds of what is read before anything is trusted, in bytes.
const (
	magic         = "LLBOX1\r\n"
	maxRoots      = 256 << 10
	maxTargets    = 64 << 10
	maxManifest   = 4 << 20
	maxChunk      = 1 << 20   // unpacked
	maxPayload    = 512 << 20 // unpacked
	maxNotes      = 16 << 10
	maxOptions    = 1 << 10
	maxPackedRoom = 4 << 10 // that a chunk may grow by when it does not compress
)

// Manifest says what a bundle holds.
type Manifest struct {
	Board    string    `json:"board"`             // "pc", "pi"
	Version  string    `json:"version"`           // for people: "1.4.0"
	Build    int       `json:"build"`             // rises with each release: an older one is refused
	Data     int       `json:"data"`              // the oldest format of the box's data that it reads
	Options  string    `json:"options,omitempty"` // the kernel's
	Notes    string    `json:"notes,omitempty"`   // what is new, for people
	Payloads []Payload `json:"payloads"`
}

// Payload is one part of a slot.
type Payload struct {
	Part   string  `json:"part"` // "boot", "root"
	Size   int64   `json:"size"` // bytes, unpacked
	Sum    Sum     `json:"sum"`  // of all of it
	Chunks []Chunk `json:"chunks"`
}

// Chunk is a piece of a payload.
type Chunk struct {
	Sum    Sum `json:"sum"`
	Size   int `json:"size"`   // bytes, unpacked
	Packed int `json:"packed"` // bytes in the file
}

// Sum is SHA-256.
type Sum [sha256.Size]byte

// MarshalText writes a sum in hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads one.
func (s *Sum) UnmarshalText(text []byte) error {
	if len(text) != 2*len(s) {
		return fmt.Errorf("a sum has %d digits", 2*len(s))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

const op = "bundle"

// Codes of what is refused. The pages translate them.
const (
	NotABundle = "not_a_bundle" // not such a file at all
	Truncated  = "truncated"    // the file ends too early
	Altered    = "altered"      // a sum is wrong
	Unsigned   = "foreign_key"  // not signed by those whom the box trusts
	BadField   = "bad_manifest" // a field is out of its bounds
)

func refuse(code, format string, args ...any) error {
	return errs.Code(op, errs.Invalid, code, format, args...)
}

var (
	boardName = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)
	version   = regexp.MustCompile(`^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}(-[0-9A-Za-z.-]{1,40})?$`)
)

// Validate checks every field against its bounds.
func (m Manifest) Validate() error {
	switch {
	case !boardName.MatchString(m.Board):
		return refuse(BadField, "board: %.40q is no name of a board", m.Board)
	case !version.MatchString(m.Version):
		return refuse(BadField, "version: %.60q is not MAJOR.MINOR.PATCH", m.Version)
	case m.Build < 1 || m.Build > 1<<40:
		return refuse(BadField, "build: must be 1 or more")
	case m.Data < 0:
		return refuse(BadField, "data: must be 0 or more")
	case len(m.Options) > maxOptions:
		return refuse(BadField, "options: at most %d bytes", maxOptions)
	case len(m.Notes) > maxNotes:
		return refuse(BadField, "notes: at most %d bytes", maxNotes)
	case len(m.Payloads) == 0 || len(m.Payloads) > 4:
		return refuse(BadField, "payloads: 1 to 4")
	}
	seen := map[string]bool{}
	for _, p := range m.Payloads {
		if seen[p.Part] {
			return refuse(BadField, "payloads: %q is there twice", p.Part)
		}
		seen[p.Part] = true
		if err := p.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (p Payload) validate() error {
	if !boardName.MatchString(p.Part) || p.Size < 1 || p.Size > maxPayload {
		return refuse(BadField, "payload %.20q: 1 to %d bytes", p.Part, maxPayload)
	}
	sum := int64(0)
	for i, c := range p.Chunks {
		if c.Size < 1 || c.Size > maxChunk || c.Packed < 1 || c.Packed > maxChunk+maxPackedRoom {
			return refuse(BadField, "payload %s, chunk %d: at most %d bytes", p.Part, i, maxChunk)
		}
		sum += int64(c.Size)
	}
	if sum != p.Size {
		return refuse(BadField, "payload %s: its chunks are %d bytes, and it %d", p.Part, sum, p.Size)
	}
	return nil
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

// Place is where a chunk is.
type Place struct {
	Part   string
	Offset int64 // in the payload
	At     int64 // in the file's data, from the first chunk on
	Chunk
}

// Places are all chunks, in the order of the file.
func (m Manifest) Places() (list []Place) {
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
		return m, refuse(BadField, "manifest: %v", err)
	}
	return m, m.Validate()
}
