package rehearse

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// works is what seals and sends. Keys are of no meaning: nobody reads these packets.
type works struct {
	gcm    cipher.AEAD
	block  cipher.Block
	mac    hash.Hash
	nonce  [12]byte
	iv     [16]byte
	tag    [sha1.Size]byte
	clear  [payload]byte
	sealed []byte

	from, to  int // sockets; nobody reads the latter, and the kernel drops what does not fit
	addr      unix.Sockaddr
	bytes     [burst * packet]byte
	segmented bool
	oob       []byte
}

func newWorks() (*works, error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	w := &works{gcm: gcm, block: block, mac: hmac.New(sha1.New, make([]byte, 20)), sealed: make([]byte, 0, packet), from: -1, to: -1}
	if err := w.open(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *works) open() (err error) {
	const kind = unix.SOCK_DGRAM | unix.SOCK_CLOEXEC
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if w.to, err = unix.Socket(unix.AF_INET, kind, 0); err != nil {
		return err
	}
	if w.from, err = unix.Socket(unix.AF_INET, kind, 0); err != nil {
		return err
	}
	if err := unix.Bind(w.to, loopback); err != nil {
		return err
	}
	if w.addr, err = unix.Getsockname(w.to); err != nil {
		return err
	}
	w.oob = segments(packet)
	err = w.send(w.bytes[:], w.oob)
	w.segmented = err == nil
	return nil
}

func (w *works) close() error {
	var all []error
	for _, fd := range []int{w.from, w.to} {
		if fd >= 0 {
			all = append(all, unix.Close(fd))
		}
	}
	return errors.Join(all...)
}

// segments is the control message that cuts one send into datagrams (udp(7)).
func segments(size int) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], uint16(size))
	return b
}

func (w *works) send(data, oob []byte) error {
	for {
		_, err := unix.SendmsgN(w.from, data, oob, w.addr, 0)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (w *works) sendOne() error { return w.send(w.bytes[:packet], nil) }

// sendBurst sends as media/forward does: in one call where that works.
func (w *works) sendBurst() error {
	if w.segmented {
		return w.send(w.bytes[:], w.oob)
	}
	for range burst {
		if err := w.sendOne(); err != nil {
			return err
		}
	}
	return nil
}

func (w *works) sealGCM() error {
	w.nonce[0]++
	w.sealed = w.gcm.Seal(w.sealed[:0], w.nonce[:], w.clear[:], w.iv[:12])
	return nil
}

// sealCM is AES in counter mode and HMAC-SHA1 (RFC 3711 4.1.1, 4.2.1).
func (w *works) sealCM() error {
	w.iv[0]++
	stream := cipher.NewCTR(w.block, w.iv[:])
	w.sealed = w.sealed[:payload]
	stream.XORKeyStream(w.sealed, w.clear[:])
	w.mac.Reset()
	w.mac.Write(w.sealed) // a hash never fails
	w.mac.Sum(w.tag[:0])
	return nil
}

// third is the mean of the shortest third.
func third(looks []time.Duration) (mean time.Duration) {
	slices.Sort(looks)
	looks = looks[:(len(looks)+2)/3]
	for _, l := range looks {
		mean += l
	}
	return mean / time.Duration(len(looks))
}
