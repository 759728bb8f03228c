package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/supervise"
)

// settleTime is how long a process goes on to start after it is ready.
const settleTime = 5 * time.Second

// calmInterval is how long a thread keeps the timer slack that it has from the monitor.
const calmInterval = time.Minute

// tendRuntime looks after memory and threads of a process that runs, until ctx ends.
func tendRuntime(ctx context.Context, log *slog.Logger) {
	releaseStart(ctx, log)
	for err := supervise.CalmMonitor(); ctx.Err() == nil && err == nil; err = supervise.CalmMonitor() {
		supervise.Sleep(ctx, calmInterval)
	}
}

// releaseStart returns the memory to the kernel that only the start of a process needed. It waits until the start is
// over.
func releaseStart(ctx context.Context, log *slog.Logger) {
	supervise.Sleep(ctx, settleTime)
	if ctx.Err() != nil {
		return
	}
	debug.FreeOSMemory()
	if err := unmapProgram(); err != nil {
		log.Debug("the pages of the program stay mapped", "err", err)
	}
}

// unmapProgram takes the pages of the program's file out of the memory of the process. The start touches most of them,
// and the kernel maps 16 at a time. The process gets those that it runs again from the page cache, from
// which the kernel may now drop the others.
func unmapProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer func() { _ = maps.Close() }()
	list, err := readMappings(maps, program)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.anonymous {
			continue // pages of its own would be lost: a relocation, a debugger's breakpoint
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			return os.NewSyscallError("madvise", errno)
		}
	}
	return nil
}

// mapping is a part of a file in the memory of the process.
type mapping struct {
	start, end uintptr
	resident   int  // KiB
	anonymous  bool // some of it is not as in the file
}

// readMappings reads those parts of a file from smaps (proc_pid_smaps(5)) that nothing may write.
func readMappings(smaps io.Reader, file string) (list []mapping, err error) {
	lines := bufio.NewScanner(smaps)
	wanted := false
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		value = strings.TrimSpace(value)
		if !strings.HasSuffix(key, ":") { // 00400000-020d0000 r-xp 00000000 fe:00 123   /usr/bin/livelearn
			var m mapping
			if _, err := fmt.Sscanf(key, "%x-%x", &m.start, &m.end); err != nil {
				return nil, fmt.Errorf("smaps: %q: %w", lines.Text(), err)
			}
			if wanted = strings.HasPrefix(value, "r") && value[1] == '-' && value[3] == 'p' && strings.HasSuffix(value, " "+file); wanted {
				list = append(list, m)
			}
			continue
		}
		if !wanted {
			continue
		}
		m := &list[len(list)-1]
		switch key {
		case "Rss:":
			_, err = fmt.Sscan(value, &m.resident)
		case "Anonymous:":
			m.anonymous = value != "0 kB"
		}
		if err != nil {
			return nil, fmt.Errorf("smaps: %q: %w", lines.Text(), err)
		}
	}
	return list, lines.Err()
}
