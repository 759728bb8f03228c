package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/timetest"
)

// programRig is a supervisor with one program in a role.
type programRig struct {
	t       *testing.T
	sup     *Supervisor
	pids    chan int
	reports chan Report
	cancel  context.CancelFunc
	done    chan error
}

func startProgram(t *testing.T, role string, opts ProcessOpts) *programRig {
	t.Helper()
	p := &programRig{t: t, pids: make(chan int, 100), reports: make(chan Report, 100), done: make(chan error, 1)}
	ready := opts.Ready
	opts.Ready = func(ctx context.Context, proc *os.Process) error {
		p.pids <- proc.Pid
		if ready != nil {
			return ready(ctx, proc)
		}
		return nil
	}
	p.sup = New(Spec{
		Name: "box", MaxRestarts: 5, Observe: func(r Report) { p.reports <- r },
		Children: []Child{Process(role, func(context.Context) *exec.Cmd { return selfCommand(role) }, opts)},
	})
	ctx, cancel := context.WithCancel(t.Context())
	p.cancel = cancel
	go func() { p.done <- p.sup.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-p.done })
	return p
}

func receiveNext[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(timetest.Patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// stop ends it and returns how long that took.
func (p *programRig) stop() time.Duration {
	p.t.Helper()
	begun := time.Now()
	p.cancel()
	if err := receiveNext(p.t, p.done, "end"); err != nil {
		p.t.Fatal(err)
	}
	p.done <- nil
	return time.Since(begun)
}

func checkGone(t *testing.T, pid int) {
	t.Helper()
	timetest.WaitUntil(t, fmt.Sprintf("the end of process %d", pid), func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || bytes.Contains(stat, []byte(") Z ")) || bytes.Contains(stat, []byte(") X "))
	})
}

func TestProcessIsReadyWhenItSaysSo(t *testing.T) {
	p := startProgram(t, "serve", ProcessOpts{Notify: true})
	pid := receiveNext(t, p.pids, "process")
	timetest.CheckBudget(t, "a graceful stop", p.stop(), 4*time.Second)
	checkGone(t, pid)
	if len(p.reports) != 0 {
		t.Fatalf("report %+v", <-p.reports)
	}
}

func TestKilledProcessIsRestarted(t *testing.T) {
	p := startProgram(t, "serve", ProcessOpts{Notify: true})
	pid := receiveNext(t, p.pids, "process")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := receiveNext(t, p.reports, "report")
	if again := receiveNext(t, p.pids, "new process"); again == pid || r.Decision != Restarted || !strings.Contains(r.Err.Error(), "killed") {
		t.Fatalf("pid %d, then %d; report %+v", pid, again, r)
	}
	p.stop()
}

// A crash that recover cannot contain ends that program only, and its last output is reported.
func TestPanicInAProcessIsReportedWithItsStack(t *testing.T) {
	p := startProgram(t, "panic", ProcessOpts{Notify: true, Backoff: Backoff{Min: time.Hour, Max: time.Hour}})
	r := receiveNext(t, p.reports, "report")
	if !bytes.Contains(r.Stack, []byte("a library's own goroutine")) || r.Decision != Restarted {
		t.Fatalf("report %+v\n%s", r, r.Stack)
	}
	p.stop()
}

// sup_stop_timeout for a program: SIGTERM, then SIGKILL.
func TestProcessStopTimeout(t *testing.T) {
	p := startProgram(t, "deaf", ProcessOpts{Notify: true, Shutdown: 300 * time.Millisecond})
	pid := receiveNext(t, p.pids, "process")
	took := p.stop()
	if took < 300*time.Millisecond {
		t.Fatalf("took %v", took)
	}
	timetest.CheckBudget(t, "the stop", took, 4*time.Second)
	checkGone(t, pid)
	if r := receiveNext(t, p.reports, "report"); r.Decision != Stopped {
		t.Fatalf("report %+v", r)
	}
}

// sup_stop_brutal_kill: a program is killed at once, and really.
func TestProcessStopBrutalKill(t *testing.T) {
	p := startProgram(t, "deaf", ProcessOpts{Notify: true, Shutdown: BrutalKill})
	pid := receiveNext(t, p.pids, "process")
	timetest.CheckBudget(t, "the stop", p.stop(), 2*time.Second)
	checkGone(t, pid)
	if len(p.reports) != 0 {
		t.Fatalf("report %+v", <-p.reports)
	}
}

func TestProcessThatFailsInItsStart(t *testing.T) {
	for role, want := range map[string]string{"early": "exit status 3", "mute": "not ready in time"} {
		p := startProgram(t, role, ProcessOpts{Notify: true, ReadyTimeout: 500 * time.Millisecond})
		err := receiveNext(t, p.done, "end")
		p.done <- nil
		if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), want) {
			t.Fatalf("%s: %v", role, err)
		}
	}
	none := Process("none", func(context.Context) *exec.Cmd { return exec.Command("/nowhere/to/be/found") }, ProcessOpts{})
	if err := New(Spec{Children: []Child{none}}).Serve(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestProcessWhoseReadyFails(t *testing.T) {
	p := startProgram(t, "deaf", ProcessOpts{Ready: func(context.Context, *os.Process) error { return errBoom }})
	pid := receiveNext(t, p.pids, "process")
	err := receiveNext(t, p.done, "end")
	p.done <- nil
	if !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	checkGone(t, pid)
}

// A program that takes too much memory is ended by its limit. No other program is.
func TestProcessMemoryLimit(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector's own memory is beyond any limit; without -race this test limits to 256 MiB")
		return
	}
	p := startProgram(t, "eat", ProcessOpts{Notify: true, MemoryMax: 256 << 20, Backoff: Backoff{Min: time.Hour, Max: time.Hour}})
	r := receiveNext(t, p.reports, "report")
	if !bytes.Contains(r.Stack, []byte("out of memory")) && !bytes.Contains(r.Stack, []byte("cannot allocate")) {
		t.Fatalf("report %v\n%s", r.Err, r.Stack)
	}
	p.stop()
}

