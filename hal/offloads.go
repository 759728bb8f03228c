package hal

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Answer is the result of a test for a feature: present, absent or unknown.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// String returns the answer as a word.
func (a Answer) String() string { return [...]string{"not known", "no", "yes"}[a] }

func toAnswer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Offloads are the tasks that a network interface does instead of the processor.
type Offloads struct {
	Interface string
	GSO       Answer // one send of all packets of a frame works (UDP_SEGMENT, udp(7)); the kernel or the interface cuts them
	Segments  Answer // the interface cuts them
	Checksum  Answer // the interface computes UDP checksums
}

// ReadOffloads asks the interface of that name, and tries to send two segments to its own address.
// No packet leaves the machine. It fails if there is no such interface.
func ReadOffloads(name string) (Offloads, error) {
	o := Offloads{Interface: name}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return o, fmt.Errorf("interface %s: %w", name, err)
	}
	if have, err := readFeatures(name); err == nil {
		o.Segments = anyFeature(have, "tx-udp-segmentation")
		o.Checksum = anyFeature(have, "tx-checksum-ipv4", "tx-checksum-ip-generic")
	}
	addrs, _ := i.Addrs() // without an address there is no send to try
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			o.GSO = tryGSO(p.Addr(), i.Index)
			break
		}
	}
	return o, nil
}

// anyFeature reports whether one of the names is on. It is Unknown if the kernel has none of them.
func anyFeature(have map[string]bool, names ...string) Answer {
	a := Unknown
	for _, n := range names {
		if on, known := have[n]; known {
			a = max(a, toAnswer(on))
		}
	}
	return a
}

// tryGSO sends two segments from addr to itself and checks that two datagrams arrive. Then it sends
// through the interface.
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
		return gsoAnswer(err)
	}
	buf := make([]byte, 2*size)
	for range 2 {
		if n, _, err := unix.Recvfrom(to, buf, 0); err != nil || n != size {
			return No
		}
	}
	return tryGSOThrough(from, index, make([]byte, 2*size))
}

// tryGSOThrough sends to all hosts through the interface with a TTL of 0. The kernel drops such
// packets after it has checked the abilities of the interface: kernels before 6.11 refuse segments
// (EIO) where the interface computes no checksums. The kernel drops them only for groups that the
// interface has joined. The interface has joined this group without any message to the network.
func tryGSOThrough(from, index int, data []byte) Answer {
	err := errors.Join(
		unix.SetsockoptIPMreqn(from, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)}),
		unix.SetsockoptInt(from, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 0),
		unix.SetsockoptInt(from, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0))
	if err != nil {
		return Yes // only the first test is possible
	}
	const discard = 9              // RFC 863
	group := [4]byte{224, 0, 0, 1} // RFC 1112 section 4
	err = unix.Sendto(from, data, 0, &unix.SockaddrInet4{Port: discard, Addr: group})
	if errors.Is(err, unix.EIO) {
		return No
	}
	return Yes
}

// gsoAnswer turns the error of a send into an answer. Some errors come from the network and say
// nothing of GSO.
func gsoAnswer(err error) Answer {
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return No
	}
	return Unknown
}

// udpSocket returns a UDP socket with a free port at addr. A read waits at most half a second.
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
