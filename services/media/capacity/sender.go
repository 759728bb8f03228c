package capacity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	//lint:ignore gosec the profile's own (RFC 3711)
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// packetSender seals and sends. Its keys have no meaning, because the packets are not read.
type packetSender struct {
	gcm    cipher.AEAD
	block  cipher.Block
	mac    hash.Hash
	nonce  [12]byte
	iv     [16]byte
	tag    [sha1.Size]byte
	clear  [payloadSize]byte
	sealed []byte

	from, to       int // sockets. The second is never read, and the kernel drops packets that do not fit
	addr           unix.Sockaddr
	bytes          [burstPackets * packetSize]byte
	segmented      bool
	segmentControl []byte
}

func newPacketSender() (*packetSender, error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	w := &packetSender{gcm: gcm, block: block, mac: hmac.New(sha1.New, make([]byte, 20)), sealed: make([]byte, 0, packetSize), from: -1, to: -1}
	if err := w.openSockets(); err != nil {
		return nil, errors.Join(err, w.closeSockets())
	}
	return w, nil
}

func (w *packetSender) openSockets() (err error) {
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
	w.segmentControl = encodeSegmentSize(packetSize)
	err = w.sendMessage(w.bytes[:], w.segmentControl)
	w.segmented = err == nil
	return nil
}

func (w *packetSender) closeSockets() error {
	var all []error
	for _, fd := range []int{w.from, w.to} {
		if fd >= 0 {
			all = append(all, unix.Close(fd))
		}
	}
	return errors.Join(all...)
}

// encodeSegmentSize is the control message that cuts one send into datagrams (udp(7)).
func encodeSegmentSize(size int) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], uint16(size))
	return b
}

func (w *packetSender) sendMessage(data, oob []byte) error {
	for {
		_, err := unix.SendmsgN(w.from, data, oob, w.addr, 0)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (w *packetSender) sendOne() error { return w.sendMessage(w.bytes[:packetSize], nil) }

// sendBurst sends as media/forward does: in one call if UDP_SEGMENT works.
func (w *packetSender) sendBurst() error {
	if w.segmented {
		return w.sendMessage(w.bytes[:], w.segmentControl)
	}
	for range burstPackets {
		if err := w.sendOne(); err != nil {
			return err
		}
	}
	return nil
}

func (w *packetSender) sealGCM() error {
	w.nonce[0]++
	w.sealed = w.gcm.Seal(w.sealed[:0], w.nonce[:], w.clear[:], w.iv[:12])
	return nil
}

// sealCM is AES in counter mode and HMAC-SHA1 (RFC 3711 4.1.1, 4.2.1).
func (w *packetSender) sealCM() error {
	w.iv[0]++
	stream := cipher.NewCTR(w.block, w.iv[:])
	w.sealed = w.sealed[:payloadSize]
	stream.XORKeyStream(w.sealed, w.clear[:])
	w.mac.Reset()
	w.mac.Write(w.sealed) // a hash never fails
	w.mac.Sum(w.tag[:0])
	return nil
}

// meanOfFastest is the mean of the shortest third.
func meanOfFastest(looks []time.Duration) (mean time.Duration) {
	slices.Sort(looks)
	looks = looks[:(len(looks)+2)/3]
	for _, l := range looks {
		mean += l
	}
	return mean / time.Duration(len(looks))
}
