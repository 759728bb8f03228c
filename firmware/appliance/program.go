package appliance

import (
	"context"
	"errors"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/services/supervise"
)

// Crash handling of the supervised program.
const (
	maxCrashes      = 4                // this many unwanted ends ...
	crashWindow     = 10 * time.Minute // ... within this time are a crash loop
	minRestartDelay = time.Second      // the first pause before a restart
	maxRestartDelay = 15 * time.Second
	stopTimeout     = 40 * time.Second // the program stops in order: the rooms first, the journal last
	aliveTimeout    = 45 * time.Second // without a heartbeat for this long the program hangs
)

// errRestart ends a run of the program because a restart was requested.
var errRestart = errors.New("a restart was requested")

// errNoHeartbeat ends a run of the program because its heartbeats stopped.
var errNoHeartbeat = errors.New("no sign of life")

// program runs the box, and the safe mode when the box keeps crashing.
type program struct {
	m             *Machine
	restart       chan struct{}      // holds one
	heartbeats    chan initctl.Alive // of the running program
	recentCrashes []time.Time        // times of the last unwanted ends
	minDelay      time.Duration      // the pause after the first crash
}

func newProgram(m *Machine) *program {
	return &program{m: m, restart: make(chan struct{}, 1), heartbeats: make(chan initctl.Alive, 8), minDelay: minRestartDelay}
}

// String returns the name of the service.
func (p *program) String() string { return "program" }

// Serve runs the program again and again until ctx ends.
func (p *program) Serve(ctx context.Context) error {
	for ctx.Err() == nil {
		if p.m.isDamaged() { // the box cannot write, and would begin with nothing
			p.runSafeMode(ctx)
			continue
		}
		p.m.mountBootAgain()
		err := p.runOnce(ctx, "box")
		if ctx.Err() != nil {
			//lint:ignore nilerr the end of the context is no fault
			return nil
		}
		if errors.Is(err, errRestart) {
			p.recentCrashes = nil
			continue
		}
		if !p.recordCrash(err) {
			supervise.Sleep(ctx, min(p.minDelay<<len(p.recentCrashes), maxRestartDelay))
			continue
		}
		if p.m.isTrial() {
			p.m.fallBack("the new version does not stay up: " + errorText(err))
			<-ctx.Done()
			return nil
		}
		p.runSafeMode(ctx)
	}
	return nil
}

// recordCrash records an unwanted end and reports whether the program is in a crash loop.
func (p *program) recordCrash(err error) bool {
	now := time.Now()
	p.m.recordFailure(initctl.Failure{At: now, What: "box", Why: errorText(err), Tail: outputTail(err)})
	p.recentCrashes = append(p.recentCrashes, now)
	for len(p.recentCrashes) > 0 && now.Sub(p.recentCrashes[0]) > crashWindow {
		p.recentCrashes = p.recentCrashes[1:]
	}
	return len(p.recentCrashes) >= maxCrashes
}

// runSafeMode runs the safe mode until a restart of the box is requested.
func (p *program) runSafeMode(ctx context.Context) {
	p.m.setSafeMode(true)
	defer p.m.setSafeMode(false)
	p.recentCrashes = nil
	for ctx.Err() == nil {
		err := p.runOnce(ctx, "safe")
		if errors.Is(err, errRestart) || ctx.Err() != nil {
			return
		}
		p.m.log.Error("the safe mode ended", "err", err)
		supervise.Sleep(ctx, maxRestartDelay) // the safe mode holds no state, so restart it forever
	}
}

// OOM scores. Programs that the box starts have positive scores, so they are killed first.
const (
	boxScore     = -500 // killed last
	networkScore = -400
)

// runOnce runs a program once, watches its heartbeats and returns the reason for its end. The
// heartbeats renew the lease.
func (p *program) runOnce(ctx context.Context, name string) error {
	for len(p.heartbeats) > 0 {
		<-p.heartbeats // left over from the previous run
	}
	p.m.lease.renew(startLease)
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	g := supervise.Group(life)
	g.Go(func(ctx context.Context) error {
		err := supervise.RunOnce(ctx, p.m.newProgram(name), supervise.ProcessOpts{Shutdown: stopTimeout, OOMScore: boxScore})
		if err == nil {
			err = errors.New("it ended by itself")
		}
		end(err)
		return err
	})
	g.Go(func(ctx context.Context) error { p.watchHeartbeats(ctx, end); return nil })
	err := g.Wait()
	p.m.lease.renew(startLease)
	p.m.log.Info("a program ended", "program", name, "err", err)
	return err
}

// watchHeartbeats renews the lease on each heartbeat, and ends the program when they stop.
func (p *program) watchHeartbeats(ctx context.Context, end context.CancelCauseFunc) {
	quiet := time.NewTimer(startLease)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.restart:
			end(errRestart)
			return
		case <-quiet.C:
			end(errNoHeartbeat)
			return
		case a := <-p.heartbeats:
			p.m.lease.renew(aliveLease)
			quiet.Reset(aliveTimeout)
			if a.Ready {
				p.m.markReady()
			}
		}
	}
}

// queueHeartbeat queues a heartbeat. A full queue drops it, because it carries no news.
func (p *program) queueHeartbeat(a initctl.Alive) {
	select {
	case p.heartbeats <- a:
	default:
	}
}

// requestRestart requests a restart of the program.
func (p *program) requestRestart() {
	select {
	case p.restart <- struct{}{}:
	default:
	}
}

func errorText(err error) string {
	if err == nil {
		return "unknown"
	}
	return err.Error()
}

// outputTail returns the last output of a program that failed.
func outputTail(err error) string {
	if p, ok := errors.AsType[*supervise.ProcessError](err); ok {
		return string(p.Tail)
	}
	return ""
}
