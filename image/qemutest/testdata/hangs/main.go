// Program hangs is a version of the appliance that opens the watchdog, as every version does first,
// and then hangs.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	_ = syscall.Mount("dev", "/dev", "devtmpfs", 0, "") // the kernel may have mounted it
	dog, err := os.OpenFile("/dev/watchdog", os.O_WRONLY, 0)
	fmt.Println("hangs: this version hangs from here on; the watchdog:", err)
	if err == nil {
		_ = unix.IoctlSetPointerInt(int(dog.Fd()), unix.WDIOC_SETTIMEOUT, 3) // seconds; the default is longer
		_, _ = dog.Write([]byte{0})
	}
	for {
		time.Sleep(time.Hour)
	}
}
