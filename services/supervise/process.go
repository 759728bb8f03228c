package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ProcessOpts describes how an operating-system process is started and stopped. All of it works
// without privileges, except as MemoryMax and Cgroup say.
type ProcessOpts struct {
	// Notify passes a pipe to the program, which calls NotifyReady (or writes a line to the
	// descriptor in SUPERVISE_READY_FD) when it can be used.
	Notify bool

	// Ready is called after the start, and after Notify, and returns nil when the program can
	// be used. ctx ends with the program or ReadyTimeout. May be nil.
	Ready        func(ctx context.Context, p *os.Process) error
	ReadyTimeout time.Duration // 0 is 10 s, then it is killed and counts as failed

	// Shutdown is the time from SIGTERM to SIGKILL. 0 means 5 s. Infinity and BrutalKill work
	// as in Child.
	Shutdown time.Duration

	Nice int // 1..19, nicer than this process, for the program and all its threads

	// OOMScore sets which process the kernel kills first when memory runs out, 1000 before 0.
	// It is added to our own score if that is positive. A negative score protects the program.
	// Only root can set it, and it is set unchanged. See SetOOMScore.
	OOMScore int

	// MemoryMax bounds the program's private memory, in bytes. 0 means no bound. It is set as
	// RLIMIT_DATA, which counts the heap and anonymous mappings of the program. RLIMIT_AS would
	// also count address space that a Go runtime or bbolt only reserves. Beyond the bound an
	// allocation fails, which ends a Go program. GOMEMLIMIT is set to 80 % of it, so that a Go
	// program collects before that. Children of the program have a bound of their own. Only a
	// Cgroup bounds the sum.
	MemoryMax int64

	// Cgroup is a directory of cgroup v2 that was delegated to us. If it is writable, the
	// program runs in a group of its own below it: MemoryMax bounds the sum, and the processes
	// that the program left behind are killed with it. If not, the other options still apply.
	Cgroup string

	Restart Restart
	Backoff Backoff
}

const (
	readyEnv     = "SUPERVISE_READY_FD"
	readyTimeout = 10 * time.Second
	killTime     = 5 * time.Second // from SIGKILL until we stop waiting
	tailSize     = 8 << 10
)

// Process is a child that runs as a separate program. cmd makes a new command for each start.
// Its context must not be used for killing, which Process does itself.
//
// The program leads a process group. When it ends, for whatever reason, the rest of its group
// is killed. When we die, even by kill -9, the kernel kills the program (PR_SET_PDEATHSIG). The
// program must end its own children in the same way, or they die with its Cgroup. The end of
// its error output is the stack of its crash report.
func Process(id string, cmd func(ctx context.Context) *exec.Cmd, opts ProcessOpts) Child {
	c := Child{ID: id, Restart: opts.Restart, Backoff: opts.Backoff}
	switch d := cmp.Or(opts.Shutdown, defaultShutdown); d {
	case Infinity:
		c.Shutdown = Infinity
	case BrutalKill:
		c.Shutdown = killTime
	default:
		c.Shutdown = d + killTime
	}
	c.Start = func(ctx context.Context, ready func()) error {
		p := &process{opts: opts, cmd: cmd(context.WithoutCancel(ctx))}
		return p.runProgram(ctx, ready)
	}
	return c
}

// ProcessError is the end of a program that failed.
type ProcessError struct {
	Err  error  // usually an *exec.ExitError
	Tail []byte // the end of its error output
}

// Error names the exit status or the signal.
func (e *ProcessError) Error() string { return "process: " + e.Err.Error() }

// Unwrap is the cause.
func (e *ProcessError) Unwrap() error { return e.Err }

// Stack is the end of the program's error output, which is where a crash leaves it.
func (e *ProcessError) Stack() []byte { return e.Tail }

// NotifyReady signals the supervisor that started this program that it can be used. It does
// nothing in a program that was started otherwise.
func NotifyReady() error {
	fd, ok := readyFD()
	if !ok {
		return nil
	}
	f := os.NewFile(fd, "ready")
	_, err := f.Write([]byte("\n"))
	return errors.Join(err, f.Close(), os.Unsetenv(readyEnv))
}

// RunOnce runs a program to its end, with the bounds of a supervised one. If ctx ends earlier,
// the program is stopped as Shutdown says and the error is the cause of ctx.
func RunOnce(ctx context.Context, cmd *exec.Cmd, opts ProcessOpts) error {
	p := &process{opts: opts, cmd: cmd}
	err := p.runProgram(ctx, func() {})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// SetOOMScore sets oom_score_adj of a program that we started: see ProcessOpts.OOMScore.
// Without privileges a score can be raised, and lowered again to its value at the start.
func SetOOMScore(pid, score int) error {
	if score >= 0 {
		score = min(1000, score+max(0, oomScore()))
	}
	return os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(score)), 0)
}

// oomScore is the score of this process.
func oomScore() int {
	text, _ := os.ReadFile("/proc/self/oom_score_adj")
	n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // an unreadable score counts as 0
	return n
}
