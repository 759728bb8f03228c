package supervise

import (
	"fmt"
	"time"
)

// blame drops the state of e and charges the message that was handled: it is tried once
// more, then given up. Calls that wait for e fail now. The shard is locked.
func (p *Pool[K, S, M]) blame(e *entity[K, S, M], b *mailbox[K, S, M], err error) {
	e.die()
	b.failPending(ErrCrashed)
	if c := b.cur.call; c != nil {
		c.fail(ErrCrashed)
		b.cur.call = nil
	}
	b.cur.tries++
	b.initing = false
	bud := e.record()
	bud.row = 0
	last := p.last(b)
	decision := Restarted
	if b.cur.tries > 1 {
		decision = Buried
	}
	if !p.charge(e, err, last, decision) {
		b.giveUp(e, bud, p.kind.Period, p.cause(e, err, last, Spent))
		return
	}
	if decision == Buried {
		b.dead = append(b.dead, letter[M]{m: b.cur.m, cause: p.cause(e, err, last, Buried)})
		b.cur, b.full = item[M]{}, false
	}
}

func (p *Pool[K, S, M]) cause(e *entity[K, S, M], err error, last, decision string) Report {
	r := newReport(p.path, fmt.Sprint(e.key), err, decision, e.budget.restarts)
	r.Last = last
	return r
}

// charge counts a crash and reports it. False: the budget is spent.
func (p *Pool[K, S, M]) charge(e *entity[K, S, M], err error, last, decision string) bool {
	bud := e.record()
	bud.restarts++
	p.restarts.Add(1)
	if bud.window.add(time.Now(), p.kind.MaxRestarts, p.kind.Period) {
		p.report(e, err, last, Spent, bud.restarts)
		return false
	}
	p.report(e, err, last, decision, bud.restarts)
	return true
}

func (p *Pool[K, S, M]) report(e *entity[K, S, M], err error, last, decision string, restarts int) {
	r := newReport(p.path, fmt.Sprint(e.key), err, decision, restarts)
	r.Last = last
	p.out.add(r)
}

// last names the message that was handled, for a report.
func (p *Pool[K, S, M]) last(b *mailbox[K, S, M]) (name string) {
	if p.kind.Describe == nil || !b.full {
		return ""
	}
	defer func() {
		if recover() != nil {
			name = "?"
		}
	}()
	return p.kind.Describe(b.cur.m)
}

func (e *entity[K, S, M]) record() *budget {
	if e.budget == nil {
		e.budget = &budget{}
	}
	return e.budget
}

// giveUp empties the mailbox of an entity whose budget is spent: calls fail, and every
// message goes to the dead.
func (b *mailbox[K, S, M]) giveUp(e *entity[K, S, M], bud *budget, rest time.Duration, cause Report) {
	bud.until = time.Now().Add(rest)
	b.failPending(ErrSpent)
	for b.take() {
		if b.cur.call != nil {
			b.cur.call.fail(ErrSpent)
		}
		b.dead = append(b.dead, letter[M]{m: b.cur.m, cause: cause})
		b.cur, b.full = item[M]{}, false
	}
}

// failAll empties the mailbox: calls fail with err, casts are dropped.
func (b *mailbox[K, S, M]) failAll(err error) (dropped int) {
	b.failPending(err)
	for b.take() {
		if b.cur.call != nil {
			b.cur.call.fail(err)
		}
		dropped++
		b.cur, b.full = item[M]{}, false
	}
	return dropped
}

func (b *mailbox[K, S, M]) failPending(err error) {
	for _, c := range b.pending {
		c.fail(err)
	}
	b.pending = nil
}
