package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// child is one place on a supervisor's list. Its supervisor's mu guards it.
type child struct {
	spec         Child
	static       bool
	held         bool // stopped by request: the supervisor does not start it by itself
	state        string
	since        time.Time
	lastErr      error
	restarts     int
	crashesInRow int // crashes in a row, for the back-off
	window       restartWindow
	inc          *incarnation // nil while nothing runs
	timer        *time.Timer  // the timer of its back-off
	prev, next   *child
}

// incarnation is one run of a child's Start.
type incarnation struct {
	s         *Supervisor
	c         *child
	ctx       context.Context
	cancel    context.CancelFunc
	startedAt time.Time
	awaited   bool // a caller waits for ready and handles a failing start
	isReady   bool
	stopping  bool // a caller waits for the end and sets the child's state
	ended     bool // the goroutine has ended
	abandoned bool // abandoned
	decided   bool // decideRestart has reported it
	err       error
	ready     chan struct{} // closed when it can be used, nil if that is at once
	done      chan struct{} // closed when the goroutine has ended, or was abandoned
}

// startChild starts c. The caller holds mu.
func (s *Supervisor) startChild(c *child, awaited bool) *incarnation {
	i := &incarnation{s: s, c: c, startedAt: time.Now(), awaited: awaited, done: make(chan struct{})}
	i.ctx, i.cancel = context.WithCancel(s.ctx)
	c.inc, c.since, c.timer = i, i.startedAt, nil
	if c.spec.instant {
		i.isReady, c.state = true, "running"
		s.running++
	} else {
		i.ready, c.state = make(chan struct{}), "starting"
	}
	go i.runStart()
	return i
}

func (i *incarnation) runStart() {
	returned := false
	defer func() {
		if !returned {
			i.err = newPanicError(recover())
		}
		i.cancel()
		i.s.handleEnd(i)
	}()
	i.err = i.c.spec.Start(i.ctx, i.setReady)
	returned = true
}

func (i *incarnation) setReady() {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	if i.isReady || i.c.inc != i {
		return
	}
	i.isReady = true
	i.s.running++
	if !i.stopping {
		i.c.state = "running"
	}
	close(i.ready)
}

// handleEnd is the last step of an incarnation's goroutine.
func (s *Supervisor) handleEnd(i *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.abandoned {
		s.abandoned--
		return
	}
	i.ended = true
	defer close(i.done)
	if i.isReady {
		s.running--
	}
	if i.stopping || i.awaited && !i.isReady {
		return
	}
	s.decideRestart(i)
}

// decideRestart decides the fate of a child that ended by itself. The caller holds mu.
func (s *Supervisor) decideRestart(i *incarnation) {
	c := i.c
	i.decided = true
	if c.recordEnd(i.err) {
		s.finishChild(c, c.state)
		return
	}
	if c.spec.Restart == Temporary {
		s.sendReport(c, i.err, Finished)
		s.finishChild(c, "finished")
		return
	}
	err := endReason(i.err)
	if time.Since(i.startedAt) > c.spec.Backoff.maxDelay() {
		c.crashesInRow = 0
	}
	if !s.countRestart(c, err) {
		return
	}
	if s.spec.Strategy != OneForOne {
		s.pendingGroups = append(s.pendingGroups, i)
		select {
		case s.wake <- struct{}{}:
		default:
		}
		return
	}
	c.inc = nil
	c.restarts++
	s.restartChild(c)
}

// endReason is err, or a text for a child that returned without an error.
func endReason(err error) error {
	if err == nil {
		return errors.New("returned nil")
	}
	return err
}

// recordEnd records how c ended and reports whether it is a good end for its kind.
func (c *child) recordEnd(err error) bool {
	c.since, c.state = time.Now(), "finished"
	if errors.Is(err, ErrIgnore) {
		c.state = "ignored"
		return true
	}
	good := err == nil || errors.Is(err, ErrShutdown)
	if !good {
		c.lastErr = err
		c.state = "crashed"
	}
	return good && c.spec.Restart != Permanent
}

// countRestart adds a restart of c to the budget. False: the budget is spent, and countRestart
// has acted on it. The caller holds mu.
func (s *Supervisor) countRestart(c *child, err error) bool {
	c.crashesInRow++
	s.restarts++
	w := &s.window
	if s.spec.Each {
		w = &c.window
	}
	decision := Restarted
	if s.spec.Strategy != OneForOne {
		decision = RestartedAs
	}
	switch {
	case !w.addRestart(time.Now(), s.spec.MaxRestarts, s.spec.Period):
		s.sendReport(c, err, decision)
		return true
	case s.spec.Each:
		s.sendReport(c, err, Spent)
		s.finishChild(c, "spent")
	default:
		s.sendReport(c, err, Escalated)
		s.giveUp(fmt.Errorf("%s: child %s: %w: %w", s.path, c.spec.ID, ErrIntensity, err))
	}
	return false
}

func (s *Supervisor) giveUp(err error) {
	if s.err == nil {
		s.err = err
		close(s.failing)
	}
}

// restartChild restarts c, after its back-off. The caller holds mu.
func (s *Supervisor) restartChild(c *child) {
	d := c.spec.Backoff.delayFor(c.crashesInRow)
	if c.held || s.state == "stopping" {
		return
	}
	if d <= 0 {
		s.startChild(c, false)
		return
	}
	c.state = "waiting"
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.timer == timer && c.inc == nil && !c.held && s.state != "stopping" {
			s.startChild(c, false)
		}
	})
	c.timer = timer
}

// finishChild ends c's place: a static child stays on the list, a dynamic one leaves it.
// The caller holds mu.
func (s *Supervisor) finishChild(c *child, state string) {
	c.inc, c.timer, c.state, c.since = nil, nil, state, time.Now()
	if !c.static {
		s.removeChild(c)
	}
}

func (s *Supervisor) sendReport(c *child, err error, decision string) {
	s.out.addReport(newReport(s.path, c.spec.ID, err, decision, c.restarts))
}

func (s *Supervisor) addChild(c *child) {
	s.children[c.spec.ID] = c
	c.prev = s.tail
	if s.tail == nil {
		s.head = c
	} else {
		s.tail.next = c
	}
	s.tail = c
}

func (s *Supervisor) removeChild(c *child) {
	if s.children[c.spec.ID] != c {
		return
	}
	delete(s.children, c.spec.ID)
	if c.prev == nil {
		s.head = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		s.tail = c.prev
	} else {
		c.next.prev = c.prev
	}
}
