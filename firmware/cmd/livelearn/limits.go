package main

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/supervise"
)

// wantFiles is the wanted limit of open files. Each socket is an open file.
const wantFiles = 65536

// raiseLimits raises the limit of open files as far as allowed, and sets a soft memory limit below
// the hard limit of the control group.
func raiseLimits(log *slog.Logger) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur < wantFiles {
		if try := (syscall.Rlimit{Cur: wantFiles, Max: max(files.Max, wantFiles)}); syscall.Setrlimit(syscall.RLIMIT_NOFILE, &try) != nil {
			files.Cur = files.Max // only root may raise the hard limit
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
				log.Warn("the limit of open files was not raised", "err", err)
			}
		}
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		if limit := memoryLimit("/"); limit > 0 {
			// One tenth is left for memory outside of the Go heap: kernel stacks and bbolt's pages.
			debug.SetMemoryLimit(limit / 10 * 9)
			log.Info("memory limit", "bytes", limit/10*9)
		}
	}
}

// calmRuntime makes the runtime of a process that wakes up for each message or packet cheaper, where the
// process may.
func calmRuntime(log *slog.Logger) {
	if err := supervise.CalmMonitor(); err != nil {
		log.Debug("the monitor of the runtime keeps its short naps", "err", err)
	}
}

// memoryLimit returns the limit of this process's control group (version 2 or 1), or 0.
func memoryLimit(root string) int64 {
	least := int64(0)
	self, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(self)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		file := filepath.Join(root, "sys/fs/cgroup", parts[2], "memory.max")
		if parts[1] == "memory" {
			file = filepath.Join(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes")
		} else if parts[1] != "" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && n > 0 && n < math.MaxInt64/2 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
