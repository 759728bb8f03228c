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
	if err := spec.check(); err != nil {
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
	s.add(c)
	i := s.begin(c, true)
	s.mu.Unlock()
	if spec.instant {
		return nil
	}
	err := s.await(ctx, i)
	if err != nil {
		s.terminate(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.inc == nil && c.timer == nil {
		s.remove(c)
	}
	return err
}

// await waits until i is ready.
func (s *Supervisor) await(ctx context.Context, i *incarnation) error {
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
	case i.up:
		return nil
	case i.stopping:
		return fmt.Errorf("child %s: %w", i.c.spec.ID, ErrStopped)
	}
	if i.c.inc == i {
		i.c.inc = nil
	}
	if i.c.settle(i.err) {
		return nil
	}
	return fmt.Errorf("child %s: %w: %w", i.c.spec.ID, ErrStart, reason(i.err))
}

// Stop ends a child and returns when it has ended or was abandoned. A dynamic child leaves
// the list; a static one stays, stopped, until Restart. A child must not stop itself.
func (s *Supervisor) Stop(id string) error {
	c, err := s.held(id)
	if err != nil {
		return err
	}
	s.terminate(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.inc == nil {
		s.finish(c, "stopped")
	}
	return nil
}

// Restart stops a child and starts it again, waiting until it is ready. It counts in no
// budget and touches no sibling. This is how a service gets new configuration, and how a
// child that was stopped, finished or spent comes back.
func (s *Supervisor) Restart(id string) error {
	c, err := s.held(id)
	if err != nil {
		return err
	}
	s.terminate(c)
	i, err := s.rebegin(c)
	if err != nil {
		return err
	}
	err = s.await(context.Background(), i)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.inc == nil {
			c.hold = true
			s.finish(c, "stopped")
		}
	}
	return err
}

// rebegin starts c by request, unless another request was faster.
func (s *Supervisor) rebegin(c *child) (*incarnation, error) {
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
		c.hold = false // its turn comes, after what it depends on
		return nil, fmt.Errorf("child %s: not started yet: %w", c.spec.ID, ErrStopped)
	}
	c.hold, c.row, c.window = false, 0, window{}
	c.restarts++
	return s.begin(c, true), nil
}

func (s *Supervisor) held(id string) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.children[id]
	if c == nil {
		return nil, fmt.Errorf("child %s: %w", id, ErrMissing)
	}
	c.hold = true
	return c, nil
}

// terminate cancels c's incarnation and waits for its end as long as Shutdown says.
func (s *Supervisor) terminate(c *child) {
	if i := s.cancel(c); i != nil {
		s.wait(i, c.spec.Shutdown)
	}
}

func (s *Supervisor) cancel(c *child) *incarnation {
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

func (s *Supervisor) wait(i *incarnation, d time.Duration) {
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
	s.settled(i)
}

// settled records the end of a child that was stopped, or that it was left behind.
func (s *Supervisor) settled(i *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.c.inc != i {
		return // another caller of terminate was faster
	}
	i.c.inc = nil
	i.c.state, i.c.since = "stopped", time.Now()
	if i.over {
		if err := i.err; err != nil && !isEnd(err) && !i.decided {
			i.c.lastErr = err
			s.report(i.c, err, Stopped)
		}
		return
	}
	i.left = true
	close(i.done)
	if i.up {
		s.running--
	}
	s.abandoned++
	s.report(i.c, fmt.Errorf("still running %v after it was told to stop", i.c.spec.Shutdown), Abandoned)
}

// stopAll stops every child. Dynamic children of OneForOne do not depend on one another
// and stop together; all others stop one by one in reverse order.
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
		s.cancel(c)
	}
	begun := time.Now()
	for _, c := range together {
		s.mu.Lock()
		i := c.inc
		s.mu.Unlock()
		if i != nil {
			s.wait(i, remaining(c.spec.Shutdown, begun))
		}
	}
	for _, c := range ordered {
		s.terminate(c)
	}
}

// remaining is what is left of a Shutdown that began earlier.
func remaining(d time.Duration, begun time.Time) time.Duration {
	d = cmp.Or(d, defaultShutdown)
	if d == Infinity || d == BrutalKill {
		return d
	}
	if d -= time.Since(begun); d <= 0 {
		return BrutalKill
	}
	return d
}
