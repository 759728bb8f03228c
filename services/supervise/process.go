package supervise

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// ProcessOpts says how an operating-system process is started and stopped. What is
// offered works without privileges; see MemoryMax and Cgroup.
type ProcessOpts struct {
	// Notify passes a pipe to the program, which calls NotifyReady (or writes a line to the
	// descriptor in SUPERVISE_READY_FD) when it can be used.
	Notify bool

	// Ready is asked after the start, and after Notify, and returns nil when the program can
	// be used. ctx ends with the program or ReadyTimeout. May be nil.
	Ready        func(ctx context.Context, p *os.Process) error
	ReadyTimeout time.Duration // 0 is 10 s; then it is killed and counts as failed

	// Shutdown is the time from SIGTERM to SIGKILL; 0 is 5 s; Infinity and BrutalKill
	// as in Child.
	Shutdown time.Duration

	Nice int // 1..19 is nicer than we are; the program and all its threads

	// MemoryMax bounds the program's private memory, in bytes; 0 is no bound. It is set as
	// RLIMIT_DATA, which counts the heap and anonymous mappings of the program and not what
	// a Go runtime or bbolt merely reserves, as RLIMIT_AS would. Beyond it an allocation
	// fails, which ends a Go program. GOMEMLIMIT is set to 80 % of it, so that a Go
	// program collects before it comes to that. Children of the program have a bound of
	// their own; only a Cgroup bounds the sum.
	MemoryMax int64

	// Cgroup is a directory of cgroup v2 that was delegated to us. If it can be written, the
	// program runs in a group of its own below it: MemoryMax bounds the sum, and what the
	// program left behind is killed with it. If not, the rest of this list still holds.
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

// Process is a child that is a program of its own. cmd makes the command anew for each
// start; its context is not to be used for killing, which is done here.
//
// The program leads a process group. When it ends, for whatever reason, the rest of its
// group is killed. When we die, by kill -9 even, the kernel kills the program
// (PR_SET_PDEATHSIG); what the program has started itself is then its own to end in the
// same way, or dies with its Cgroup. The end of its error output is the stack of its crash
// report.
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
		return p.run(ctx, ready)
	}
	return c
}

// ProcessError is the end of a program that failed.
type ProcessError struct {
	Err  error  // usually an *exec.ExitError
	Tail []byte // the end of its error output
}

// Error tells the exit status or the signal.
func (e *ProcessError) Error() string { return "process: " + e.Err.Error() }

// Unwrap is the cause.
func (e *ProcessError) Unwrap() error { return e.Err }

// Stack is the end of the program's error output, which is where a crash leaves it.
func (e *ProcessError) Stack() []byte { return e.Tail }

// NotifyReady tells the supervisor that started this program that it can be used. It does
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

// RunOnce runs a program to its end, bounded as a supervised one. When ctx ends before
// it does, the program is stopped as Shutdown says and the cause of ctx is the error.
func RunOnce(ctx context.Context, cmd *exec.Cmd, opts ProcessOpts) error {
	p := &process{opts: opts, cmd: cmd}
	err := p.run(ctx, func() {})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
