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

// FindWatchdog returns the function that opens the first hardware watchdog of the machine whose
// root folder is root, nil if there is none.
func FindWatchdog(root fs.FS) func() (Watchdog, error) {
	list, err := fs.ReadDir(root, "sys/class/watchdog")
	if err != nil || len(list) == 0 {
		return nil
	}
	name := DevicePath(root, "dev/"+list[0].Name())
	return func() (Watchdog, error) { return openWatchdog(name) }
}

// watchdog is a device of the kernel's watchdog drivers (watchdog-api.rst in the kernel's
// documentation).
type watchdog struct {
	f          *os.File
	timeout    time.Duration
	magicClose bool // the driver supports magic close
}

// wantSeconds is the timeout that the box asks for. Some devices allow less: a Pi at most 15 s.
const wantSeconds = 15

// openWatchdog opens a watchdog, which must be fed from then on.
func openWatchdog(name string) (Watchdog, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &watchdog{f: f, timeout: wantSeconds * time.Second, magicClose: true}
	if info, err := unix.IoctlGetWatchdogInfo(int(f.Fd())); err == nil {
		w.magicClose = info.Options&unix.WDIOF_MAGICCLOSE != 0
	}
	seconds := int32(wantSeconds)
	if err := w.ioctlInt(unix.WDIOC_SETTIMEOUT, &seconds); err == nil {
		w.timeout = time.Duration(seconds) * time.Second
		return w, nil
	}
	if err := w.ioctlInt(unix.WDIOC_GETTIMEOUT, &seconds); err == nil && seconds > 0 {
		w.timeout = time.Duration(seconds) * time.Second
	}
	return w, nil
}

func (w *watchdog) ioctlInt(request uintptr, value *int32) error {
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

// Disarm implements Watchdog. It writes a V before the close (magic close). If the driver lacks
// magic close, the error is errors.ErrUnsupported. The device is closed then and resets the
// machine.
func (w *watchdog) Disarm() error {
	_, err := w.f.WriteString("V")
	err = errors.Join(err, w.f.Close())
	if err == nil && !w.magicClose {
		err = fmt.Errorf("%s: %w", w.f.Name(), errors.ErrUnsupported)
	}
	return err
}
