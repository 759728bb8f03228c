package supervise

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// SocketPair makes a connection to a program that is about to start: near is ours, far is passed on
// as one of its ExtraFiles and closed here once it runs.
func SocketPair() (near net.Conn, far *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	far = os.NewFile(uintptr(fds[1]), "pair")
	if near, err = fileConn(fds[0]); err != nil {
		return nil, nil, errors.Join(err, far.Close())
	}
	return near, far, nil
}

// InheritConn returns the connection that the program that started this one passed on.
func InheritConn(fd int) (net.Conn, error) { return fileConn(fd) }

func fileConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "pair")
	conn, err := net.FileConn(f)
	return conn, errors.Join(err, f.Close())
}
