// Package seal encrypts single values on disk with the key of the box.
//
// Each value is sealed alone, with its place as associated data: a sealed value that is moved to
// another bucket or key does not open. Each database has a key of its own, derived from the box's
// key (RFC 5869).
//
//	algorithm   1 byte: 2 ChaCha20-Poly1305 (RFC 8439), 3 AES-256-GCM
//	key id      4 bytes of the SHA-256 of the box's key
//	nonce       12 random bytes
//	ciphertext  as long as the value, then a tag of 16 bytes
//
// A Sealer seals with AES where the processor has instructions for it, and opens both. Two of
// 2^27 values have the same random nonce with a probability of 2^-43.
//
// The box's key lies in two places, see LoadKey.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/cpu"

	"github.com/livelearn/box/services/errs"
)

const (
	markChaCha = 2
	markAES    = 3

	idLen    = 4
	nonceLen = 12
	tagLen   = 16
	headLen  = 1 + idLen + nonceLen

	// Overhead is how many bytes a sealed value is longer than the value.
	Overhead = headLen + tagLen

	// Room is how many of these bytes lie before the value.
	Room = headLen

	purpose = "livelearn seal 1 "
)

// Sealer seals and opens the values of one database. A nil Sealer leaves values as they are.
// Any goroutine may use it.
type Sealer struct {
	id     [idLen]byte
	chacha cipher.AEAD
	aes    cipher.AEAD
	mark   byte // of the algorithm for new values
}

// For returns the Sealer of a database. A nil Key gives a nil Sealer.
func (k *Key) For(database string) *Sealer {
	if k == nil {
		return nil
	}
	key, err := hkdf.Key(sha256.New, k.secret[:], nil, purpose+database, keyLen)
	if err != nil {
		panic(err) // only for wrong lengths, and these are constants
	}
	s := &Sealer{id: k.id, mark: markChaCha}
	if hasAES() {
		s.mark = markAES
	}
	block, err := aes.NewCipher(key)
	if err == nil {
		s.aes, err = cipher.NewGCM(block)
	}
	if err == nil {
		s.chacha, err = chacha20poly1305.New(key)
	}
	if err != nil {
		panic(err) // as above
	}
	return s
}

// hasAES reports whether the processor has instructions for AES-GCM. A Raspberry Pi 4 has none, and
// Go's AES without them takes six times as long as ChaCha20.
func hasAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
}

// IsSealed reports whether Seal made a value. No value that the box seals begins as a sealed one
// does: values are JSON, or a fact of version 1.
func IsSealed(value []byte) bool {
	return len(value) >= Overhead && (value[0] == markChaCha || value[0] == markAES)
}

// Seal appends a sealed value to dst, which must not overlap plain. The place names where the value lies.
func (s *Sealer) Seal(dst, plain, place []byte) []byte {
	if s == nil {
		return append(dst, plain...)
	}
	dst = append(dst, make([]byte, headLen)...)
	nonce := s.fillHead(dst[len(dst)-headLen:])
	return s.aead(s.mark).Seal(dst, nonce, plain, place)
}

// SealInPlace seals a value that begins after Room free bytes, and returns the sealed value. It uses
// the memory of the value, and no other if that has a capacity for the rest of Overhead.
func (s *Sealer) SealInPlace(value, place []byte) []byte {
	nonce := s.fillHead(value[:headLen])
	return s.aead(s.mark).Seal(value[:headLen], nonce, value[headLen:], place)
}

// fillHead fills the head of a sealed value, and returns the nonce in it.
func (s *Sealer) fillHead(head []byte) []byte {
	head[0] = s.mark
	copy(head[1:], s.id[:])
	nonce := head[1+idLen : headLen]
	rand.Read(nonce)
	return nonce
}

// Open appends the value in a sealed one to dst, which must not overlap it. errs.Corrupt with the
// code key_missing: another box sealed it, or there is no key. errs.Corrupt: it was changed or moved.
func (s *Sealer) Open(dst, sealed, place []byte) ([]byte, error) {
	switch {
	case !IsSealed(sealed):
		return nil, errs.Newf("seal.Open", errs.Corrupt, "the value is not sealed")
	case s == nil:
		return nil, errs.NewCode("seal.Open", errs.Corrupt, "key_missing", "the value is sealed and the key of the box is missing")
	case string(sealed[1:1+idLen]) != string(s.id[:]):
		return nil, errs.NewCode("seal.Open", errs.Corrupt, "key_missing",
			"the value is sealed with the key %x, and the box has %x", sealed[1:1+idLen], s.id)
	}
	plain, err := s.aead(sealed[0]).Open(dst, sealed[1+idLen:headLen], sealed[headLen:], place)
	if err != nil {
		return nil, errs.Newf("seal.Open", errs.Corrupt, "a sealed value was changed or moved")
	}
	return plain, nil
}

func (s *Sealer) aead(mark byte) cipher.AEAD {
	if mark == markAES {
		return s.aes
	}
	return s.chacha
}
