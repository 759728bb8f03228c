package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// EAP over LAN (IEEE 802.1X-2020, 11) and EAP (RFC 3748, 4).
const (
	eapolPacket    = 0 // the frame carries EAP
	eapolStart     = 1 // "I am here, ask me"
	eapRequest     = 1
	eapolReadLimit = 200 * time.Millisecond // between two looks at the context
)

// paeGroup is the address of all ports that take part in 802.1X. Switches do not forward it.
var paeGroup = net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 0x03}

// AsksForSignIn reports whether the other end of a cable asks for a sign-in by 802.1X before it
// carries anything. It asks to be asked, and waits for the question until ctx ends. It needs the
// right to send raw frames.
func AsksForSignIn(ctx context.Context, port string) (bool, error) {
	i, err := net.InterfaceByName(port)
	if err != nil {
		return false, err
	}
	fd, err := openPAE(i.Index)
	if err != nil {
		return false, fmt.Errorf("%s: %w", port, err)
	}
	defer func() { _ = unix.Close(fd) }()
	to := &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_PAE), Ifindex: i.Index, Halen: 6}
	copy(to.Addr[:], paeGroup)
	if err := unix.Sendto(fd, []byte{2, eapolStart, 0, 0}, 0, to); err != nil {
		return false, fmt.Errorf("%s: %w", port, err)
	}
	b := make([]byte, 1500)
	for ctx.Err() == nil {
		n, _, err := unix.Recvfrom(fd, b, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return false, fmt.Errorf("%s: %w", port, err)
		case isEAPRequest(b[:n]):
			return true, nil
		}
	}
	return false, nil
}

// openPAE opens a socket for the frames of 802.1X on an interface.
func openPAE(index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(networkOrder(unix.ETH_P_PAE)))
	if err != nil {
		return 0, err
	}
	member := &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
	copy(member.Address[:], paeGroup)
	wait := unix.NsecToTimeval(eapolReadLimit.Nanoseconds())
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_PAE), Ifindex: index}),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, member),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
	)
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// isEAPRequest reports whether the payload of a frame is a question of EAP: version, type, length,
// and in it code, identifier, length and the type of the question.
func isEAPRequest(b []byte) bool {
	if len(b) < 9 || b[1] != eapolPacket {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	return n >= 5 && len(b) >= 4+n && b[4] == eapRequest
}

// networkOrder returns a number whose bytes in memory have the order of the network.
func networkOrder(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}
