package supervise

import (
	"errors"
	"fmt"
	"time"
)

// rest ends a goroutine whose mailbox is empty. The entity becomes idle, or is saved and
// leaves. The shard is locked; it is unlocked on return. True: mail came meanwhile.
func (w *worker[K, S, M]) rest() bool {
	b, e, sh := w.b, w.e, w.sh
	waits := b.unanswered()
	leaving := (e.stop || e.fade || sh.phase >= draining) && !waits
	if leaving && e.life != nil && e.life.state != nil && w.p.kind.Save != nil {
		b.turns++
		l := e.life
		sh.mu.Unlock()
		err := w.save(l)
		sh.mu.Lock()
		if e.box != b {
			return w.leave()
		}
		kept := err != nil && !w.unsaved(err)
		if !b.empty() {
			sh.mu.Unlock()
			return true
		}
		leaving = !kept
	}
	defer sh.mu.Unlock()
	defer w.p.quiet(sh)
	b.running, b.saver = false, false
	switch {
	case waits: // the mailbox stays until the replies are given
	case leaving && (sh.phase >= draining || !w.p.resting(e)):
		w.p.end(sh, e)
	default:
		e.stop, e.fade = false, false
		sh.retire(e, b, w.p.tick.Load())
	}
	return false
}

// resting tells that e must be kept for its spent budget.
func (p *Pool[K, S, M]) resting(e *entity[K, S, M]) bool {
	return e.budget != nil && e.budget.resting(time.Now())
}

// end takes e out of memory.
func (p *Pool[K, S, M]) end(sh *shard[K, S, M], e *entity[K, S, M]) {
	e.die()
	sh.drop(e)
}

func (w *worker[K, S, M]) save(l *life[S]) error {
	w.doing = saving
	return try(func() error { return w.p.kind.Save(l.state) }, w.exited)
}

// unsaved reports a failing Save and tells whether the entity leaves all the same: when
// it was asked to, or its state is in doubt. An idle one stays and is tried again later.
func (w *worker[K, S, M]) unsaved(err error) bool {
	w.p.report(w.e, err, "", Unsaved, w.e.record().restarts)
	_, panicked := errors.AsType[*PanicError](err)
	if panicked {
		w.e.die()
	}
	return panicked || w.e.stop || w.sh.phase >= draining
}

// expired tells that the longest idle entity of sh is due. sh is locked.
func (p *Pool[K, S, M]) expired(sh *shard[K, S, M], now uint32) bool {
	e := sh.idle.head
	if e == nil {
		return false
	}
	return sh.phase >= draining || time.Duration(now-e.idleAt)*p.every >= p.kind.Idle+p.every
}

// passivate saves the idle entities of sh that are due, one after another.
func (p *Pool[K, S, M]) passivate(sh *shard[K, S, M]) {
	clean := false
	defer func() {
		if !clean { // Goexit in Save; the next sweep goes on
			sh.mu.Lock()
			sh.saving = false
			sh.mu.Unlock()
		}
	}()
	for {
		sh.mu.Lock()
		if !p.expired(sh, p.tick.Load()) {
			sh.saving = false
			sh.mu.Unlock()
			clean = true
			return
		}
		e := sh.idle.head
		b := sh.wake(e)
		e.fade, b.saver, b.running = true, true, true
		sh.mu.Unlock()
		if !p.drain(sh, e, b) {
			clean = true
			return // fenced: another goroutine may do this by now
		}
	}
}

// finish drains and saves everything, within Kind.Drain.
func (p *Pool[K, S, M]) finish() {
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		sh.phase = draining
		sh.mu.Unlock()
	}
	deadline := time.NewTimer(p.kind.Drain)
	defer deadline.Stop()
	poll := time.NewTicker(max(p.kind.Drain/100, time.Millisecond))
	defer poll.Stop()
	for !p.drained() {
		select {
		case <-p.nudge:
		case <-poll.C:
		case <-deadline.C:
			p.abandon()
			return
		}
	}
	p.abandon()
}

// drained pushes every shard on and tells whether all are empty.
func (p *Pool[K, S, M]) drained() bool {
	done := true
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		for b := sh.busy; b != nil; b = b.next {
			if !b.running && !b.waiting && !b.unanswered() && sh.launch(b) {
				go p.drain(sh, b.e, b)
			}
		}
		if sh.idle.head != nil && !sh.saving {
			sh.saving = true
			go p.passivate(sh)
		}
		done = done && len(sh.entities) == 0 && !sh.saving
		sh.mu.Unlock()
	}
	return done
}

// quiet tells Serve that an entity came to rest. sh is locked.
func (p *Pool[K, S, M]) quiet(sh *shard[K, S, M]) {
	if sh.phase != draining {
		return
	}
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// abandon closes all shards and gives up what is left: mail that was not handled in time,
// and handlers that still run.
func (p *Pool[K, S, M]) abandon() {
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		sh.phase = closed
		for _, e := range sh.entities {
			p.leaveBehind(sh, e)
		}
		clear(sh.entities)
		sh.idle, sh.busy, sh.saving = list[K, S, M]{}, nil, false
		sh.mu.Unlock()
	}
}

func (p *Pool[K, S, M]) leaveBehind(sh *shard[K, S, M], e *entity[K, S, M]) {
	lost := 0
	if b := e.box; b != nil {
		lost = b.failAll(ErrStopped)
		if b.running {
			p.hung.Add(1)
		}
		e.box = nil
	}
	e.die()
	e.listed, e.prev, e.next = false, nil, nil
	if !p.resting(e) {
		p.report(e, fmt.Errorf("not at rest after %v: %d messages lost", p.kind.Drain, lost), "", Abandoned, e.record().restarts)
	}
}
