package forward

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	//lint:ignore gosec the profile's own (RFC 3711)
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
)

// Profile is an SRTP protection profile (RFC 5764, RFC 7714), by its DTLS number.
type Profile uint16

// The profiles that browsers offer.
const (
	AES128CMSHA180 Profile = 0x0001
	AEADAES128GCM  Profile = 0x0007
	AEADAES256GCM  Profile = 0x0008
)

// Keys protect the packets to one subscriber.
type Keys struct {
	Profile   Profile
	Key, Salt []byte // the server's master key and salt
}

// sealer turns RTP into SRTP for one subscriber. Owned by its shard. Each index of an SSRC is
// sealed only once (see Slot.sealed), because a GCM nonce must never repeat.
type sealer struct {
	overhead int
	salt     [14]byte
	aead     cipher.AEAD // GCM, nil: counter mode with HMAC

	block cipher.Block
	mac   hash.Hash
	sum   [20]byte
	iv    [16]byte
	mask  [16]byte
	nonce [12]byte
	roc   [4]byte
}

// labels of RFC 3711 4.3.1.
const (
	labelKey  = 0
	labelAuth = 1
	labelSalt = 2
)

func newSealer(k Keys) (*sealer, error) {
	sizes := map[Profile][2]int{AES128CMSHA180: {16, 14}, AEADAES128GCM: {16, 12}, AEADAES256GCM: {32, 12}}
	size, ok := sizes[k.Profile]
	switch {
	case !ok:
		return nil, fmt.Errorf("forward: no SRTP profile %#04x", uint16(k.Profile))
	case len(k.Key) != size[0], len(k.Salt) != size[1]:
		return nil, fmt.Errorf("forward: SRTP profile %#04x takes a key of %d bytes and a salt of %d, got %d and %d",
			uint16(k.Profile), size[0], size[1], len(k.Key), len(k.Salt))
	}
	master, err := aes.NewCipher(k.Key)
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	s := &sealer{}
	copy(s.salt[:], deriveKey(master, k.Salt, labelSalt, size[1]))
	if s.block, err = aes.NewCipher(deriveKey(master, k.Salt, labelKey, size[0])); err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	if k.Profile == AES128CMSHA180 {
		s.overhead = 10
		s.mac = hmac.New(sha1.New, deriveKey(master, k.Salt, labelAuth, 20))
		return s, nil
	}
	s.overhead = 16
	s.aead, err = cipher.NewGCM(s.block)
	return s, err
}

// deriveKey makes a session key (RFC 3711 4.3, with a key derivation rate of 0).
func deriveKey(master cipher.Block, salt []byte, label byte, size int) []byte {
	var in [16]byte
	copy(in[:14], salt)
	in[7] ^= label
	out := make([]byte, 0, size+16)
	for i := uint16(0); len(out) < size; i++ {
		binary.BigEndian.PutUint16(in[14:], i)
		var b [16]byte
		master.Encrypt(b[:], in[:])
		out = append(out, b[:]...)
	}
	return out[:size]
}

// seal encrypts p, a whole RTP packet with a header of 12 bytes, in place. There is room
// for the overhead behind it. index is the packet's 48-bit index (RFC 3711 3.3.1).
func (s *sealer) seal(p []byte, index uint64) []byte {
	if s.aead != nil { // RFC 7714 8.1
		n := s.nonce[:]
		n[0], n[1] = 0, 0
		copy(n[2:6], p[8:12])
		binary.BigEndian.PutUint32(n[6:], uint32(index>>16))
		binary.BigEndian.PutUint16(n[10:], uint16(index))
		for i := range n {
			n[i] ^= s.salt[i]
		}
		return p[:headerSize+len(s.aead.Seal(p[headerSize:headerSize], n, p[headerSize:], p[:headerSize]))]
	}
	copy(s.iv[:14], s.salt[:]) // RFC 3711 4.1.1
	for i := range 4 {
		s.iv[4+i] ^= p[8+i]
	}
	binary.BigEndian.PutUint32(s.roc[:], uint32(index>>16))
	for i := range 4 {
		s.iv[8+i] ^= s.roc[i]
	}
	s.iv[12] ^= p[2]
	s.iv[13] ^= p[3]
	s.encryptCTR(p[headerSize:])
	s.mac.Reset()
	s.mac.Write(p)
	s.mac.Write(s.roc[:])
	return append(p, s.mac.Sum(s.sum[:0])[:10]...)
}

// encryptCTR is AES in counter mode. crypto/cipher's stream would be allocated for each packet.
func (s *sealer) encryptCTR(p []byte) {
	for i := uint16(0); len(p) > 0; i++ {
		binary.BigEndian.PutUint16(s.iv[14:], i)
		s.block.Encrypt(s.mask[:], s.iv[:])
		n := min(len(p), 16)
		if n == 16 {
			a, b := binary.NativeEndian.Uint64(p), binary.NativeEndian.Uint64(p[8:])
			binary.NativeEndian.PutUint64(p, a^binary.NativeEndian.Uint64(s.mask[:]))
			binary.NativeEndian.PutUint64(p[8:], b^binary.NativeEndian.Uint64(s.mask[8:]))
		} else {
			for j := range n {
				p[j] ^= s.mask[j]
			}
		}
		p = p[n:]
	}
}
