// Package boxtest is a box in a test, as its users meet it over HTTP and the lesson
// socket: the real program in a process of its own (Start), or all of it in this process
// with a network in memory, for fake time (New).
//
//	box := boxtest.Start(t, dir)
//	ada := box.Claim("Ada")
//	class := ada.Class("7B", 30)
//	lesson := ada.Lesson(class, "Planets")
//	ben := box.Join(lesson, lesson.Names[0].ID)
package boxtest

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/timetest"
)

var builtProgram = sync.OnceValues(buildProgram)

// buildProgram makes the program once for a test binary, in the ignored build folder: each
// package's tests have a copy of their own, since they run side by side.
func buildProgram() (string, error) {
	root, err := findRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "build", filepath.Base(os.Args[0])+"-livelearn")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./firmware/cmd/livelearn")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as scripts/build
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return bin, nil
}

// findRoot returns the folder of the module, in or above the folder of the test. A program that is
// built with -trimpath does not hold it.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("boxtest: there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// Box is a running box.
type Box struct {
	T     testing.TB
	Dir   string // its data folder
	HTTP  string // "127.0.0.1:port"
	HTTPS string
	Code  string // the claim code, while the box is unclaimed
	Ready time.Duration

	pid    int
	exited chan struct{}
	dial   func() (net.Conn, error)
	stop   func() // of a box in memory
}

// Start runs the program on the data folder and returns when it is ready. flags are
// added to its command line. It is killed at the end of the test.
func Start(t testing.TB, dir string, flags ...string) *Box {
	t.Helper()
	bin, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	b := &Box{T: t, Dir: dir, exited: make(chan struct{})}
	b.dial = func() (net.Conn, error) { return net.DialTimeout("tcp", b.HTTP, timetest.Patience) }
	ready := filepath.Join(dir, "ready.json")
	_ = os.Remove(ready) // of the run before, if there was one
	args := append([]string{
		"box", "--sim", "--no-mdns", "--data", dir, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--ready-file", ready,
		"--set", "cloud.allow_private=true", "--set", "update.allow_private=true", // the servers of tests run on this machine
	}, flags...)
	cmd := exec.Command(bin, args...)
	log, err := os.OpenFile(filepath.Join(dir, "box.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.pid = cmd.Process.Pid
	exited := b.exited
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(b.Kill)
	b.waitReady(ready)
	b.Ready = time.Since(began)
	return b
}

// waitReady polls for the ready file, which appears whole.
func (b *Box) waitReady(file string) {
	b.T.Helper()
	for began := time.Now(); time.Since(began) < timetest.Patience; {
		data, err := os.ReadFile(file)
		if err == nil {
			var r struct{ HTTP, HTTPS, Claim string }
			if err := json.Unmarshal(data, &r); err != nil {
				b.T.Fatalf("ready file: %q: %v", data, err)
			}
			b.HTTP, b.HTTPS, b.Code = strings.TrimPrefix(r.HTTP, "http://"), strings.TrimPrefix(r.HTTPS, "https://"), r.Claim
			return
		}
		select {
		case <-b.exited:
			b.T.Fatalf("the program ended before it was ready:\n%s", b.ReadLog())
		case <-time.After(10 * time.Millisecond):
		}
	}
	b.T.Fatalf("not ready in %v:\n%s", timetest.Patience, b.ReadLog())
}

// ReadLog is what the program wrote, over all its runs on this folder.
func (b *Box) ReadLog() string {
	data, err := os.ReadFile(filepath.Join(b.Dir, "box.log"))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// PID is the process of the program.
func (b *Box) PID() int { return b.pid }

// Kill ends the program at once, as a pulled plug does.
func (b *Box) Kill() { b.endProcess(syscall.SIGKILL) }

// Stop ends the box in order.
func (b *Box) Stop() {
	if b.stop != nil {
		b.stop()
		return
	}
	b.endProcess(syscall.SIGTERM)
}

func (b *Box) endProcess(sig syscall.Signal) {
	select {
	case <-b.exited:
		return // its number may belong to another process
	default:
		_ = syscall.Kill(b.pid, sig)
	}
	select {
	case <-b.exited:
	case <-time.After(timetest.Patience):
		b.T.Errorf("the program did not end on %s within %v", sig, timetest.Patience)
		_ = syscall.Kill(b.pid, syscall.SIGKILL)
		<-b.exited
	}
}

// Restart runs the program again on the same folder and, where it can, the same ports:
// members find it where it was. flags are added to its command line.
func (b *Box) Restart(flags ...string) *Box {
	b.T.Helper()
	return Start(b.T, b.Dir, append([]string{"--http", b.HTTP, "--https", b.HTTPS}, flags...)...)
}
