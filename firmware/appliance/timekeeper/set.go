package timekeeper

import (
	"time"

	"golang.org/x/sys/unix"
)

// setClock sets the kernel's clock.
func setClock(at time.Time) error {
	tv := unix.NsecToTimeval(at.UnixNano())
	return unix.Settimeofday(&tv)
}
