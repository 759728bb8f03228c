package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/handover"
	"github.com/livelearn/box/services/errs"
)

// succession runs the box until it stops, or until another program has taken its place. When that
// program fails, the box of this one continues with the sockets. See package handover.
type succession struct {
	cfg   firmware.Config
	parts firmware.Parts
	log   *slog.Logger
	run   func(*firmware.Box) error // returns when the box has stopped

	mu   sync.Mutex
	box  *firmware.Box       // guarded by mu, the one that runs
	next *handover.Successor // guarded by mu, the program that is prepared
}

// serve runs the box, and then the next one in this process as long as no program takes over.
func (s *succession) serve(ctx context.Context) error {
	if err := s.inherit(); err != nil {
		return err
	}
	if s.parts.PID1 == nil { // the first process of an appliance keeps to the process that it started
		s.parts.Succession.Succeed = s.succeed
	}
	for {
		err := s.runOnce()
		if !errors.Is(err, firmware.ErrLeft) {
			return s.fail(err)
		}
		if err = s.give(ctx); err == nil {
			return nil
		}
		s.keep(err)
	}
}

// inherit takes what the program left that started this one to take its place.
func (s *succession) inherit() error {
	old, err := handover.Inherit()
	if err != nil || old == nil {
		return err
	}
	s.parts.Predecessor, s.parts.Succession.After = old, os.Getppid() // which waits for this one
	s.parts.Estate, err = old.Prepare(s.cfg.Version, firmware.DataFormat)
	return s.fail(err)
}

// fail reports an error to the program that started this one, if that still listens.
func (s *succession) fail(err error) error {
	if err != nil && s.parts.Predecessor != nil {
		_ = s.parts.Predecessor.Fail(err) // after it has ended there is nobody to report to
	}
	return err
}

func (s *succession) runOnce() error {
	box, err := firmware.New(s.cfg, s.parts)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.box = box
	s.mu.Unlock()
	return s.run(box)
}

// succeed starts a program. When it is prepared, the box stops for it.
func (s *succession) succeed(ctx context.Context, program string, wait time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		return errs.NewCode("succession", errs.Busy, "busy", "another program is about to take over")
	}
	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if slot, dir := filepath.Base(filepath.Dir(program)), os.Getenv(envPrograms); dir != "" && filepath.Dir(filepath.Dir(program)) == dir {
		cmd.Env = append(os.Environ(), envSlot+"="+slot)
	}
	next, err := handover.Start(ctx, cmd, firmware.DataFormat, handover.Patience{Healthy: wait})
	if err != nil {
		s.log.Warn("the new program does not take over", "err", err)
		return err
	}
	if err := s.box.HandOver(); err != nil {
		next.Kill()
		return err
	}
	s.log.Info("another program takes over", "version", next.Hello.Version, "pid", next.PID())
	s.next = next
	return nil
}

// give gives what the box has left to the program that is prepared. Nil: that program serves, or a
// signal has stopped this one.
func (s *succession) give(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.next
	s.next = nil
	if ctx.Err() != nil { // a signal has stopped this one meanwhile
		next.Kill()
		return nil
	}
	began := time.Now()
	if err := next.Give(s.box.Estate()); err != nil {
		return err
	}
	s.log.Info("another program serves", "version", next.Hello.Version, "pid", next.PID(), "dur", time.Since(began))
	// systemd follows a process of the service that the main process names (sd_notify(3)).
	if _, err := daemon.SdNotify(false, fmt.Sprintf("MAINPID=%d", next.PID())); err != nil {
		s.log.Warn("the service manager does not know the new process", "err", err)
	}
	return nil
}

// keep prepares the next box of this process, which continues with what the last one has left.
func (s *succession) keep(why error) {
	s.log.Error("the new program has failed, this one continues", "err", why)
	e := s.box.Estate()
	if errors.Is(why, handover.ErrGone) { // it may have read from the sockets
		for _, socket := range e.Sockets {
			_ = socket.Socket.Close() // its client comes back
		}
		e.Sockets = nil
	}
	s.parts.Estate, s.parts.Predecessor = e, nil
	s.parts.Succession.Attempts++
	s.parts.Succession.Failure = why.Error()
}
