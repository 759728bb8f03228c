package hal_test

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// listenInterface receives all packets that enter or leave through an interface.
func listenInterface(t *testing.T, index int) int {
	t.Helper()
	const all = 0x0300 // ETH_P_ALL in the network's order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
	if errors.Is(err, unix.EPERM) {
		t.Skip("hearing the network takes CAP_NET_RAW: run as root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// countSegments counts the segments of the probe that wait in a listener: Ethernet, IPv4, UDP, and
// 100 zero bytes.
func countSegments(t *testing.T, fd int) (n int) {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		size, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if size == 14+20+8+100 && bytes.HasSuffix(buf[:size], make([]byte, 100)) {
			n++
		}
	}
}

func TestProbeOfOffloadsLeavesNothingOnTheNetwork(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil || len(addrs) == 0 || i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		fd := listenInterface(t, i.Index)
		if _, err := hal.ReadOffloads(i.Name); err != nil {
			t.Fatal(err)
		}
		if n := countSegments(t, fd); n > 0 {
			t.Errorf("%s: %d packets of the probe were sent", i.Name, n)
		}
	}
}
