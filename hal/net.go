package hal

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Answer is what is known of a thing that may be there.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// String is the answer in a word.
func (a Answer) String() string { return [...]string{"not known", "no", "yes"}[a] }

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Offloads is what a network interface takes off the processor.
type Offloads struct {
	Interface string
	GSO       Answer // one send for the packets of a frame works (UDP_SEGMENT, udp(7)), whoever cuts them
	Segments  Answer // the interface cuts them
	Checksum  Answer // the interface computes the checksums of UDP
}

// ReadOffloads asks an interface, by its name, and tries a send of two segments on its own
// address. Nothing leaves the machine. An error: there is no such interface.
func ReadOffloads(name string) (Offloads, error) {
	o := Offloads{Interface: name}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return o, fmt.Errorf("interface %s: %w", name, err)
	}
	if have, err := features(name); err == nil {
		o.Segments = asked(have, "tx-udp-segmentation")
		o.Checksum = asked(have, "tx-checksum-ipv4", "tx-checksum-ip-generic")
	}
	addrs, _ := i.Addrs() // without one there is nothing to try
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			o.GSO = tryGSO(p.Addr(), i.Index)
			break
		}
	}
	return o, nil
}

// asked tells that one of the names is on; Unknown if the kernel has none of them.
func asked(have map[string]bool, names ...string) Answer {
	a := Unknown
	for _, n := range names {
		if on, known := have[n]; known {
			a = max(a, answer(on))
		}
	}
	return a
}

// tryGSO sends two segments from addr to itself and looks that two datagrams come, then
// through the interface itself.
func tryGSO(addr netip.Addr, index int) Answer {
	from, err := udpSocket(addr)
	if err != nil {
		return Unknown
	}
	defer func() { _ = unix.Close(from) }()
	to, err := udpSocket(addr)
	if err != nil {
		return Unknown
	}
	defer func() { _ = unix.Close(to) }()
	const size = 100
	if err := unix.SetsockoptInt(from, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size); err != nil {
		return No // a kernel before 4.18
	}
	name, err := unix.Getsockname(to)
	if err != nil {
		return Unknown
	}
	if err := unix.Sendto(from, make([]byte, 2*size), 0, name); err != nil {
		return refused(err)
	}
	buf := make([]byte, 2*size)
	for range 2 {
		if n, _, err := unix.Recvfrom(to, buf, 0); err != nil || n != size {
			return No
		}
	}
	return tryThrough(from, index, make([]byte, 2*size))
}

// tryThrough sends through the interface to all hosts with a TTL of nothing, which the kernel
// drops after it has looked at what the interface can do: kernels before 6.11 refuse
// segments (EIO) where the interface computes no checksums. It drops such packets only for
// groups that the interface is in, and it is in this one without telling the network.
func tryThrough(from, index int, data []byte) Answer {
	err := errors.Join(
		unix.SetsockoptIPMreqn(from, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)}),
		unix.SetsockoptInt(from, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 0),
		unix.SetsockoptInt(from, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0))
	if err != nil {
		return Yes // the first try was as far as we get
	}
	const discard = 9              // RFC 863
	group := [4]byte{224, 0, 0, 1} // RFC 1112 section 4
	err = unix.Sendto(from, data, 0, &unix.SockaddrInet4{Port: discard, Addr: group})
	if errors.Is(err, unix.EIO) {
		return No
	}
	return Yes
}

// refused is the answer of a failed send: some errors are of the network and not of GSO.
func refused(err error) Answer {
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return No
	}
	return Unknown
}

// udpSocket is bound to a port of its own at addr. It waits at most half a second for a
// datagram.
func udpSocket(addr netip.Addr) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	wait := unix.Timeval{Usec: 500_000}
	if err = errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: addr.As4()}), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
