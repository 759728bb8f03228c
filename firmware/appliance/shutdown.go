package appliance

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rebootWith restarts the machine and passes arg to its firmware, "0 tryboot" on a Pi.
func rebootWith(arg string) error {
	text, err := unix.BytePtrFromString(arg)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2,
		unix.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(text)), 0, 0)
	return errno
}

// unmountDisks flushes all writes and unmounts the disks.
func unmountDisks() {
	unix.Sync()
	for _, at := range []string{DataDir, BootDir} {
		if unix.Unmount(at, 0) != nil {
			// A file is still open. Mounting read-only protects the disk just as much.
			_ = unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}
	}
	unix.Sync()
}

// reaper waits for orphans: a process that outlives its parent becomes a child of the first
// process. Processes that we started ourselves are waited for by the code that started them.
type reaper struct{}

// String returns the name of the service.
func (reaper) String() string { return "reaper" }

// Serve looks for zombies every ten seconds until ctx ends.
func (reaper) Serve(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	seen := map[int]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		dead := findZombies()
		for pid := range dead {
			if seen[pid] { // seen twice: it has no other waiter
				var status unix.WaitStatus
				_, _ = unix.Wait4(pid, &status, unix.WNOHANG, nil) // an error means that it is gone already
			}
		}
		seen = dead
	}
}

// findZombies returns the dead children of this process that still need a wait.
func findZombies() map[int]bool {
	found := map[int]bool{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return found
	}
	me := strconv.Itoa(os.Getpid())
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// The format is "pid (name) state ppid". The name may contain brackets (proc_pid_stat(5)).
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
		f := strings.Fields(rest)
		if len(f) > 1 && f[0] == "Z" && f[1] == me {
			found[pid] = true
		}
	}
	return found
}

// signals turns signals to the first process into an orderly shutdown.
type signals struct{ m *Machine }

// String returns the name of the service.
func (signals) String() string { return "signals" }

// Serve handles signals until ctx ends. Ctrl-Alt-Del restarts the machine (reboot(2)). A power
// button that the kernel handles itself switches it off.
func (s signals) Serve(ctx context.Context) error {
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPWR)
	defer signal.Stop(c)
	select {
	case <-ctx.Done():
	case got := <-c:
		if got == syscall.SIGINT {
			s.m.shutdown <- shutdownRequest{}
		} else {
			s.m.shutdown <- shutdownRequest{powerOff: true}
		}
		<-ctx.Done()
	}
	return nil
}
