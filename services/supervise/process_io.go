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

// tail keeps the end of what is written.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write keeps the last 8 KiB.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b[max(0, len(b)-tailSize):]...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.buf...)
}

// tee writes to w and keeps the end.
type tee struct {
	w    io.Writer
	tail *tail
}

// Write goes to both.
func (t *tee) Write(b []byte) (int, error) {
	_, _ = t.tail.Write(b)
	return t.w.Write(b)
}

// cgroup is a group of our own in cgroup v2. A nil one does nothing.
type cgroup struct {
	dir string
	fd  *os.File
}

// enterGroup makes a group for the program, if the system lets us.
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
		g.remove()
		return
	}
	if p.opts.MemoryMax > 0 { // absent without the memory controller; then RLIMIT_DATA holds alone
		_ = g.set("memory.max", strconv.FormatInt(p.opts.MemoryMax, 10))
		_ = g.set("memory.oom.group", "1")
	}
	p.group = g
	p.cmd.SysProcAttr.UseCgroupFD = true
	p.cmd.SysProcAttr.CgroupFD = int(g.fd.Fd())
}

func (g *cgroup) set(file, value string) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0)
}

// kill ends all that is in the group.
func (g *cgroup) kill() {
	if g != nil {
		_ = g.set("cgroup.kill", "1")
	}
}

func (g *cgroup) remove() {
	if g == nil {
		return
	}
	if g.fd != nil {
		_ = g.fd.Close()
	}
	for range 300 { // what was killed leaves the group a little later, on a busy machine after a second
		if err := os.Remove(g.dir); !errors.Is(err, syscall.EBUSY) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
