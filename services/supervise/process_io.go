package supervise

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func readyFD() (uintptr, bool) {
	fd, err := strconv.Atoi(os.Getenv(readyEnv))
	return uintptr(fd), err == nil && fd > 2
}

// outputTail keeps the end of the output.
type outputTail struct {
	mu  sync.Mutex
	buf []byte
}

// Write keeps the last 8 KiB.
func (t *outputTail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b[max(0, len(b)-tailSize):]...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *outputTail) copyTail() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.buf...)
}

// tee writes to w and keeps the end.
type tee struct {
	w    io.Writer
	tail *outputTail
}

// Write goes to both.
func (t *tee) Write(b []byte) (int, error) {
	_, _ = t.tail.Write(b)
	return t.w.Write(b)
}

// cgroup is a group of the program in cgroup v2. A nil one does nothing.
type cgroup struct {
	dir string
	fd  *os.File
}

// enterGroup makes a group for the program, if the system allows it.
func (p *process) enterGroup() {
	if p.opts.Cgroup == "" {
		return
	}
	dir, err := os.MkdirTemp(p.opts.Cgroup, "ll-"+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return
	}
	g := &cgroup{dir: dir}
	if g.fd, err = os.Open(dir); err != nil {
		g.removeDir()
		return
	}
	if p.opts.MemoryMax > 0 { // absent without the memory controller, then RLIMIT_DATA holds alone
		_ = g.writeFile("memory.max", strconv.FormatInt(p.opts.MemoryMax, 10))
		_ = g.writeFile("memory.oom.group", "1")
	}
	p.group = g
	p.cmd.SysProcAttr.UseCgroupFD = true
	p.cmd.SysProcAttr.CgroupFD = int(g.fd.Fd())
}

func (g *cgroup) writeFile(file, value string) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0)
}

// killAll kills all processes in the group.
func (g *cgroup) killAll() {
	if g != nil {
		_ = g.writeFile("cgroup.kill", "1")
	}
}

func (g *cgroup) removeDir() {
	if g == nil {
		return
	}
	if g.fd != nil {
		_ = g.fd.Close()
	}
	for range 300 { // killed processes leave the group a little later, on a busy machine after a second
		if err := os.Remove(g.dir); !errors.Is(err, syscall.EBUSY) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
