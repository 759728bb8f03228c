package supervise

import (
	"context"
	"time"
)

// nextGroup is the next crash that needs a group restart, or nil.
func (s *Supervisor) nextGroup() *incarnation {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pendingGroups) > 0 {
		i := s.pendingGroups[0]
		s.pendingGroups = s.pendingGroups[1:]
		if i.c.inc == i { // otherwise an earlier group restart has restarted it
			return i
		}
	}
	return nil
}

// restartGroup stops the children that share c's fate and starts them again. A failing start
// counts as a restart, and the group is tried again from the child that failed.
func (s *Supervisor) restartGroup(ctx context.Context, c *child) {
	for {
		if !s.awaitBackoff(ctx, c) {
			return
		}
		group := s.affectedChildren(c)
		for n := len(group) - 1; n >= 0; n-- {
			s.stopChild(group[n])
		}
		failed, err := s.startGroup(ctx, group)
		if failed == nil || ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		ok := s.err == nil && s.countRestart(failed, err)
		s.mu.Unlock()
		if !ok {
			return
		}
		c = failed
	}
}

func (s *Supervisor) startGroup(ctx context.Context, group []*child) (failed *child, err error) {
	for _, c := range group {
		if c.spec.Restart == Temporary {
			s.mu.Lock()
			s.finishChild(c, "stopped")
			s.mu.Unlock()
			continue
		}
		if err := s.startOne(ctx, c); err != nil {
			return c, err
		}
		s.mu.Lock()
		c.restarts++
		s.mu.Unlock()
	}
	return nil, nil
}

// affectedChildren are the children that share c's fate, in the order of starting.
func (s *Supervisor) affectedChildren(c *child) []*child {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.head
	if s.spec.Strategy == RestForOne {
		from = c
	}
	var group []*child
	for ; from != nil; from = from.next {
		group = append(group, from)
	}
	return group
}

// awaitBackoff waits for c's back-off. False: the supervisor is ending.
func (s *Supervisor) awaitBackoff(ctx context.Context, c *child) bool {
	s.mu.Lock()
	d := c.spec.Backoff.delayFor(c.crashesInRow)
	s.mu.Unlock()
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.failing:
	}
	return false
}
