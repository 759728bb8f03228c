package handover

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// Env names the descriptor of the socket pair in the new program.
const Env = "LIVELEARN_HANDOVER_FD"

// Patience are the limits in time of a hand-over. Zero fields have the default.
type Patience struct {
	Prepare time.Duration // from the start to prepared, default 30 s: the old program serves meanwhile
	Healthy time.Duration // from Give to healthy, default 500 ms: people wait meanwhile
}

// WithDefaults fills in empty fields.
func (p Patience) WithDefaults() Patience {
	if p.Prepare == 0 {
		p.Prepare = 30 * time.Second
	}
	if p.Healthy == 0 {
		p.Healthy = 500 * time.Millisecond
	}
	return p
}

// Successor is the new program, seen by the old one.
type Successor struct {
	Hello Hello

	conn     *conn
	cmd      *exec.Cmd
	patience Patience
	exited   chan struct{}
}

// Start starts a program and returns when it is prepared. format is that of the data folder. The
// program outlives this one if Give succeeds. Otherwise Start and Give kill it.
func Start(ctx context.Context, cmd *exec.Cmd, format int, p Patience) (*Successor, error) {
	near, far, err := supervise.SocketPair()
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	c, err := asUnix(near)
	if err != nil {
		return nil, errors.Join(err, far.Close())
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, far)
	cmd.Env = append(cmd.Env, Env+"="+strconv.Itoa(2+len(cmd.ExtraFiles)))
	err = cmd.Start()
	_ = far.Close() // the program has its own
	if err != nil {
		return nil, errors.Join(errs.New(op, errs.Down, err), c.Close())
	}
	s := &Successor{conn: c, cmd: cmd, patience: p.WithDefaults(), exited: make(chan struct{})}
	supervise.Spawn(nil, "successor", func() { defer close(s.exited); _ = cmd.Wait() }) // it ended, however
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := s.awaitPrepared(format); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

func (s *Successor) awaitPrepared(format int) error {
	if err := s.conn.SetDeadline(time.Now().Add(s.patience.Prepare)); err != nil {
		return err
	}
	if _, err := s.conn.expect(prepared, &s.Hello); err != nil {
		return explain(err, "prepared", s.patience.Prepare)
	}
	switch {
	case s.Hello.Protocol != protocol:
		return errs.NewField(op, "protocol", "unknown", protocol, "the new program hands over by protocol %d, this one by %d", s.Hello.Protocol, protocol)
	case s.Hello.Format != format:
		return errs.NewField(op, "format", "other_format", int64(format), "the new program has data format %d, the folder has %d", s.Hello.Format, format)
	}
	return s.conn.SetDeadline(time.Time{})
}

// explain says what a new program did not do that hung or ended.
func explain(err error, what string, limit time.Duration) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errs.NewCode(op, errs.Down, "hung", "the new program was not %s within %v", what, limit)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return errs.NewCode(op, errs.Down, "ended", "the new program ended before it was %s", what)
	}
	return err
}

// ErrGone means that the new program failed after it had begun to serve, so it may have read from the
// sockets. Nothing can go on with them: their clients come back and resume.
var ErrGone = errors.New("the new program ended after it had begun to serve")

// Give gives the estate of a box that has stopped, and returns nil when the new program serves. After
// another error than ErrGone the program is dead and has read from no socket, and the caller continues.
func (s *Successor) Give(e *Estate) error {
	err := s.offer(e)
	if err == nil {
		return s.conn.Close()
	}
	s.Kill()
	return err
}

func (s *Successor) offer(e *Estate) error {
	if err := s.conn.SetDeadline(time.Now().Add(s.patience.Healthy)); err != nil {
		return err
	}
	if err := s.conn.send(estate, e, e.files()...); err != nil {
		return explain(err, "there", s.patience.Healthy)
	}
	if _, err := s.conn.expect(healthy, nil); err != nil {
		return explain(err, "healthy", s.patience.Healthy)
	}
	if err := s.conn.SetDeadline(time.Now().Add(s.patience.Prepare)); err != nil {
		return err
	}
	if err := s.conn.send(proceed, nil); err != nil {
		return err // it cannot have read the word
	}
	if _, err := s.conn.expect(serving, nil); err != nil {
		return errors.Join(ErrGone, err)
	}
	return nil
}

// PID is the process of the new program.
func (s *Successor) PID() int { return s.cmd.Process.Pid }

// Kill ends the new program, and returns when it is gone and its locks with it.
func (s *Successor) Kill() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-s.exited
	_ = s.conn.Close()
}
