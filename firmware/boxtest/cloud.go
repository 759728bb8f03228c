package boxtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/timetest"
)

// Cloud is a running node of the cloud, the real program in a process of its own.
type Cloud struct {
	T    testing.TB
	Dir  string // its data folder
	DB   string // URL of its database
	Addr string // "https://127.0.0.1:port"

	cmd    *exec.Cmd
	exited chan struct{}
}

// StartCloud runs a node before a database. It is killed at the end of the test.
func StartCloud(t testing.TB, dir, db string) *Cloud {
	t.Helper()
	return startCloud(t, dir, db, "127.0.0.1:0")
}

func startCloud(t testing.TB, dir, db, listen string) *Cloud {
	t.Helper()
	bin, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	c := &Cloud{T: t, Dir: dir, DB: db, exited: make(chan struct{})}
	ready := filepath.Join(dir, "ready.json")
	_ = os.Remove(ready) // of the run before, if there was one
	c.cmd = exec.Command(bin, "cloud", "serve", "--db", db, "--data", dir, "--listen", listen, "--ready-file", ready)
	log, err := os.OpenFile(filepath.Join(dir, "cloud.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := c.exited
	go func() { _ = c.cmd.Wait(); close(exited) }()
	t.Cleanup(c.Kill)
	for began := time.Now(); time.Since(began) < timetest.Patience; {
		data, err := os.ReadFile(ready)
		if err == nil {
			var r struct{ HTTPS string }
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatalf("ready file: %q: %v", data, err)
			}
			c.Addr = r.HTTPS
			return c
		}
		select {
		case <-c.exited:
			t.Fatalf("the node ended before it was ready:\n%s", c.ReadLog())
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("not ready in %v:\n%s", timetest.Patience, c.ReadLog())
	return nil
}

// ReadLog is what the node wrote, over all its runs on this folder.
func (c *Cloud) ReadLog() string {
	data, err := os.ReadFile(filepath.Join(c.Dir, "cloud.log"))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Kill ends the node at once.
func (c *Cloud) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended by itself
	<-c.exited
}

// Reload asks the node to read its certificate again.
func (c *Cloud) Reload() {
	c.T.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		c.T.Fatal(err)
	}
}

// Restart runs the node again, at the same address.
func (c *Cloud) Restart() *Cloud {
	c.T.Helper()
	return startCloud(c.T, c.Dir, c.DB, strings.TrimPrefix(c.Addr, "https://"))
}

// RunCommand runs `livelearn cloud` with these arguments and gives what it printed.
func (c *Cloud) RunCommand(args ...string) string {
	c.T.Helper()
	bin, err := builtProgram()
	if err != nil {
		c.T.Fatal(err)
	}
	cmd := exec.Command(bin, append([]string{"cloud"}, args...)...)
	cmd.Env = append(os.Environ(), "LIVELEARN_CLOUD_DB="+c.DB, "LIVELEARN_CLOUD_URL="+c.Addr)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		c.T.Fatalf("livelearn cloud %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// EnrolLink is an enrolment link for one box of a school.
func (c *Cloud) EnrolLink(school string) string {
	c.T.Helper()
	link, _, _ := strings.Cut(c.RunCommand("enrol", school, "--data", c.Dir), "\n")
	return link
}

// BuildProgram is the path of the program.
func BuildProgram(t testing.TB) string {
	t.Helper()
	bin, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}
