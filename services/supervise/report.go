package supervise

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Values of Report.Decision: how the supervisor answered a crash.
const (
	Restarted   = "restarted"    // the child or entity runs again, or will after its back-off
	RestartedAs = "group"        // it was restarted together with its siblings
	Finished    = "finished"     // it is not to be restarted
	Escalated   = "escalated"    // the supervisor gave up and its parent sees it fail
	Spent       = "spent"        // its own budget is spent, it rests
	Abandoned   = "abandoned"    // it did not end in time and was left behind
	Stopped     = "stopped"      // it failed while it was being stopped
	Failed      = "start_failed" // it failed before it was ready, its starter decides
	Buried      = "dead"         // the message crashed twice and went to Kind.Dead
	Fenced      = "fenced"       // the handler hung, a new incarnation took over
	Unsaved     = "unsaved"      // Kind.Save failed
	Lost        = "lost"         // a spawned goroutine panicked and is not restarted
)

// Report describes one crash and the answer to it.
type Report struct {
	Path     string    `json:"path"`  // the supervisor or pool, from the root: "box/rooms"
	Child    string    `json:"child"` // the child's id or the entity's key
	Err      error     `json:"-"`
	Panic    any       `json:"-"`              // the value of a panic
	Stack    []byte    `json:"-"`              // at most 16 KiB, of a program, the end of its error output
	Last     string    `json:"last,omitempty"` // the message that was handled, by Kind.Describe
	Restarts int       `json:"restarts"`       // of this child or entity so far
	At       time.Time `json:"at"`
	Decision string    `json:"decision"`
	Dropped  int       `json:"dropped,omitempty"` // reports lost before this one because Observe was slow
}

func newReport(path, child string, err error, decision string, restarts int) Report {
	r := Report{Path: path, Child: child, Err: err, Decision: decision, Restarts: restarts, At: time.Now()}
	if p, ok := errors.AsType[*PanicError](err); ok {
		r.Panic = p.Value
	}
	return r
}

const outboxSize = 256

// reportOutbox hands reports to an observer without ever making the sender wait. It has a
// goroutine only while there are reports. When it is full, the newest is dropped.
type reportOutbox struct {
	observe func(Report)

	mu      sync.Mutex // guards the fields below
	queue   []Report
	dropped int
	idle    chan struct{} // closed when the goroutine ended, nil if there is none
}

func (o *reportOutbox) addReport(r Report) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= outboxSize {
		o.dropped++
		return
	}
	r.Dropped, o.dropped = o.dropped, 0
	o.queue = append(o.queue, r)
	if o.idle == nil {
		o.idle = make(chan struct{})
		go o.drainReports(o.idle)
	}
}

func (o *reportOutbox) drainReports(idle chan struct{}) {
	clean := false
	defer func() {
		if !clean { // Observe called Goexit
			go o.drainReports(idle)
		}
	}()
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.queue, o.idle = nil, nil
			o.mu.Unlock()
			close(idle)
			clean = true
			return
		}
		r := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		r.Stack = stackOf(r.Err)
		// A panic of the observer cannot be reported any further.
		_ = runRecovering(func() error { o.observe(r); return nil }, nil)
	}
}

// flushReports waits until all reports are observed, at most d.
func (o *reportOutbox) flushReports(d time.Duration) {
	if o == nil {
		return
	}
	o.mu.Lock()
	idle := o.idle
	o.mu.Unlock()
	if idle == nil {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

// scope carries the supervisor's data in a child's context.
type scope struct {
	path string
	out  *reportOutbox
}

type scopeKey struct{}

func scopeOf(ctx context.Context) scope {
	s, _ := ctx.Value(scopeKey{}).(scope)
	return s
}

// enterScope returns the scope of the service called name that was started with ctx. own means
// that the outbox belongs to it, and it must flush it.
func enterScope(ctx context.Context, name string, observe func(Report)) (s scope, own bool) {
	s = scopeOf(ctx)
	if s.path != "" {
		name = s.path + "/" + name
	}
	s.path = name
	if observe != nil {
		s.out = &reportOutbox{observe: observe}
	}
	return s, observe != nil
}
