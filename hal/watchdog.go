package hal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FindWatchdog is how to open the first hardware watchdog of the machine whose root folder is
// root; nil: it has none.
func FindWatchdog(root fs.FS) func() (Watchdog, error) {
	list, err := fs.ReadDir(root, "sys/class/watchdog")
	if err != nil || len(list) == 0 {
		return nil
	}
	name := Path(root, "dev/"+list[0].Name())
	return func() (Watchdog, error) { return OpenWatchdog(name) }
}

// watchdog is a device of the kernel's watchdog drivers (watchdog-api.rst of its
// documentation).
type watchdog struct {
	f       *os.File
	timeout time.Duration
	stops   bool // the driver knows magic close
}

// wantTimeout is how long a watchdog should wait. Some wait less: a Pi's at most 15 s.
const wantTimeout = 15

// OpenWatchdog opens a watchdog. From now on it must be fed.
func OpenWatchdog(name string) (Watchdog, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &watchdog{f: f, timeout: wantTimeout * time.Second, stops: true}
	if info, err := unix.IoctlGetWatchdogInfo(int(f.Fd())); err == nil {
		w.stops = info.Options&unix.WDIOF_MAGICCLOSE != 0
	}
	seconds := int32(wantTimeout)
	if err := w.ioctl(unix.WDIOC_SETTIMEOUT, &seconds); err == nil {
		w.timeout = time.Duration(seconds) * time.Second
		return w, nil
	}
	if err := w.ioctl(unix.WDIOC_GETTIMEOUT, &seconds); err == nil && seconds > 0 {
		w.timeout = time.Duration(seconds) * time.Second
	}
	return w, nil
}

func (w *watchdog) ioctl(request uintptr, value *int32) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, w.f.Fd(), request, uintptr(unsafe.Pointer(value)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Timeout implements Watchdog.
func (w *watchdog) Timeout() time.Duration { return w.timeout }

// Feed implements Watchdog.
func (w *watchdog) Feed() error {
	_, err := w.f.Write([]byte{0})
	return err
}

// Disarm implements Watchdog: a V before the end means it (magic close). Its error is
// errors.ErrUnsupported if the driver has no such thing: it is closed then, and bites.
func (w *watchdog) Disarm() error {
	_, err := w.f.WriteString("V")
	err = errors.Join(err, w.f.Close())
	if err == nil && !w.stops {
		err = fmt.Errorf("%s: %w", w.f.Name(), errors.ErrUnsupported)
	}
	return err
}
