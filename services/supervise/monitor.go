package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// monitorSlack is how late the monitor of Go's runtime may wake up. It hands the processor of a blocked
// system call on so much later. The other threads have the kernel's default.
const (
	monitorSlack = "500000" // ns
	threadSlack  = "50000"
)

// CalmMonitor saves a tenth of the processor time of a process that wakes up a thousand times a second. After each
// rest the monitor thread of Go's runtime (sysmon) sleeps fifty times for 20 us, so it hardly sleeps
// at all then. A timer slack of 500 us makes these naps longer. Only root may set it for another thread.
//
// A thread, and a process, inherits the slack of the thread that starts it, and the monitor starts some. Their short
// sleeps in the scheduler would be late too, so CalmMonitor takes it from them. It is called again from time to time.
func CalmMonitor() error {
	monitor, err := findMonitor()
	if err != nil {
		return err
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		file, want := fmt.Sprintf("/proc/%s/timerslack_ns", thread.Name()), threadSlack
		if thread.Name() == strconv.Itoa(monitor) {
			want = monitorSlack
		}
		got, err := os.ReadFile(file)
		if now := strings.TrimSpace(string(got)); err == nil && now != want && (want == monitorSlack || now == monitorSlack) {
			err = os.WriteFile(file, []byte(want), 0)
		}
		ended := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
		if err != nil && !ended {
			return err
		}
	}
	return nil
}

// findMonitor returns the id of the monitor's thread. The runtime starts it as its first one, before any package's
// init, and ids rise until they start again from below.
func findMonitor() (int, error) {
	const maxID = 1 << 22
	list, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, err
	}
	self, first := os.Getpid(), 0
	after := func(tid int) int { return (tid - self + maxID) % maxID }
	for _, entry := range list {
		tid, err := strconv.Atoi(entry.Name())
		if err == nil && tid != self && (first == 0 || after(tid) < after(first)) {
			first = tid
		}
	}
	if first == 0 {
		return 0, fmt.Errorf("process %d has one thread", self)
	}
	return first, nil
}
