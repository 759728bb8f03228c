package supervise

import (
	"context"
	"fmt"
	"time"
)

// Serve handles mail until ctx ends. Then it takes only urgent mail, handles all waiting mail,
// saves every entity and returns. Mail that is not handled within Kind.Drain is dropped and
// reported.
func (p *Pool[K, S, M]) Serve(ctx context.Context) error { return p.serve(ctx, func() {}) }

func (p *Pool[K, S, M]) patience() time.Duration { return p.kind.Drain + 2*time.Second }

func (p *Pool[K, S, M]) serve(ctx context.Context, ready func()) error {
	sc, own := enterScope(ctx, p.kind.Name, p.kind.Observe)
	root, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), scopeKey{}, sc))
	p.mu.Lock()
	if p.state == "running" || p.state == "stopping" {
		p.mu.Unlock()
		cancel()
		return fmt.Errorf("pool %s: already serving: %w", p.kind.Name, ErrTaken)
	}
	p.root, p.path, p.out = root, sc.path, sc.out
	p.state, p.since = "running", time.Now()
	p.mu.Unlock()
	p.openShards()
	ready()
	p.runSweeps(ctx)
	p.setState("stopping")
	p.drainAll()
	cancel()
	p.setState("stopped")
	if own {
		sc.out.flushReports(flushTime)
	}
	return nil
}

func (p *Pool[K, S, M]) setState(state string) {
	p.mu.Lock()
	p.state, p.since = state, time.Now()
	p.mu.Unlock()
}

// openShards starts a goroutine for each entity that has mail already.
func (p *Pool[K, S, M]) openShards() {
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		sh.phase = phaseOpen
		for b := sh.busy; b != nil; b = b.next {
			if sh.tryLaunch(b) {
				go p.drainMailbox(sh, b.e, b)
			}
		}
		sh.mu.Unlock()
	}
}

// runSweeps fences hung entities and passivates idle ones until ctx ends.
func (p *Pool[K, S, M]) runSweeps(ctx context.Context) {
	if p.sweepInterval <= 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(p.sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := p.tick.Add(1)
		for n := range p.shards {
			p.sweepShard(&p.shards[n], now)
		}
	}
}

func (p *Pool[K, S, M]) sweepShard(sh *shard[K, S, M], now uint32) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for b := sh.busy; b != nil; {
		next := b.next
		if b.running {
			p.checkHang(sh, b)
		}
		b = next
	}
	if p.kind.Idle > 0 && !sh.saving && p.isIdleExpired(sh, now) {
		sh.saving = true
		go p.passivateIdle(sh)
	}
}

// checkHang fences the goroutine of b if its message takes longer than Kind.Hang.
func (p *Pool[K, S, M]) checkHang(sh *shard[K, S, M], b *mailbox[K, S, M]) {
	if b.turns != b.seen {
		b.seen, b.stale = b.turns, 0
		return
	}
	b.stale++
	if p.kind.Hang > 0 && time.Duration(b.stale)*p.sweepInterval >= p.kind.Hang {
		p.fenceMailbox(sh, b)
	}
}

// fenceMailbox gives the entity a new mailbox with all its mail, and a new goroutine.
func (p *Pool[K, S, M]) fenceMailbox(sh *shard[K, S, M], b *mailbox[K, S, M]) {
	e := b.e
	sh.detachMailbox(b)
	nb := &mailbox[K, S, M]{
		normal: b.normal, urgent: b.urgent, current: b.current, hasCurrent: b.hasCurrent,
		dead: b.dead, running: true,
	}
	if b.isPassivator {
		sh.saving = false
	}
	b.normal, b.urgent, b.dead = queue[item[M]]{}, queue[item[M]]{}, nil
	sh.attachMailbox(e, nb)
	p.hung.Add(1)
	if p.blameHung(sh, e, nb, b.initing) {
		go p.drainMailbox(sh, e, nb)
	}
}

// blameHung decides how to continue after a fence. False: a timer starts the next goroutine.
func (p *Pool[K, S, M]) blameHung(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M], initing bool) bool {
	err := fmt.Errorf("%w for more than %v", ErrHung, p.kind.Hang)
	p.sendReport(e, err, p.lastMessage(b), Fenced, e.crashBudget().restarts)
	switch {
	case initing:
		return p.handleInitFailure(sh, e, b, err)
	case b.hasCurrent:
		p.blameMessage(e, b, err)
	default: // Save or Dead
		e.endLife()
	}
	return true
}
