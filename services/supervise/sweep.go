package supervise

import (
	"context"
	"fmt"
	"time"
)

// Serve handles mail until ctx ends. Then it takes only urgent mail, handles what is
// there, saves every entity and returns; what is not done within Kind.Drain is dropped
// and reported.
func (p *Pool[K, S, M]) Serve(ctx context.Context) error { return p.serve(ctx, func() {}) }

func (p *Pool[K, S, M]) patience() time.Duration { return p.kind.Drain + 2*time.Second }

func (p *Pool[K, S, M]) serve(ctx context.Context, ready func()) error {
	sc, own := enter(ctx, p.kind.Name, p.kind.Observe)
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
	p.sweep(ctx)
	p.become("stopping")
	p.finish()
	cancel()
	p.become("stopped")
	if own {
		sc.out.flush(flushTime)
	}
	return nil
}

func (p *Pool[K, S, M]) become(state string) {
	p.mu.Lock()
	p.state, p.since = state, time.Now()
	p.mu.Unlock()
}

// openShards starts a goroutine for each entity that has mail already.
func (p *Pool[K, S, M]) openShards() {
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		sh.phase = open
		for b := sh.busy; b != nil; b = b.next {
			if sh.launch(b) {
				go p.drain(sh, b.e, b)
			}
		}
		sh.mu.Unlock()
	}
}

// sweep looks after hung and idle entities until ctx ends.
func (p *Pool[K, S, M]) sweep(ctx context.Context) {
	if p.every <= 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(p.every)
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
		switch {
		case b.running:
			p.watch(sh, b)
		case !b.waiting && !b.unanswered(): // the last deferred reply was given
			p.release(sh, b, now)
		}
		b = next
	}
	if p.kind.Idle > 0 && !sh.saving && p.expired(sh, now) {
		sh.saving = true
		go p.passivate(sh)
	}
}

// release ends the wait of an entity for replies that its handlers deferred.
func (p *Pool[K, S, M]) release(sh *shard[K, S, M], b *mailbox[K, S, M], now uint32) {
	if b.e.stop && sh.launch(b) {
		go p.drain(sh, b.e, b)
		return
	}
	sh.retire(b.e, b, now)
}

// watch fences the goroutine of b if its message takes longer than Kind.Hang.
func (p *Pool[K, S, M]) watch(sh *shard[K, S, M], b *mailbox[K, S, M]) {
	if b.turns != b.seen {
		b.seen, b.stale = b.turns, 0
		return
	}
	b.stale++
	if p.kind.Hang > 0 && time.Duration(b.stale)*p.every >= p.kind.Hang {
		p.fence(sh, b)
	}
}

// fence gives the entity a new mailbox with all its mail, and a new goroutine.
func (p *Pool[K, S, M]) fence(sh *shard[K, S, M], b *mailbox[K, S, M]) {
	e := b.e
	sh.detach(b)
	nb := &mailbox[K, S, M]{
		normal: b.normal, urgent: b.urgent, cur: b.cur, full: b.full,
		pending: b.pending, dead: b.dead, running: true,
	}
	if b.saver {
		sh.saving = false
	}
	b.normal, b.urgent, b.pending, b.dead = queue[item[M]]{}, queue[item[M]]{}, nil, nil
	sh.attach(e, nb)
	p.hung.Add(1)
	if p.blameHung(sh, e, nb, b.initing) {
		go p.drain(sh, e, nb)
	}
}

// blameHung decides what follows a fence. False: a timer starts the next goroutine.
func (p *Pool[K, S, M]) blameHung(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M], initing bool) bool {
	err := fmt.Errorf("%w for more than %v", ErrHung, p.kind.Hang)
	p.report(e, err, p.last(b), Fenced, e.record().restarts)
	switch {
	case initing:
		return p.uninitialised(sh, e, b, err)
	case b.full:
		p.blame(e, b, err)
	default: // Save or Dead
		e.die()
		b.failPending(ErrCrashed)
	}
	return true
}
