package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one life of a program.
type process struct {
	opts      ProcessOpts
	cmd       *exec.Cmd
	notify    *os.File // our end of the ready pipe
	childPipe *os.File // the program's end
	tail      outputTail
	group     *cgroup
	started   chan error // closed or sent to once
	exited    chan struct{}
	err       error // of cmd.Wait, valid after exited
}

// runProgram is one life of the program.
func (p *process) runProgram(ctx context.Context, ready func()) error {
	p.started, p.exited = make(chan error, 1), make(chan struct{})
	if err := p.prepareCommand(); err != nil {
		return err
	}
	defer p.closePipes()
	go p.startAndReap()
	if err := <-p.started; err != nil {
		<-p.exited
		return err
	}
	err := p.awaitReady(ctx)
	if err == nil {
		ready()
		select {
		case <-p.exited:
			return p.exitError()
		case <-ctx.Done():
		}
	}
	forced := p.stopProgram(err != nil && ctx.Err() == nil)
	<-p.exited
	if forced { // also when ctx ended in the moment it became ready
		return p.exitError()
	}
	return err
}

// prepareCommand sets the fields that the maker of the command does not set.
func (p *process) prepareCommand() error {
	c := p.cmd
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setpgid, c.SysProcAttr.Pgid = true, 0
	c.SysProcAttr.Pdeathsig = syscall.SIGKILL
	c.Cancel = nil
	c.WaitDelay = time.Second // for pipes that a grandchild holds open
	if c.Stderr == nil {
		c.Stderr = &p.tail
	} else {
		c.Stderr = &tee{w: c.Stderr, tail: &p.tail}
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	if p.opts.MemoryMax > 0 {
		c.Env = append(c.Env, fmt.Sprintf("GOMEMLIMIT=%d", p.opts.MemoryMax/10*8))
	}
	p.enterGroup()
	if !p.opts.Notify {
		return nil
	}
	var err error
	if p.notify, p.childPipe, err = os.Pipe(); err != nil {
		return err
	}
	c.ExtraFiles = append(c.ExtraFiles, p.childPipe)
	c.Env = append(c.Env, fmt.Sprintf("%s=%d", readyEnv, 2+len(c.ExtraFiles)))
	return nil
}

func (p *process) closePipes() {
	if p.notify != nil {
		_ = p.notify.Close()
		_ = p.childPipe.Close()
	}
	p.group.removeDir()
}

// startAndReap starts the program and waits for its end, on a thread of its own that ends
// afterwards: Pdeathsig fires when the thread that forked ends, and a raised nice value cannot
// be lowered without privileges.
func (p *process) startAndReap() {
	runtime.LockOSThread()
	defer close(p.exited)
	if p.opts.Nice > 0 { // the program inherits it, each thread has one on Linux
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), p.opts.Nice); err != nil {
			p.started <- fmt.Errorf("process: nice %d: %w", p.opts.Nice, err)
			return
		}
	}
	if err := p.cmd.Start(); err != nil {
		p.started <- fmt.Errorf("process: %w", err)
		return
	}
	pid := p.cmd.Process.Pid
	_ = SetOOMScore(pid, p.opts.OOMScore) // the program runs even on a machine that refuses this
	limitErr := p.limitMemory(pid)
	if p.childPipe != nil {
		_ = p.childPipe.Close()
	}
	if limitErr != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	p.started <- limitErr
	awaitExit(pid)
	// The leader is dead and not yet reaped, so its group's number is still its own.
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	p.group.killAll()
	p.err = p.cmd.Wait()
}

func (p *process) limitMemory(pid int) error {
	if p.opts.MemoryMax <= 0 {
		return nil
	}
	lim := unix.Rlimit{Cur: uint64(p.opts.MemoryMax), Max: uint64(p.opts.MemoryMax)}
	err := unix.Prlimit(pid, unix.RLIMIT_DATA, &lim, nil)
	if errors.Is(err, unix.ESRCH) {
		return nil // it has ended already
	}
	if err != nil {
		return fmt.Errorf("process: memory limit: %w", err)
	}
	return nil
}

// awaitExit blocks until pid has ended, without reaping it.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// awaitReady returns nil when the program can be used.
func (p *process) awaitReady(ctx context.Context) error {
	if p.notify == nil && p.opts.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(p.opts.ReadyTimeout, readyTimeout), errNotReady)
	defer cancel()
	asked := make(chan error, 1)
	go func() {
		asked <- runRecovering(func() error { return p.askReady(ctx) }, func(err error) { asked <- err })
	}()
	select {
	case err := <-asked:
		if err == nil {
			return nil
		}
		select {
		case <-p.exited: // this is the reason
			return p.earlyExitError()
		case <-time.After(100 * time.Millisecond):
			return fmt.Errorf("process: not ready: %w", err)
		}
	case <-p.exited:
		return p.earlyExitError()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var (
	errNotReady = errors.New("process: not ready in time")
	errEarly    = errors.New("process: ended before it was ready")
)

func (p *process) earlyExitError() error {
	if err := p.exitError(); err != nil {
		return err
	}
	return errEarly
}

func (p *process) askReady(ctx context.Context) error {
	if p.notify != nil {
		stop := context.AfterFunc(ctx, func() { _ = p.notify.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		if _, err := p.notify.Read(make([]byte, 1)); err != nil {
			return err
		}
	}
	if p.opts.Ready != nil {
		return p.opts.Ready(ctx, p.cmd.Process)
	}
	return nil
}

// stopProgram asks the program to end, and kills it if it does not. True: it had to be killed.
func (p *process) stopProgram(now bool) (forced bool) {
	if !now && p.opts.Shutdown != BrutalKill {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if p.opts.Shutdown == Infinity {
			<-p.exited
			return false
		}
		timer := time.NewTimer(cmp.Or(p.opts.Shutdown, defaultShutdown))
		defer timer.Stop()
		select {
		case <-p.exited:
			return false
		case <-timer.C:
			forced = true
		}
	}
	_ = p.cmd.Process.Kill()
	p.group.killAll()
	return forced
}

// exitError is nil for exit status 0.
func (p *process) exitError() error {
	if p.err == nil {
		return nil
	}
	return &ProcessError{Err: p.err, Tail: p.tail.copyTail()}
}
