package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

const keyLen = 32

// Key is the key of a box.
type Key struct {
	secret [keyLen]byte
	id     [idLen]byte
}

// NewKey makes a random key.
func NewKey() *Key {
	var secret [keyLen]byte
	rand.Read(secret[:])
	return newKey(secret)
}

func newKey(secret [keyLen]byte) *Key {
	k := &Key{secret: secret}
	sum := sha256.Sum256(secret[:])
	copy(k.id[:], sum[:])
	return k
}

// ID names the key. It says nothing about its bytes.
func (k *Key) ID() string { return hex.EncodeToString(k.id[:]) }

// A key file is text, because a person may find it on a card.
const (
	fileText = "This is the key to the data of a LiveLearn Box. Keep this file: without it the data cannot be read.\r\n"
	keyMark  = "key: "
	sumMark  = "check: "
	maxFile  = 4096
)

func (k *Key) text() []byte {
	return fmt.Appendf(nil, "%s%s%s\r\n%s%s\r\n", fileText, keyMark, base64.StdEncoding.EncodeToString(k.secret[:]), sumMark, k.checksum())
}

// checksum is part of a key file, so that a damaged file never counts as another key.
func (k *Key) checksum() string {
	sum := sha256.Sum256(append([]byte(purpose), k.secret[:]...))
	return hex.EncodeToString(sum[:8])
}

// parseKey reads the text of a key file. Lines may have other ends, and other lines may be there.
func parseKey(text []byte) (*Key, error) {
	var key, sum string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, keyMark); ok {
			key = s
		}
		if s, ok := strings.CutPrefix(line, sumMark); ok {
			sum = s
		}
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != keyLen {
		return nil, errs.Newf("seal", errs.Corrupt, "the file holds no key")
	}
	k := newKey([keyLen]byte(raw))
	if sum != k.checksum() {
		return nil, errs.Newf("seal", errs.Corrupt, "the key has a wrong checksum")
	}
	return k, nil
}

// Place is where a copy of the key lies.
type Place struct {
	Path string
	// Write replaces the file, which appears whole. Nil writes it with package atomicfile.
	Write func(path string, text []byte) error
	// Present returns an error while the place is not there: its partition is not mounted. Nil: it is
	// always there.
	Present func() error
}

// Read reads the key in a place. errs.Corrupt: the file holds no whole key.
func (p Place) Read() (*Key, error) {
	if p.Present != nil {
		if err := p.Present(); err != nil {
			return nil, errs.New("seal", errs.Down, err)
		}
	}
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, err
	}
	text := make([]byte, maxFile)
	n, err := f.Read(text)
	if errors.Is(err, io.EOF) { // a power cut on a FAT partition leaves empty files
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return parseKey(text[:n])
}

// Put puts the key in the place, and reads it back. Another box's key that lies there is kept.
func (p Place) Put(k *Key) error {
	other, err := p.Read()
	switch {
	case err == nil && other.secret == k.secret:
		return nil
	case errs.KindOf(err) == errs.Down: // not mounted: a write would go to another disk
		return err
	case err == nil:
		if err := p.replace(p.Path+"."+other.ID(), other.text()); err != nil {
			return err
		}
	}
	if err := p.replace(p.Path, k.text()); err != nil {
		return err
	}
	got, err := p.Read()
	if err == nil && got.secret != k.secret {
		err = fmt.Errorf("%s holds other bytes than were written", p.Path)
	}
	return err
}

func (p Place) replace(path string, text []byte) error {
	if p.Write != nil {
		return p.Write(path, text)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, 0o600, atomicfile.Bytes(text))
}

// Loaded is what LoadKey found.
type Loaded struct {
	Key    *Key    // nil: there is none, or not the one that is wanted
	Faults []Fault // the places without a whole copy of the key
}

// Fault is a place without a whole copy of the key.
type Fault struct {
	Place Place
	Err   error
	Other bool // the place has the key of another box
}

// IsUndecided reports whether the key may be in a place that cannot be read now. A file that is
// missing or damaged decides; a partition that is not mounted and an error of the disk do not.
func (l Loaded) IsUndecided() bool {
	return l.Key == nil && slices.ContainsFunc(l.Faults, func(f Fault) bool {
		return !f.Other && !errors.Is(f.Err, fs.ErrNotExist) && errs.KindOf(f.Err) != errs.Corrupt
	})
}

// LoadKey reads the key of a box, and changes nothing. One whole copy is enough. With want, only the
// key of that id counts.
func LoadKey(places []Place, want string) Loaded {
	var l Loaded
	for _, p := range places {
		k, err := p.Read()
		switch {
		case err != nil:
			l.Faults = append(l.Faults, Fault{Place: p, Err: err})
		case want != "" && k.ID() != want, l.Key != nil && k.id != l.Key.id:
			l.Faults = append(l.Faults, Fault{Place: p, Err: fmt.Errorf("it holds another key: %s", k.ID()), Other: true})
		case l.Key == nil:
			l.Key = k
		}
	}
	return l
}

// Repair writes the key to the places that have no whole copy of it. It leaves the key of another
// box, which may be all that is left of that box. It returns a text for each fault.
func (l Loaded) Repair() []string {
	var texts []string
	for _, f := range l.Faults {
		text := f.String()
		if l.Key != nil && !f.Other {
			text += "; it is back from the other copy"
			if err := f.Place.Put(l.Key); err != nil {
				text = fmt.Sprintf("%s; it is not put back: %v", f, err)
			}
		}
		texts = append(texts, text)
	}
	return texts
}

// String names the file and its fault.
func (f Fault) String() string { return fmt.Sprintf("%s: %s", f.Place.Path, describe(f.Err)) }

func describe(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "the file is missing"
	}
	return err.Error()
}

// CreateKey makes a key and writes it to all places. If one of them takes no writes, there is no
// key: values must not be sealed with a key that exists once.
func CreateKey(places []Place) (*Key, error) {
	k := NewKey()
	for _, p := range places {
		if err := p.Put(k); err != nil {
			return nil, errs.New("seal.CreateKey", errs.Down, err)
		}
	}
	return k, nil
}

// IsID reports whether a text is the id of a key.
func IsID(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == idLen
}

// JoinPlace returns the associated data of a value: its bucket, a zero byte and its key.
func JoinPlace(dst []byte, bucket string, key []byte) []byte {
	return append(append(append(dst, bucket...), 0), key...)
}

// MarkFile notes the id of the key with which a folder of data is sealed.
func MarkFile(path string, k *Key) error {
	if old, err := ReadMark(path); err == nil && old == k.ID() {
		return nil
	}
	return atomicfile.Write(path, 0o600, atomicfile.Bytes([]byte(k.ID()+"\n")))
}

// ReadMark returns the id in a mark. An empty one: the folder is not sealed. Text that is no id
// comes back as it is: it equals the id of no key.
func ReadMark(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(bytes.TrimSpace(text)), err
}
