package v4l2

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel holds the system calls of a device. Tests replace it by a double that follows the rules of
// the kernel.
type kernel interface {
	ioctl(r request, arg unsafe.Pointer) error
	mmap(offset int64, length int) ([]byte, error)
	munmap([]byte) error
	// wait returns when a packet or a free buffer is ready, or after the timeout with both false.
	wait(d time.Duration) (readable, writable bool, err error)
	close() error
}

type deviceFile struct{ fd int }

func openFile(path string) (deviceFile, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return deviceFile{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return deviceFile{fd}, nil
}

func (f deviceFile) ioctl(r request, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(f.fd), uintptr(r), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue // the runtime preempts by signals
		}
		return errno
	}
}

func (f deviceFile) mmap(offset int64, length int) ([]byte, error) {
	return unix.Mmap(f.fd, offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func (f deviceFile) munmap(b []byte) error { return unix.Munmap(b) }

func (f deviceFile) wait(d time.Duration) (readable, writable bool, err error) {
	fds := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN | unix.POLLOUT}}
	until := time.Now().Add(d)
	for {
		_, err := unix.Poll(fds, int(max(0, time.Until(until)).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		got := fds[0].Revents
		if err == nil && got&(unix.POLLIN|unix.POLLOUT) == 0 && got != 0 {
			err = unix.EIO // POLLERR: the device failed, or has nothing to do
		}
		return got&unix.POLLIN != 0, got&unix.POLLOUT != 0, err
	}
}

func (f deviceFile) close() error { return unix.Close(f.fd) }
