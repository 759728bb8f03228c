package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlBytes calls ioctl(2) with a buffer.
func ioctlBytes(fd int, request uintptr, b []byte) error {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&b[0])))
	if e != 0 {
		return e
	}
	return nil
}
