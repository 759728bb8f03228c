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

// rebootWith restarts the machine and hands arg to its firmware: "0 tryboot" on a Pi.
func rebootWith(arg string) error {
	text, err := unix.BytePtrFromString(arg)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2,
		unix.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(text)), 0, 0)
	return errno
}

// unmount brings all that was written to the disks.
func unmount() {
	unix.Sync()
	for _, at := range []string{DataDir, BootDir} {
		if unix.Unmount(at, 0) != nil {
			// Somebody still has a file open. Read-only is as good for the disk.
			_ = unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}
	}
	unix.Sync()
}

// reaper buries processes whose parents died before them: they become children of the first
// process. Those that we started ourselves are waited for where they were started.
type reaper struct{}

// String is the service's name.
func (reaper) String() string { return "reaper" }

// Serve looks each ten seconds until ctx ends.
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
		dead := zombies()
		for pid := range dead {
			if seen[pid] { // twice: its starter does not wait for it
				var status unix.WaitStatus
				_, _ = unix.Wait4(pid, &status, unix.WNOHANG, nil) // gone is as well
			}
		}
		seen = dead
	}
}

// zombies are the dead children of this process that nobody waited for.
func zombies() map[int]bool {
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
		// pid (name) state ppid: a name may hold anything, brackets too (proc_pid_stat(5)).
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
		f := strings.Fields(rest)
		if len(f) > 1 && f[0] == "Z" && f[1] == me {
			found[pid] = true
		}
	}
	return found
}

// signals turns what the kernel asks of the first process into an orderly end.
type signals struct{ m *Machine }

// String is the service's name.
func (signals) String() string { return "signals" }

// Serve takes signals until ctx ends: Ctrl-Alt-Del restarts (reboot(2)), a power button
// that the kernel itself sees switches off.
func (s signals) Serve(ctx context.Context) error {
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPWR)
	defer signal.Stop(c)
	select {
	case <-ctx.Done():
	case got := <-c:
		if got == syscall.SIGINT {
			s.m.down <- end{}
		} else {
			s.m.down <- end{off: true}
		}
		<-ctx.Done()
	}
	return nil
}
