package supervise

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Start adds a child while the supervisor runs and waits until it is ready. If it fails
// before, or ctx ends, the error is returned and the child is not kept. A dynamic child
// that finishes leaves the list. Its cost does not depend on the number of children.
func (s *Supervisor) Start(ctx context.Context, spec Child) error {
	if err := spec.checkSpec(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.state != "running" && s.state != "starting" {
		s.mu.Unlock()
		return fmt.Errorf("supervisor %s: %w", s.spec.Name, ErrStopped)
	}
	if _, ok := s.children[spec.ID]; ok {
		s.mu.Unlock()
		return fmt.Errorf("child %s: %w", spec.ID, ErrTaken)
	}
	c := &child{spec: spec}
	s.addChild(c)
	i := s.startChild(c, true)
	s.mu.Unlock()
	if spec.instant {
		return nil
	}
	err := s.awaitReady(ctx, i)
	if err != nil {
		s.stopChild(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.inc == nil && c.timer == nil {
		s.removeChild(c)
	}
	return err
}

// awaitReady waits until i is ready.
func (s *Supervisor) awaitReady(ctx context.Context, i *incarnation) error {
	if i.ready == nil {
		return nil
	}
	select {
	case <-i.ready:
		return nil
	case <-i.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case i.isReady:
		return nil
	case i.stopping:
		return fmt.Errorf("child %s: %w", i.c.spec.ID, ErrStopped)
	}
	if i.c.inc == i {
		i.c.inc = nil
	}
	if i.c.recordEnd(i.err) {
		return nil
	}
	return fmt.Errorf("child %s: %w: %w", i.c.spec.ID, ErrStart, endReason(i.err))
}

// Stop ends a child and returns when it has ended or was abandoned. A dynamic child leaves the
// list. A static one stays, stopped, until Restart. A child must not stop itself.
func (s *Supervisor) Stop(id string) error {
	c, err := s.holdChild(id)
	if err != nil {
		return err
	}
	s.stopChild(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.inc == nil {
		s.finishChild(c, "stopped")
	}
	return nil
}

// Restart stops a child and starts it again, and waits until it is ready. It counts in no
// budget and touches no sibling. It gives a service its new configuration, and brings back a
// child that was stopped, finished or spent.
func (s *Supervisor) Restart(id string) error {
	c, err := s.holdChild(id)
	if err != nil {
		return err
	}
	s.stopChild(c)
	i, err := s.startAgain(c)
	if err != nil {
		return err
	}
	err = s.awaitReady(context.Background(), i)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.inc == nil {
			c.held = true
			s.finishChild(c, "stopped")
		}
	}
	return err
}

// startAgain starts c by request, unless another request was faster.
func (s *Supervisor) startAgain(c *child) (*incarnation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != "running" && s.state != "starting":
		return nil, fmt.Errorf("supervisor %s: %w", s.spec.Name, ErrStopped)
	case s.children[c.spec.ID] != c:
		return nil, fmt.Errorf("child %s: %w", c.spec.ID, ErrMissing)
	case c.inc != nil:
		return c.inc, nil
	case c.since.IsZero():
		c.held = false // it starts later, after the children it depends on
		return nil, fmt.Errorf("child %s: not started yet: %w", c.spec.ID, ErrStopped)
	}
	c.held, c.crashesInRow, c.window = false, 0, restartWindow{}
	c.restarts++
	return s.startChild(c, true), nil
}

func (s *Supervisor) holdChild(id string) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.children[id]
	if c == nil {
		return nil, fmt.Errorf("child %s: %w", id, ErrMissing)
	}
	c.held = true
	return c, nil
}

// stopChild cancels c's incarnation and waits for its end as long as Shutdown says.
func (s *Supervisor) stopChild(c *child) {
	if i := s.cancelChild(c); i != nil {
		s.waitStopped(i, c.spec.Shutdown)
	}
}

func (s *Supervisor) cancelChild(c *child) *incarnation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	i := c.inc
	if i != nil {
		i.stopping = true
		i.cancel()
	}
	return i
}

func (s *Supervisor) waitStopped(i *incarnation, d time.Duration) {
	switch d {
	case BrutalKill:
	case Infinity:
		<-i.done
	default:
		timer := time.NewTimer(cmp.Or(d, defaultShutdown))
		defer timer.Stop()
		select {
		case <-i.done:
		case <-timer.C:
		}
	}
	s.recordStopped(i)
}

// recordStopped records the end of a child that was stopped, or its abandonment.
func (s *Supervisor) recordStopped(i *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.c.inc != i {
		return // another caller was faster
	}
	i.c.inc = nil
	i.c.state, i.c.since = "stopped", time.Now()
	if i.ended {
		if err := i.err; err != nil && !isEnd(err) && !i.decided {
			i.c.lastErr = err
			s.sendReport(i.c, err, Stopped)
		}
		return
	}
	i.abandoned = true
	close(i.done)
	if i.isReady {
		s.running--
	}
	s.abandoned++
	s.sendReport(i.c, fmt.Errorf("still running %v after it was asked to stop", i.c.spec.Shutdown), Abandoned)
}

// stopAll stops every child. Dynamic children of OneForOne do not depend on one another and
// stop together. All others stop one by one in reverse order.
func (s *Supervisor) stopAll() {
	s.mu.Lock()
	s.state, s.since = "stopping", time.Now()
	var ordered []*child
	var together []*child
	for c := s.tail; c != nil; c = c.prev {
		if !c.static && s.spec.Strategy == OneForOne {
			together = append(together, c)
		} else {
			ordered = append(ordered, c)
		}
	}
	s.mu.Unlock()
	for _, c := range together {
		s.cancelChild(c)
	}
	begun := time.Now()
	for _, c := range together {
		s.mu.Lock()
		i := c.inc
		s.mu.Unlock()
		if i != nil {
			s.waitStopped(i, remainingShutdown(c.spec.Shutdown, begun))
		}
	}
	for _, c := range ordered {
		s.stopChild(c)
	}
}

// remainingShutdown is the rest of a Shutdown that began at begun.
func remainingShutdown(d time.Duration, begun time.Time) time.Duration {
	d = cmp.Or(d, defaultShutdown)
	if d == Infinity || d == BrutalKill {
		return d
	}
	if d -= time.Since(begun); d <= 0 {
		return BrutalKill
	}
	return d
}
