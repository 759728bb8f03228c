package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// child is one place on a supervisor's list. Its supervisor's mu guards it.
type child struct {
	spec       Child
	static     bool
	hold       bool // stopped by request: the supervisor does not start it by itself
	state      string
	since      time.Time
	lastErr    error
	restarts   int
	row        int // crashes in a row, for the back-off
	window     window
	inc        *incarnation // nil while nothing runs
	timer      *time.Timer  // the back-off that is waited for
	prev, next *child
}

// incarnation is one run of a child's Start.
type incarnation struct {
	s        *Supervisor
	c        *child
	ctx      context.Context
	cancel   context.CancelFunc
	begun    time.Time
	awaited  bool // somebody waits for ready and handles a failing start
	up       bool
	stopping bool // somebody waits for the end and sets the child's state
	over     bool // the goroutine has ended
	left     bool // abandoned
	decided  bool // decide has reported it
	err      error
	ready    chan struct{} // closed when it can be used; nil if that is at once
	done     chan struct{} // closed when the goroutine has ended, or was abandoned
}

// begin starts c. The caller holds mu.
func (s *Supervisor) begin(c *child, awaited bool) *incarnation {
	i := &incarnation{s: s, c: c, begun: time.Now(), awaited: awaited, done: make(chan struct{})}
	i.ctx, i.cancel = context.WithCancel(s.ctx)
	c.inc, c.since, c.timer = i, i.begun, nil
	if c.spec.instant {
		i.up, c.state = true, "running"
		s.running++
	} else {
		i.ready, c.state = make(chan struct{}), "starting"
	}
	go i.run()
	return i
}

func (i *incarnation) run() {
	returned := false
	defer func() {
		if !returned {
			i.err = caught(recover())
		}
		i.cancel()
		i.s.ended(i)
	}()
	i.err = i.c.spec.Start(i.ctx, i.setReady)
	returned = true
}

func (i *incarnation) setReady() {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	if i.up || i.c.inc != i {
		return
	}
	i.up = true
	i.s.running++
	if !i.stopping {
		i.c.state = "running"
	}
	close(i.ready)
}

// ended is the last act of an incarnation's goroutine.
func (s *Supervisor) ended(i *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.left {
		s.abandoned--
		return
	}
	i.over = true
	defer close(i.done)
	if i.up {
		s.running--
	}
	if i.stopping || i.awaited && !i.up {
		return
	}
	s.decide(i)
}

// decide says what becomes of a child that ended by itself. The caller holds mu.
func (s *Supervisor) decide(i *incarnation) {
	c := i.c
	i.decided = true
	if c.settle(i.err) {
		s.finish(c, c.state)
		return
	}
	if c.spec.Restart == Temporary {
		s.report(c, i.err, Finished)
		s.finish(c, "finished")
		return
	}
	err := reason(i.err)
	if time.Since(i.begun) > c.spec.Backoff.max() {
		c.row = 0
	}
	if !s.count(c, err) {
		return
	}
	if s.spec.Strategy != OneForOne {
		s.groups = append(s.groups, i)
		select {
		case s.wake <- struct{}{}:
		default:
		}
		return
	}
	c.inc = nil
	c.restarts++
	s.again(c)
}

// reason is err, or what to say of a child that just returned.
func reason(err error) error {
	if err == nil {
		return errors.New("returned nil")
	}
	return err
}

// settle records how c ended and tells whether that is a good end for its kind.
func (c *child) settle(err error) bool {
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

// count enters a restart of c into the budget. False: it is spent, and that is dealt
// with. The caller holds mu.
func (s *Supervisor) count(c *child, err error) bool {
	c.row++
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
	case !w.add(time.Now(), s.spec.MaxRestarts, s.spec.Period):
		s.report(c, err, decision)
		return true
	case s.spec.Each:
		s.report(c, err, Spent)
		s.finish(c, "spent")
	default:
		s.report(c, err, Escalated)
		s.fail(fmt.Errorf("%s: child %s: %w: %w", s.path, c.spec.ID, ErrIntensity, err))
	}
	return false
}

func (s *Supervisor) fail(err error) {
	if s.err == nil {
		s.err = err
		close(s.failing)
	}
}

// again restarts c, after its back-off. The caller holds mu.
func (s *Supervisor) again(c *child) {
	d := c.spec.Backoff.delay(c.row)
	if c.hold || s.state == "stopping" {
		return
	}
	if d <= 0 {
		s.begin(c, false)
		return
	}
	c.state = "waiting"
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.timer == timer && c.inc == nil && !c.hold && s.state != "stopping" {
			s.begin(c, false)
		}
	})
	c.timer = timer
}

// finish ends c's place: a static child stays on the list, a dynamic one leaves it.
// The caller holds mu.
func (s *Supervisor) finish(c *child, state string) {
	c.inc, c.timer, c.state, c.since = nil, nil, state, time.Now()
	if !c.static {
		s.remove(c)
	}
}

func (s *Supervisor) report(c *child, err error, decision string) {
	s.out.add(newReport(s.path, c.spec.ID, err, decision, c.restarts))
}

func (s *Supervisor) add(c *child) {
	s.children[c.spec.ID] = c
	c.prev = s.tail
	if s.tail == nil {
		s.head = c
	} else {
		s.tail.next = c
	}
	s.tail = c
}

func (s *Supervisor) remove(c *child) {
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
