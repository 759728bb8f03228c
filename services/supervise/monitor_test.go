package supervise

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/timetest"
)

func TestTheMonitorOfTheRuntimeIsFoundAndSleepsLonger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root sets the timer slack of another thread: run it as root")
	}
	if err := CalmMonitor(); err != nil {
		t.Fatal(err)
	}
	tid, err := findMonitor()
	if err != nil {
		t.Fatal(err)
	}
	slack := fmt.Sprintf("/proc/%d/timerslack_ns", tid)
	defer func() { _ = os.WriteFile(slack, []byte("0"), 0) }() // the default
	if got, err := os.ReadFile(slack); err != nil || strings.TrimSpace(string(got)) != monitorSlack {
		t.Errorf("slack %q %v, want %s", got, err, monitorSlack)
	}
	// Of all threads of Go's runtime the monitor alone takes naps while there is work.
	nap := strconv.Itoa(unix.SYS_NANOSLEEP) + " "
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); {
		now, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		if err != nil {
			t.Skip("this kernel does not show what a thread waits for:", err)
		}
		if strings.HasPrefix(string(now), nap) {
			return
		}
	}
	t.Errorf("thread %d of process %d never takes a nap: it is not the monitor", tid, os.Getpid())
}

func TestAThreadDoesNotKeepTheSlackThatItInheritsFromTheMonitor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root sets the timer slack of another thread: run it as root")
	}
	heir := fmt.Sprintf("/proc/%d/timerslack_ns", os.Getpid())
	if err := os.WriteFile(heir, []byte(monitorSlack), 0); err != nil {
		t.Fatal(err)
	}
	if err := CalmMonitor(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(heir); err != nil || strings.TrimSpace(string(got)) != threadSlack {
		t.Errorf("slack %q %v, want %s", got, err, threadSlack)
	}
}
