package install

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

var errReadOnly error = syscall.EROFS

// System returns this machine.
func System(show func(string), dryRun bool) Host {
	return Host{Root: "/", UID: os.Geteuid(), Run: runProgram, Holder: func(port int) string { return PortHolder("/", port) }, Show: show, DryRun: dryRun}
}

// runProgram runs a program of the system.
func runProgram(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// hasUser reports whether the user of the service exists.
func (h Host) hasUser() bool {
	f, err := os.Open(h.path("etc/passwd"))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), User+":") {
			return true
		}
	}
	return false
}

// PortHolder returns the program that listens on a TCP port of the machine whose root folder is root,
// such as "nginx (process 812)". It is empty for a free port, and "another program" if the process
// cannot be seen.
func PortHolder(root string, port int) string {
	sockets := listeningSockets(root, port)
	if len(sockets) == 0 {
		return ""
	}
	links, _ := filepath.Glob(filepath.Join(root, "proc/[0-9]*/fd/*")) // the pattern is correct
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !sockets[to] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (process %s)", bytes.TrimSpace(name), filepath.Base(process))
	}
	return "another program"
}

// listeningSockets returns the sockets that listen on a port, as a process names them in fd.
func listeningSockets(root string, port int) map[string]bool {
	const (
		listening  = "0A" // TCP_LISTEN in include/net/tcp_states.h
		fieldLocal = 1
		fieldState = 3
		fieldInode = 9
	)
	found := map[string]bool{}
	for _, table := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		text, err := os.ReadFile(filepath.Join(root, table))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > fieldInode && f[fieldState] == listening && strings.HasSuffix(f[fieldLocal], fmt.Sprintf(":%04X", port)) {
				found["socket:["+f[fieldInode]+"]"] = true
			}
		}
	}
	return found
}
