package supervise

import (
	"errors"
	"fmt"
	"time"
)

// drain takes mail out of b until there is none. It is the body of an entity's goroutine.
// False: the goroutine was fenced and must touch nothing.
func (p *Pool[K, S, M]) drain(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M]) (mine bool) {
	w := worker[K, S, M]{p: p, sh: sh, e: e, b: b}
	clean := false
	defer func() {
		if !clean { // user code called Goexit, which ends this goroutine
			go p.recover(w)
		}
	}()
	for w.turn() {
	}
	clean = true
	return !w.fenced
}

// recover goes on where a goroutine was ended by Goexit.
func (p *Pool[K, S, M]) recover(w worker[K, S, M]) {
	if w.settle(w.exit) {
		p.drain(w.sh, w.e, w.b)
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

// step is what user code is running.
type step uint8

const (
	initing step = iota
	handling
	saving
	burying
)

// turn handles one message, or ends the work. It returns false when there is no more.
func (w *worker[K, S, M]) turn() bool {
	w.sh.mu.Lock()
	if w.e.box != w.b {
		return w.leave()
	}
	b := w.b
	if len(b.dead) > 0 {
		dead := b.dead
		b.dead = nil
		b.turns++
		w.sh.mu.Unlock()
		w.bury(dead)
		return true
	}
	if !b.take() {
		return w.rest()
	}
	l := w.e.life
	if l == nil {
		l = &life[S]{}
		l.root = w.p.root
		w.e.life = l
	}
	b.turns++
	b.initing = l.state == nil
	it := b.cur
	w.sh.mu.Unlock()
	if l.state == nil {
		if err := w.init(l); err != nil {
			return w.settle(err)
		}
		if w.sh.mu.Lock(); w.e.box != b {
			return w.leave()
		}
		b.initing = false
		b.turns++
		w.sh.mu.Unlock()
	}
	return w.settle(w.handle(l, it.m))
}

// leave ends a goroutine that was fenced. The shard is locked.
func (w *worker[K, S, M]) leave() bool {
	w.sh.mu.Unlock()
	w.fenced = true
	w.p.hung.Add(-1)
	return false
}

func (w *worker[K, S, M]) init(l *life[S]) error {
	w.doing = initing
	return try(func() error {
		s, err := w.p.kind.Init(&l.span, w.e.key)
		if err == nil && s == nil {
			err = errors.New("no state from Init")
		}
		l.state = s
		return err
	}, w.exited)
}

func (w *worker[K, S, M]) handle(l *life[S], m M) (err error) {
	w.doing = handling
	returned := false
	defer func() {
		if !returned {
			v := recover()
			err = caught(v)
			if v == nil {
				w.exit = err
			}
		}
	}()
	err = w.p.kind.Handle(&l.span, l.state, m)
	returned = true
	return err
}

func (w *worker[K, S, M]) exited(err error) { w.exit = err }

func (w *worker[K, S, M]) bury(dead []letter[M]) {
	w.doing = burying
	for _, d := range dead {
		if w.p.kind.Dead == nil {
			continue
		}
		d.cause.Stack = stackOf(d.cause.Err)
		if err := try(func() error { w.p.kind.Dead(w.e.key, d.m, d.cause); return nil }, w.exited); err != nil {
			w.p.report(w.e, err, "", Lost, 0)
		}
	}
}

// settle takes the outcome of Init or Handle. The state of a fenced one is not touched.
func (w *worker[K, S, M]) settle(err error) bool {
	w.sh.mu.Lock()
	if w.e.box != w.b {
		return w.leave()
	}
	if err != nil {
		return w.crashed(err)
	}
	b := w.b
	if c := b.cur.call; c != nil && !c.answered() {
		if len(b.pending) == cap(b.pending) {
			b.unanswered()
		}
		b.pending = append(b.pending, c)
	}
	b.cur, b.full, b.initing = item[M]{}, false, false
	w.sh.mu.Unlock()
	return true
}

// crashed drops the state and decides about the message. The shard is locked; it is
// unlocked on return. False: the goroutine has no more to do.
func (w *worker[K, S, M]) crashed(err error) bool {
	defer w.sh.mu.Unlock()
	switch w.doing {
	case initing:
		return w.p.uninitialised(w.sh, w.e, w.b, err)
	case handling:
		w.p.blame(w.e, w.b, err)
	case saving:
		w.unsaved(err)
	case burying: // bury reports it
	}
	return true
}

// uninitialised handles a failing Init: the message stays, a timer tries again. The shard
// is locked. True: the goroutine has more to do.
func (p *Pool[K, S, M]) uninitialised(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M], err error) bool {
	e.die()
	b.initing = false
	if errors.Is(err, ErrIgnore) {
		b.failAll(err)
		sh.drop(e)
		p.quiet(sh)
		return false
	}
	bud := e.record()
	bud.row++
	if !p.charge(e, err, p.last(b), Restarted) {
		b.giveUp(e, bud, p.kind.Period, newReport(p.path, fmt.Sprint(e.key), err, Spent, bud.restarts))
		return true
	}
	b.running, b.waiting = false, true
	b.stale = 0
	time.AfterFunc(p.kind.Backoff.delay(bud.row), func() { p.retry(sh, e, b) })
	return false
}

// retry starts the goroutine of an entity whose back-off has passed.
func (p *Pool[K, S, M]) retry(sh *shard[K, S, M], e *entity[K, S, M], b *mailbox[K, S, M]) {
	sh.mu.Lock()
	if e.box != b || !b.waiting {
		sh.mu.Unlock()
		return
	}
	b.waiting, b.running = false, true
	sh.mu.Unlock()
	p.drain(sh, e, b)
}