func TestProcessNice(t *testing.T) {
	p := startProgram(t, "nice", ProcessOpts{Nice: 7, Backoff: Backoff{Min: time.Hour, Max: time.Hour}})
	if r := receiveNext(t, p.reports, "report"); string(r.Stack) != "nice 7" {
		t.Fatalf("%v %q", r.Err, r.Stack)
	}
	p.stop()
}

// When a program ends, the processes it left behind end too.
func TestGrandchildIsNoOrphan(t *testing.T) {
	p := startProgram(t, "parent", ProcessOpts{Backoff: Backoff{Min: time.Hour, Max: time.Hour}})
	r := receiveNext(t, p.reports, "report")
	pid, err := strconv.Atoi(string(r.Stack))
	if err != nil {
		t.Fatalf("%v %q", r.Err, r.Stack)
	}
	checkGone(t, pid)
	p.stop()
}

// The box is killed with kill -9: its program dies too.
func TestKillNineLeavesNoOrphan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	box := selfCommand("box")
	box.Env = append(box.Env, "SUPERVISE_TEST_FILE="+file)
	if err := box.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	timetest.WaitUntil(t, "the program", func() bool {
		text, _ := os.ReadFile(file) // no file yet
		pid, _ = strconv.Atoi(string(text))
		return pid != 0
	})
	runtime.GC() // threads of the box come and go, the one that forked stays
	if err := errors.Join(box.Process.Kill(), syscall.Kill(pid, 0)); err != nil || pid == 0 {
		t.Fatalf("pid %d: %v", pid, err)
	}
	_ = box.Wait()
	checkGone(t, pid)
}

// The thread that forked must outlive the program: Pdeathsig follows the thread.
func TestProcessOutlivesBusyThreads(t *testing.T) {
	p := startProgram(t, "serve", ProcessOpts{Notify: true})
	pid := receiveNext(t, p.pids, "process")
	for range 50 { // each of these threads is ended by the runtime
		done := make(chan struct{})
		go func() { defer close(done); runtime.LockOSThread() }()
		<-done
	}
	time.Sleep(100 * time.Millisecond) // the kernel would end the program now
	if err := syscall.Kill(pid, 0); err != nil || len(p.reports) != 0 {
		t.Fatalf("the program is gone: %v", err)
	}
	p.stop()
}

// With a delegated cgroup, processes that left the process group die too, and the group is
// removed.
func TestProcessCgroupLeavesNothing(t *testing.T) {
	dir := delegatedCgroup()
	if dir == "" {
		t.Log("no writable cgroup v2 here; mount one and run as its owner to check this")
		return
	}
	p := startProgram(t, "escape", ProcessOpts{Cgroup: dir, MemoryMax: 1 << 30, Backoff: Backoff{Min: time.Hour, Max: time.Hour}})
	r := receiveNext(t, p.reports, "report")
	pid, err := strconv.Atoi(string(r.Stack))
	if err != nil {
		t.Fatalf("%v %q", r.Err, r.Stack)
	}
	checkGone(t, pid)
	p.stop()
	if left, _ := filepath.Glob(filepath.Join(dir, "ll-"+strconv.Itoa(os.Getpid())+"-*")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

// delegatedCgroup is a cgroup v2 directory in which we may make groups, or "".
func delegatedCgroup() string {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
			continue
		}
		if probe, err := os.MkdirTemp(dir, "probe-"); err == nil {
			_, err := os.Stat(filepath.Join(probe, "cgroup.kill"))
			_ = os.Remove(probe)
			if err == nil {
				return dir
			}
		}
	}
	return ""
}

// A program runs even when its cgroup cannot be used.
func TestProcessWithoutCgroup(t *testing.T) {
	p := startProgram(t, "serve", ProcessOpts{Notify: true, Cgroup: "/nowhere", MemoryMax: 0})
	receiveNext(t, p.pids, "process")
	p.stop()
}
