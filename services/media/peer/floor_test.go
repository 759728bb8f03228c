package peer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The mix of one subscriber of one 1.5 Mbit/s picture at 30 frames a second with sound: per
// frame 5 packets and a shorter one, and 5 packets of sound for each 3 frames.
const (
	fullPacket, lastPacket, soundPacket = 1188, 610, 120
	framePackets                        = 6
)

// measureFloor seals and sends the mix of N subscribers to one address for three seconds: GCM
// in place, then one sendmmsg for 16 frames with UDP_SEGMENT, or for 16 packets of sound.
func measureFloor(_ context.Context, to string) (costFloor, error) {
	addr, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		return costFloor{}, err
	}
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return costFloor{}, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetWriteBuffer(4 << 20)
	raw, err := conn.SyscallConn()
	if err != nil {
		return costFloor{}, err
	}
	block, _ := aes.NewCipher(make([]byte, 16))
	aead, _ := cipher.NewGCM(block)
	frames := newSendBatch(addr, framePackets*fullPacket, fullPacket, aead)
	sounds := newSendBatch(addr, soundPacket, 0, aead)
	begun, before := time.Now(), cpuTime()
	sent := 0
	for time.Since(begun) < 3*time.Second {
		for range 3 {
			n, err := frames.fire(raw)
			if err != nil {
				return costFloor{}, err
			}
			sent += n * framePackets
		}
		for range 5 {
			n, err := sounds.fire(raw)
			if err != nil {
				return costFloor{}, err
			}
			sent += n
		}
	}
	return costFloor{Packets: sent, CPU: cpuTime() - before}, nil
}

func cpuTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type mmsghdr struct {
	unix.Msghdr
	n uint32
	_ [4]byte
}

// sendBatch is the content of one sendmmsg: a message for each of 16 subscribers.
type sendBatch struct {
	aead  cipher.AEAD
	seq   uint64
	size  int
	one   int // size of a segment, 0: no GSO
	slab  []byte
	names []unix.RawSockaddrInet4
	vecs  []unix.Iovec
	ctl   []byte
	msgs  []mmsghdr
}

const volleySize = 16

func newSendBatch(to *net.UDPAddr, size, segment int, aead cipher.AEAD) *sendBatch {
	v := &sendBatch{
		aead: aead, size: size, one: segment, slab: make([]byte, volleySize*size), names: make([]unix.RawSockaddrInet4, volleySize),
		vecs: make([]unix.Iovec, volleySize), msgs: make([]mmsghdr, volleySize),
	}
	v.ctl = make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&v.ctl[0]))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(v.ctl[unix.CmsgLen(0):], uint16(segment))
	for i := range v.msgs {
		a := &v.names[i]
		a.Family = unix.AF_INET
		copy(a.Addr[:], to.IP.To4())
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&a.Port))[:], uint16(to.Port))
		v.vecs[i].Base = &v.slab[i*size]
		v.vecs[i].SetLen(size)
		m := &v.msgs[i]
		m.Name, m.Namelen = (*byte)(unsafe.Pointer(a)), unix.SizeofSockaddrInet4
		m.Iov, m.Iovlen = &v.vecs[i], 1
		if segment > 0 {
			m.Control = &v.ctl[0]
			m.SetControllen(len(v.ctl))
		}
	}
	return v
}

// fire seals and sends all packets.
func (v *sendBatch) fire(raw syscall.RawConn) (sent int, err error) {
	segment := v.one
	if segment == 0 {
		segment = v.size
	}
	var nonce [12]byte
	for i := 0; i < len(v.slab); i += segment {
		v.seq++
		binary.BigEndian.PutUint64(nonce[4:], v.seq)
		p := v.slab[i : i+segment]
		v.aead.Seal(p[12:12], nonce[:], p[12:segment-16], p[:12])
	}
	for sent < len(v.msgs) {
		var n uintptr
		var errno syscall.Errno
		err = raw.Write(func(fd uintptr) bool {
			n, _, errno = syscall.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&v.msgs[sent])), uintptr(len(v.msgs)-sent), 0, 0, 0)
			return errno != unix.EAGAIN
		})
		if err == nil && errno != 0 && errno != unix.ECONNREFUSED {
			err = os.NewSyscallError("sendmmsg", errno)
		}
		if err != nil {
			return sent, err
		}
		sent += int(max(n, 1))
	}
	return sent, nil
}
