package supervise

import (
	"fmt"
	"time"
)

// blameMessage drops the state of e and charges the message that was handled: it is tried once
// more, then given up. The shard is locked.
func (p *Pool[K, S, M]) blameMessage(e *entity[K, S, M], b *mailbox[K, S, M], err error) {
	e.endLife()
	b.current.tries++
	b.initing = false
	bud := e.crashBudget()
	bud.initFailures = 0
	last := p.lastMessage(b)
	decision := Restarted
	if b.current.tries > 1 {
		decision = Buried
	}
	if !p.countCrash(e, err, last, decision) {
		b.giveUp(e, bud, p.kind.Period, p.crashReport(e, err, last, Spent))
		return
	}
	if decision == Buried {
		b.dead = append(b.dead, deadMessage[M]{m: b.current.m, cause: p.crashReport(e, err, last, Buried)})
		b.current, b.hasCurrent = item[M]{}, false
	}
}

func (p *Pool[K, S, M]) crashReport(e *entity[K, S, M], err error, last, decision string) Report {
	r := newReport(p.path, fmt.Sprint(e.key), err, decision, e.budget.restarts)
	r.Last = last
	return r
}

// countCrash counts a crash and reports it. False: the budget is spent.
func (p *Pool[K, S, M]) countCrash(e *entity[K, S, M], err error, last, decision string) bool {
	bud := e.crashBudget()
	bud.restarts++
	p.restarts.Add(1)
	if bud.window.addRestart(time.Now(), p.kind.MaxRestarts, p.kind.Period) {
		p.sendReport(e, err, last, Spent, bud.restarts)
		return false
	}
	p.sendReport(e, err, last, decision, bud.restarts)
	return true
}

func (p *Pool[K, S, M]) sendReport(e *entity[K, S, M], err error, last, decision string, restarts int) {
	r := newReport(p.path, fmt.Sprint(e.key), err, decision, restarts)
	r.Last = last
	p.out.addReport(r)
}

// lastMessage names the message that was handled, for a report.
func (p *Pool[K, S, M]) lastMessage(b *mailbox[K, S, M]) (name string) {
	if p.kind.Describe == nil || !b.hasCurrent {
		return ""
	}
	defer func() {
		if recover() != nil {
			name = "?"
		}
	}()
	return p.kind.Describe(b.current.m)
}

func (e *entity[K, S, M]) crashBudget() *budget {
	if e.budget == nil {
		e.budget = &budget{}
	}
	return e.budget
}

// giveUp empties the mailbox of an entity whose budget is spent. Every message
// becomes a dead message.
func (b *mailbox[K, S, M]) giveUp(e *entity[K, S, M], bud *budget, rest time.Duration, cause Report) {
	bud.until = time.Now().Add(rest)
	for b.takeMessage() {
		b.dead = append(b.dead, deadMessage[M]{m: b.current.m, cause: cause})
		b.current, b.hasCurrent = item[M]{}, false
	}
}

// dropAll empties the mailbox and returns how many messages it dropped.
func (b *mailbox[K, S, M]) dropAll() (dropped int) {
	for b.takeMessage() {
		dropped++
		b.current, b.hasCurrent = item[M]{}, false
	}
	return dropped
}
