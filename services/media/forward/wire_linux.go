package forward

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const batchMethod = "sendmmsg"

// destination is a subscriber's address in the form of the kernel.
type destination struct {
	name [unix.SizeofSockaddrInet6]byte
	size uint32
}

func (d *destination) setAddr(a netip.AddrPort, six bool) {
	clear(d.name[:])
	ip := a.Addr().Unmap()
	if six {
		ip = a.Addr()
		binary.NativeEndian.PutUint16(d.name[:], unix.AF_INET6)
		b := ip.As16()
		copy(d.name[8:], b[:])
		if zone := ip.Zone(); zone != "" {
			if i, err := net.InterfaceByName(zone); err == nil {
				binary.NativeEndian.PutUint32(d.name[24:], uint32(i.Index))
			}
		}
		d.size = unix.SizeofSockaddrInet6
	} else {
		binary.NativeEndian.PutUint16(d.name[:], unix.AF_INET)
		b := ip.As4()
		copy(d.name[4:], b[:])
		d.size = unix.SizeofSockaddrInet4
	}
	binary.BigEndian.PutUint16(d.name[2:], a.Port())
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	sent uint32
	_    [4]byte
}

const maxMessages = 64 // messages of one sendmmsg

// wire holds the messages of the next system calls.
type wire struct {
	raw   syscall.RawConn
	msgs  [maxMessages]mmsghdr
	vecs  [slabSize]unix.Iovec
	ctl   [maxMessages][32]byte // a control message with the size of a segment
	n, v  int                   // in use
	call  func(fd uintptr) bool
	at    int // first message of the call
	took  int
	errno syscall.Errno
}

func (w *wire) attachConn(forwarder *Forwarder) {
	if forwarder.conn == nil {
		return
	}
	w.raw, _ = forwarder.conn.SyscallConn() // fails only for a nil connection
	w.call = func(fd uintptr) bool {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.msgs[w.at])), uintptr(w.n-w.at), unix.MSG_DONTWAIT, 0, 0)
		w.took, w.errno = int(n), errno
		return errno != unix.EAGAIN
	}
}

// addMessage makes a message of sealed packets of the slab.
func (b *batch) addMessage(d *destination, queue []int) {
	w := &b.wire
	if w.n == maxMessages || w.v+len(queue) > len(w.vecs) {
		w.sendMessages(b)
	}
	m := &w.msgs[w.n]
	m.Name, m.Namelen = &d.name[0], d.size
	m.Iov = &w.vecs[w.v]
	m.SetIovlen(len(queue))
	m.Control = nil
	m.SetControllen(0)
	for _, i := range queue {
		k := &b.slab[i]
		w.vecs[w.v].Base = &k.data[0]
		w.vecs[w.v].SetLen(k.size)
		w.v++
		b.bytes += uint64(k.size)
	}
	if len(queue) > 1 {
		c := &w.ctl[w.n]
		h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
		h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		h.SetLen(unix.CmsgLen(2))
		binary.NativeEndian.PutUint16(c[unix.CmsgLen(0):], uint16(b.slab[queue[0]].size))
		m.Control = &c[0]
		m.SetControllen(unix.CmsgSpace(2))
	}
	w.n++
}

// sendMessages passes all messages to the kernel.
func (w *wire) sendMessages(b *batch) {
	for w.at = 0; w.at < w.n; {
		err := w.raw.Write(w.call)
		b.calls++
		switch {
		case err != nil: // the socket is closed
			w.errno, w.took = unix.EBADF, 0
			b.failed += uint64(w.n - w.at)
			w.at = w.n
		case w.errno == 0:
			for _, m := range w.msgs[w.at : w.at+w.took] {
				b.packets += uint64(m.Iovlen)
			}
			w.at += w.took
		default:
			w.handleRefused(b)
		}
	}
	clear(w.msgs[:w.n]) // no pointers to subscribers that leave
	w.n, w.v = 0, 0
}

// handleRefused handles a message that the kernel refused. A device that cannot cut segments
// returns EIO, an old kernel EINVAL. Then, and from now on, packets are sent one by one.
func (w *wire) handleRefused(b *batch) {
	m := &w.msgs[w.at]
	if m.Control == nil || w.errno != unix.EIO && w.errno != unix.EINVAL {
		b.failed += uint64(m.Iovlen)
		w.at++
		return
	}
	b.forwarder.gso.Store(false)
	one, end := *m, w.n
	vecs := unsafe.Slice(m.Iov, m.Iovlen)
	for i := range vecs {
		*m = one
		m.Iov, m.Control = &vecs[i], nil
		m.SetIovlen(1)
		m.SetControllen(0)
		w.n = w.at + 1
		if err := w.raw.Write(w.call); err == nil && w.errno == 0 {
			b.packets++
		} else {
			b.failed++
		}
		b.calls++
	}
	w.n = end
	w.at++
}

// probeGSO reports whether the kernel cuts a datagram into segments. It sends two to a socket
// of its own.
func probeGSO() bool {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	err2 := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 100)
	})
	if errors.Join(err, err2) != nil {
		return false
	}
	if _, err := c.WriteTo(make([]byte, 150), c.LocalAddr()); err != nil {
		return false
	}
	buf := make([]byte, 200)
	n, err := c.Read(buf)
	return err == nil && n == 100
}
