package supervise

import (
	"fmt"
	"os"
	"strconv"
)

// monitorSlack is how late the monitor of Go's runtime may wake up. It hands the processor of a blocked
// system call on so much later.
const monitorSlack = "500000" // ns

// CalmMonitor saves a tenth of the processor time of a process that wakes up a thousand times a second. After each
// rest the monitor thread of Go's runtime (sysmon) sleeps fifty times for 20 us, so it hardly sleeps
// at all then. A timer slack of 500 us makes these naps longer. Only root may set it for another thread.
func CalmMonitor() error {
	tid, err := findMonitor()
	if err != nil {
		return err
	}
	return os.WriteFile(fmt.Sprintf("/proc/%d/timerslack_ns", tid), []byte(monitorSlack), 0)
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
