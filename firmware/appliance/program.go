package appliance

import (
	"context"
	"errors"
	"time"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/services/supervise"
)

// How a program that keeps ending is dealt with.
const (
	crashes   = 4                // this many ends that nobody asked for ...
	within    = 10 * time.Minute // ... in this time are a crash loop
	fastest   = time.Second      // the pause before it is started anew
	slowest   = 15 * time.Second
	stopTime  = 40 * time.Second // the program stops in order: rooms, then the disk
	quietTime = 45 * time.Second // without a sign of life it hangs
)

// errRestart ends a life of the program that somebody asked to end.
var errRestart = errors.New("asked to start anew")

// errQuiet ends a life of a program that shows no sign of life any more.
var errQuiet = errors.New("no sign of life")

// program keeps the box running, and the safe mode when the box cannot.
type program struct {
	m       *Machine
	restart chan struct{}   // holds one
	signs   chan door.Alive // of the program that runs
	ends    []time.Time     // of the last lives that nobody ended
	fastest time.Duration   // the pause after the first of them
}

func newProgram(m *Machine) *program {
	return &program{m: m, restart: make(chan struct{}, 1), signs: make(chan door.Alive, 8), fastest: fastest}
}

// String is the service's name.
func (p *program) String() string { return "program" }

// Serve runs one life after the other until ctx ends.
func (p *program) Serve(ctx context.Context) error {
	for ctx.Err() == nil {
		err := p.life(ctx, "box")
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errRestart) {
			p.ends = nil
			continue
		}
		if !p.crashed(err) {
			pause(ctx, min(p.fastest<<len(p.ends), slowest))
			continue
		}
		if p.m.trial() {
			p.m.fallBack("the new version does not stay up: " + reason(err))
			<-ctx.Done()
			return nil
		}
		p.safe(ctx)
	}
	return nil
}

// crashed notes the end of a life and tells that there were too many.
func (p *program) crashed(err error) bool {
	now := time.Now()
	p.m.failed(door.Failure{At: now, What: "box", Why: reason(err), Tail: tail(err)})
	p.ends = append(p.ends, now)
	for len(p.ends) > 0 && now.Sub(p.ends[0]) > within {
		p.ends = p.ends[1:]
	}
	return len(p.ends) >= crashes
}

// safe runs the safe mode until somebody asks for the box again.
func (p *program) safe(ctx context.Context) {
	p.m.setSafe(true)
	defer p.m.setSafe(false)
	p.ends = nil
	for ctx.Err() == nil {
		err := p.life(ctx, "safe")
		if errors.Is(err, errRestart) || ctx.Err() != nil {
			return
		}
		p.m.log.Error("the safe mode ended", "err", err)
		pause(ctx, slowest) // it has nothing to lose, and so has the machine
	}
}

// life is one life of a program: started, watched, ended. The lease is the program's own to
// renew, by its signs of life.
func (p *program) life(ctx context.Context, name string) error {
	for len(p.signs) > 0 {
		<-p.signs // of the one before
	}
	p.m.lease.renew(startLease)
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	g := supervise.Group(life)
	g.Go(func(ctx context.Context) error {
		err := supervise.RunOnce(ctx, p.m.run(name), supervise.ProcessOpts{Shutdown: stopTime})
		if err == nil {
			err = errors.New("it ended by itself")
		}
		end(err)
		return err
	})
	g.Go(func(ctx context.Context) error { p.watch(ctx, end); return nil })
	err := g.Wait()
	p.m.lease.renew(startLease)
	p.m.log.Info("a program ended", "program", name, "err", err)
	return err
}

// watch takes signs of life until the life ends, and ends it when there are none.
func (p *program) watch(ctx context.Context, end context.CancelCauseFunc) {
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
			end(errQuiet)
			return
		case a := <-p.signs:
			p.m.lease.renew(aliveLease)
			quiet.Reset(quietTime)
			if a.Ready {
				p.m.ready()
			}
		}
	}
}

// sign takes a sign of life; one more that finds the queue full says nothing new.
func (p *program) sign(a door.Alive) {
	select {
	case p.signs <- a:
	default:
	}
}

// again asks for a new life.
func (p *program) again() {
	select {
	case p.restart <- struct{}{}:
	default:
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func reason(err error) string {
	if err == nil {
		return "unknown"
	}
	return err.Error()
}

// tail is the end of what a program wrote before it ended.
func tail(err error) string {
	if p, ok := errors.AsType[*supervise.ProcessError](err); ok {
		return string(p.Tail)
	}
	return ""
}
