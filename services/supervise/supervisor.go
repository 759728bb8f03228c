package supervise

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Supervisor keeps children running. It is a Service, hence a child of another. Made by New.
//
//	ended child -> decide: Restart kind -> intensity -> strategy
//	   OneForOne    the child begins again by itself, after its back-off
//	   the others   Serve's goroutine stops the affected in reverse, starts them in order
//	   exceeded     Serve stops all in reverse and returns ErrIntensity
type Supervisor struct {
	spec Spec

	mu            sync.Mutex // guards the fields below and those of each child
	state         string
	since         time.Time
	lastErr       error
	path          string
	ctx           context.Context // the parent of the children's contexts, never cancelled
	out           *reportOutbox
	ownOut        bool
	children      map[string]*child
	head          *child // in the order of starting, last at the tail
	tail          *child
	window        restartWindow
	restarts      int
	abandoned     int
	err           error         // the reason for giving up
	failing       chan struct{} // closed with err
	pendingGroups []*incarnation
	wake          chan struct{} // pendingGroups is not empty
	running       int           // children that are ready
}

const flushTime = time.Second

// New makes a supervisor of spec. It starts nothing.
func New(spec Spec) *Supervisor {
	if spec.MaxRestarts == 0 {
		spec.MaxRestarts = defaultRestarts
	}
	if spec.Period <= 0 {
		spec.Period = defaultPeriod
	}
	return &Supervisor{spec: spec, state: "new"}
}

// Serve starts the children in order, keeps them, and stops them in reverse order when ctx
// ends. It returns ErrStart, ErrIntensity or ErrSpec when it gives up. When it is called again,
// static children start again and dynamic ones are forgotten.
func (s *Supervisor) Serve(ctx context.Context) error { return s.serve(ctx, func() {}) }

func (s *Supervisor) patience() time.Duration { return Infinity }

func (s *Supervisor) serve(ctx context.Context, ready func()) error {
	if err := s.resetState(ctx); err != nil {
		return err
	}
	err := s.startAll(ctx)
	if err == nil {
		ready()
		err = s.watchChildren(ctx)
	}
	s.stopAll()
	s.mu.Lock()
	s.state, s.since, s.lastErr = "stopped", time.Now(), err
	out, own := s.out, s.ownOut
	s.mu.Unlock()
	if own {
		out.flushReports(flushTime)
	}
	return err
}

// resetState prepares the state: a supervisor that serves again begins from its Spec.
func (s *Supervisor) resetState(ctx context.Context) error {
	err := checkChildren(s.spec.Children)
	if s.spec.Strategy > RestForOne || s.spec.Each && s.spec.Strategy != OneForOne {
		err = fmt.Errorf("strategy %d, Each %t: %w", s.spec.Strategy, s.spec.Each, ErrSpec)
	}
	if err != nil {
		return fmt.Errorf("supervisor %s: %w", s.spec.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == "starting" || s.state == "running" || s.state == "stopping" {
		return fmt.Errorf("supervisor %s: already serving: %w", s.spec.Name, ErrTaken)
	}
	sc, own := enterScope(ctx, s.spec.Name, s.spec.Observe)
	s.path, s.out, s.ownOut = sc.path, sc.out, own
	s.ctx = context.WithValue(context.WithoutCancel(ctx), scopeKey{}, sc)
	s.state, s.since = "starting", time.Now()
	s.children = make(map[string]*child, len(s.spec.Children))
	s.head, s.tail, s.window, s.err, s.pendingGroups = nil, nil, restartWindow{}, nil, nil
	s.running = 0
	s.failing, s.wake = make(chan struct{}), make(chan struct{}, 1)
	for _, spec := range s.spec.Children {
		s.addChild(&child{spec: spec, static: true, state: "waiting"})
	}
	return nil
}

func checkChildren(children []Child) error {
	seen := make(map[string]bool, len(children))
	for _, c := range children {
		if err := c.checkSpec(); err != nil {
			return err
		}
		if seen[c.ID] {
			return fmt.Errorf("child %s is listed twice: %w", c.ID, ErrSpec)
		}
		seen[c.ID] = true
	}
	return nil
}

func (c *Child) checkSpec() error {
	switch {
	case c.ID == "":
		return fmt.Errorf("a child has no id: %w", ErrSpec)
	case c.Start == nil:
		return fmt.Errorf("child %s has no Start: %w", c.ID, ErrSpec)
	case c.Restart > Temporary:
		return fmt.Errorf("child %s: restart kind %d: %w", c.ID, c.Restart, ErrSpec)
	case c.Shutdown < BrutalKill:
		return fmt.Errorf("child %s: shutdown %v: %w", c.ID, c.Shutdown, ErrSpec)
	}
	return nil
}

// startAll starts the static children, each after the one before is ready.
func (s *Supervisor) startAll(ctx context.Context) error {
	for _, spec := range s.spec.Children {
		s.mu.Lock()
		c := s.children[spec.ID]
		s.mu.Unlock()
		if c == nil || ctx.Err() != nil {
			continue
		}
		err := s.startOne(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.err == nil {
				s.sendReport(c, err, Failed)
			}
			return err
		}
	}
	s.mu.Lock()
	s.state, s.since = "running", time.Now()
	s.mu.Unlock()
	return nil
}

// startOne starts c unless it is held, and waits until it is ready. The error is c's, or
// the supervisor's own when that gives up meanwhile.
func (s *Supervisor) startOne(ctx context.Context, c *child) error {
	s.mu.Lock()
	if c.held || c.inc != nil || s.children[c.spec.ID] != c {
		s.mu.Unlock()
		return nil
	}
	i := s.startChild(c, true)
	s.mu.Unlock()
	if i.ready == nil {
		return nil
	}
	select {
	case <-i.ready:
		return nil
	case <-i.done:
		return s.notStarted(c, i)
	case <-s.failing:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notStarted settles a child that ended before it was ready.
func (s *Supervisor) notStarted(c *child, i *incarnation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.isReady || i.stopping { // handleEnd or cancelChild has settled it
		return nil
	}
	if c.inc == i {
		c.inc = nil
	}
	if c.recordEnd(i.err) {
		return nil
	}
	return fmt.Errorf("%s: child %s: %w: %w", s.path, c.spec.ID, ErrStart, endReason(i.err))
}

// watchChildren waits for the end, and restarts groups.
func (s *Supervisor) watchChildren(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.failing:
			return s.err
		case <-s.wake:
		}
		for i := s.nextGroup(); i != nil; i = s.nextGroup() {
			s.restartGroup(ctx, i.c)
			if ctx.Err() != nil {
				//lint:ignore nilerr the end of the context is no fault
				return nil
			}
		}
	}
}
