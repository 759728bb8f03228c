package supervise

import (
	"errors"
	"fmt"
	"time"
)

// drainMailbox takes mail out of b until there is none. It is the body of an entity's goroutine.
// False: the goroutine was fenced and must touch nothing.
func (p *Pool[K, S, M]) drainMailbox(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M]) (mine bool) {
	growStack(0)
	w := worker[K, S, M]{p: p, sh: sh, e: e, b: b}
	clean := false
	defer func() {
		if !clean { // user code called Goexit, which ends this goroutine
			go p.recoverWorker(w)
		}
	}()
	for w.handleNext() {
	}
	clean = true
	return !w.fenced
}

// recoverWorker continues after Goexit ended a goroutine.
func (p *Pool[K, S, M]) recoverWorker(w worker[K, S, M]) {
	if w.settleTurn(w.exit) {
		p.drainMailbox(w.sh, w.e, w.b)
	}
}

// worker is the goroutine of one entity while it has mail.
type worker[K comparable, S, M any] struct {
	p      *Pool[K, S, M]
	sh     *shard[K, S, M]
	e      *entity[K, S, M]
	b      *mailbox[K, S, M]
	doing  step
	exit   error // the Goexit that ends this goroutine
	fenced bool
}

// step names the user code that is running.
type step uint8

const (
	stepInit step = iota
	stepHandle
	stepSave
	stepDead
)

// handleNext handles one message, or ends the work. It returns false when there is no more.
func (w *worker[K, S, M]) handleNext() bool {
	w.sh.mu.Lock()
	if w.e.box != w.b {
		return w.leaveFenced()
	}
	b := w.b
	if len(b.dead) > 0 {
		dead := b.dead
		b.dead = nil
		b.turns++
		w.sh.mu.Unlock()
		w.deliverDead(dead)
		return true
	}
	if !b.takeMessage() {
		return w.becomeIdle()
	}
	l := w.e.life
	if l == nil {
		l = &life[S]{}
		l.root = w.p.root
		w.e.life = l
	}
	b.turns++
	b.initing = l.state == nil
	it := b.current
	w.sh.mu.Unlock()
	if l.state == nil {
		if err := w.initState(l); err != nil {
			return w.settleTurn(err)
		}
		if w.sh.mu.Lock(); w.e.box != b {
			return w.leaveFenced()
		}
		b.initing = false
		b.turns++
		w.sh.mu.Unlock()
	}
	return w.settleTurn(w.handleMessage(l, it.m))
}

// leaveFenced ends a goroutine that was fenced. The shard is locked.
func (w *worker[K, S, M]) leaveFenced() bool {
	w.sh.mu.Unlock()
	w.fenced = true
	w.p.hung.Add(-1)
	return false
}

func (w *worker[K, S, M]) initState(l *life[S]) error {
	w.doing = stepInit
	return runRecovering(func() error {
		s, err := w.p.kind.Init(&l.lifeContext, w.e.key)
		if err == nil && s == nil {
			err = errors.New("no state from Init")
		}
		l.state = s
		return err
	}, w.recordExit)
}

func (w *worker[K, S, M]) handleMessage(l *life[S], m M) (err error) {
	w.doing = stepHandle
	returned := false
	defer func() {
		if !returned {
			v := recover()
			err = newPanicError(v)
			if v == nil {
				w.exit = err
			}
		}
	}()
	err = w.p.kind.Handle(&l.lifeContext, l.state, m)
	returned = true
	return err
}

func (w *worker[K, S, M]) recordExit(err error) { w.exit = err }

func (w *worker[K, S, M]) deliverDead(dead []deadMessage[M]) {
	w.doing = stepDead
	for _, d := range dead {
		if w.p.kind.Dead == nil {
			continue
		}
		d.cause.Stack = stackOf(d.cause.Err)
		if err := runRecovering(func() error { w.p.kind.Dead(w.e.key, d.m, d.cause); return nil }, w.recordExit); err != nil {
			w.p.sendReport(w.e, err, "", Lost, 0)
		}
	}
}

// settleTurn settles the outcome of Init or Handle. It never touches the state of a fenced one.
func (w *worker[K, S, M]) settleTurn(err error) bool {
	w.sh.mu.Lock()
	if w.e.box != w.b {
		return w.leaveFenced()
	}
	if err != nil {
		return w.handleCrash(err)
	}
	b := w.b
	b.current, b.hasCurrent, b.initing = item[M]{}, false, false
	w.sh.mu.Unlock()
	return true
}

// handleCrash drops the state and decides about the message. The shard is locked. It is
// unlocked on return. False: the goroutine has no more to do.
func (w *worker[K, S, M]) handleCrash(err error) bool {
	defer w.sh.mu.Unlock()
	switch w.doing {
	case stepInit:
		return w.p.handleInitFailure(w.sh, w.e, w.b, err)
	case stepHandle:
		w.p.blameMessage(w.e, w.b, err)
	case stepSave:
		w.handleSaveError(err)
	case stepDead: // deliverDead reports it
	}
	return true
}

// handleInitFailure handles a failing Init: the message stays, a timer tries again. The shard
// is locked. True: the goroutine has more to do.
func (p *Pool[K, S, M]) handleInitFailure(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M], err error) bool {
	e.endLife()
	b.initing = false
	if errors.Is(err, ErrIgnore) {
		b.dropAll()
		sh.removeEntity(e)
		p.notifyQuiet(sh)
		return false
	}
	bud := e.crashBudget()
	bud.initFailures++
	if !p.countCrash(e, err, p.lastMessage(b), Restarted) {
		b.giveUp(e, bud, p.kind.Period, newReport(p.path, fmt.Sprint(e.key), err, Spent, bud.restarts))
		return true
	}
	b.running, b.waiting = false, true
	b.stale = 0
	time.AfterFunc(p.kind.Backoff.delayFor(bud.initFailures), func() { p.retryInit(sh, e, b) })
	return false
}

// retryInit starts the goroutine of an entity after its back-off.
func (p *Pool[K, S, M]) retryInit(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M]) {
	sh.mu.Lock()
	if e.box != b || !b.waiting {
		sh.mu.Unlock()
		return
	}
	b.waiting, b.running = false, true
	sh.mu.Unlock()
	p.drainMailbox(sh, e, b)
}
