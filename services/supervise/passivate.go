package supervise

import (
	"errors"
	"fmt"
	"time"
)

// becomeIdle ends a goroutine whose mailbox is empty. The entity becomes idle, or is saved and
// leaves. The shard is locked. It is unlocked on return. True: mail came meanwhile.
func (w *worker[K, S, M]) becomeIdle() bool {
	b, e, sh := w.b, w.e, w.sh
	leaving := e.stopAsked || e.passivating || sh.phase >= phaseDraining
	if leaving && e.life != nil && e.life.state != nil && w.p.kind.Save != nil {
		b.turns++
		l := e.life
		sh.mu.Unlock()
		err := w.saveState(l)
		sh.mu.Lock()
		if e.box != b {
			return w.leaveFenced()
		}
		kept := err != nil && !w.handleSaveError(err)
		if !b.isEmpty() {
			sh.mu.Unlock()
			return true
		}
		leaving = !kept
	}
	defer sh.mu.Unlock()
	defer w.p.notifyQuiet(sh)
	b.running, b.isPassivator = false, false
	switch {
	case leaving && (sh.phase >= phaseDraining || !w.p.isResting(e)):
		w.p.removeEntity(sh, e)
	default:
		e.stopAsked, e.passivating = false, false
		sh.retireMailbox(e, b, w.p.tick.Load())
	}
	return false
}

// isResting reports whether e must be kept because its budget is spent.
func (p *Pool[K, S, M]) isResting(e *entity[K, S, M]) bool {
	return e.budget != nil && e.budget.isResting(time.Now())
}

// removeEntity takes e out of memory.
func (p *Pool[K, S, M]) removeEntity(sh *shard[K, S, M], e *entity[K, S, M]) {
	e.endLife()
	sh.removeEntity(e)
}

func (w *worker[K, S, M]) saveState(l *life[S]) error {
	w.doing = stepSave
	return runRecovering(func() error { return w.p.kind.Save(l.state) }, w.recordExit)
}

// handleSaveError reports a failed Save. It returns true when the entity leaves all the same:
// when it was asked to, or when its state may be broken. An idle one stays and is tried again
// later.
func (w *worker[K, S, M]) handleSaveError(err error) bool {
	w.p.sendReport(w.e, err, "", Unsaved, w.e.crashBudget().restarts)
	_, panicked := errors.AsType[*PanicError](err)
	if panicked {
		w.e.endLife()
	}
	return panicked || w.e.stopAsked || w.sh.phase >= phaseDraining
}

// isIdleExpired reports whether the longest idle entity of sh is due. sh is locked.
func (p *Pool[K, S, M]) isIdleExpired(sh *shard[K, S, M], now uint32) bool {
	e := sh.idle.head
	if e == nil {
		return false
	}
	return sh.phase >= phaseDraining || time.Duration(now-e.idleAt)*p.sweepInterval >= p.kind.Idle+p.sweepInterval
}

// passivateIdle saves the idle entities of sh that are due, one after another.
func (p *Pool[K, S, M]) passivateIdle(sh *shard[K, S, M]) {
	clean := false
	defer func() {
		if !clean { // Goexit in Save, the next sweep continues
			sh.mu.Lock()
			sh.saving = false
			sh.mu.Unlock()
		}
	}()
	for {
		sh.mu.Lock()
		if !p.isIdleExpired(sh, p.tick.Load()) {
			sh.saving = false
			sh.mu.Unlock()
			clean = true
			return
		}
		e := sh.idle.head
		b := sh.ensureMailbox(e)
		e.passivating, b.isPassivator, b.running = true, true, true
		sh.mu.Unlock()
		if !p.drainMailbox(sh, e, b) {
			clean = true
			return // fenced: another goroutine may do this by now
		}
	}
}

// drainAll drains and saves everything, within Kind.Drain.
func (p *Pool[K, S, M]) drainAll() {
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		sh.phase = phaseDraining
		sh.mu.Unlock()
	}
	deadline := time.NewTimer(p.kind.Drain)
	defer deadline.Stop()
	poll := time.NewTicker(max(p.kind.Drain/100, time.Millisecond))
	defer poll.Stop()
	for !p.allDrained() {
		select {
		case <-p.quieted:
		case <-poll.C:
		case <-deadline.C:
			p.abandonAll()
			return
		}
	}
	p.abandonAll()
}

// allDrained starts goroutines for the rest and reports whether all shards are empty.
func (p *Pool[K, S, M]) allDrained() bool {
	done := true
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		for b := sh.busy; b != nil; b = b.next {
			if sh.tryLaunch(b) {
				go p.drainMailbox(sh, b.e, b)
			}
		}
		if sh.idle.head != nil && !sh.saving {
			sh.saving = true
			go p.passivateIdle(sh)
		}
		done = done && len(sh.entities) == 0 && !sh.saving
		sh.mu.Unlock()
	}
	return done
}

// notifyQuiet signals Serve that an entity came to rest. sh is locked.
func (p *Pool[K, S, M]) notifyQuiet(sh *shard[K, S, M]) {
	if sh.phase != phaseDraining {
		return
	}
	select {
	case p.quieted <- struct{}{}:
	default:
	}
}

// abandonAll closes all shards and gives up the rest: mail that was not handled in time, and
// handlers that still run.
func (p *Pool[K, S, M]) abandonAll() {
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		sh.phase = phaseClosed
		for _, e := range sh.entities {
			p.leaveBehind(sh, e)
		}
		clear(sh.entities)
		sh.idle, sh.busy, sh.saving = idleList[K, S, M]{}, nil, false
		sh.mu.Unlock()
	}
}

func (p *Pool[K, S, M]) leaveBehind(sh *shard[K, S, M], e *entity[K, S, M]) {
	lost := 0
	if b := e.box; b != nil {
		lost = b.dropAll()
		if b.running {
			p.hung.Add(1)
		}
		e.box = nil
	}
	e.endLife()
	e.listed, e.prev, e.next = false, nil, nil
	if !p.isResting(e) {
		p.sendReport(e, fmt.Errorf("not at rest after %v: %d messages lost", p.kind.Drain, lost), "", Abandoned, e.crashBudget().restarts)
	}
}
