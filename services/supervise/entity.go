package supervise

import (
	"sync"
	"time"
)

type phase uint8

const (
	phaseNew      phase = iota // mail waits for Serve
	phaseOpen                  // mail is handled
	phaseDraining              // only urgent mail is taken
	phaseClosed                // no mail is taken
)

// shard holds the entities whose keys hash to it. Its mu guards all fields of shard,
// entity and mailbox, and is never held while user code runs.
type shard[K comparable, S, M any] struct {
	mu       sync.Mutex
	phase    phase
	saving   bool // a goroutine passivates the idle entities of this shard
	entities map[K]*entity[K, S, M]
	idle     idleList[K, S, M] // entities without a mailbox, longest first
	busy     *mailbox[K, S, M] // all mailboxes in use
	free     *mailbox[K, S, M] // mailboxes for reuse
	spare    int               // number of mailboxes in free
	_        [24]byte          // keeps neighbours off the cache line
}

const maxSpare = 16

// entity is the part that stays in memory while it is idle: about 100 bytes, plus its state.
type entity[K comparable, S, M any] struct {
	key         K
	life        *life[S]          // nil when it has no state
	box         *mailbox[K, S, M] // nil when idle
	budget      *budget           // nil when it never crashed
	prev, next  *entity[K, S, M]  // in the idle list
	idleAt      uint32            // the sweep at which it became idle
	listed      bool              // in the idle list
	stopAsked   bool              // asked to leave memory when its mail is handled
	passivating bool              // being passivated, mail calls it back
}

// mailbox belongs to an entity while it has mail. A fenced goroutine keeps the old mailbox. At
// its next step it finds that the entity has another one, and ends. This is the fence.
type mailbox[K comparable, S, M any] struct {
	e            *entity[K, S, M]
	normal       queue[item[M]]
	urgent       queue[item[M]]
	current      item[M] // the message in work, or waiting for its second try
	hasCurrent   bool    // cur is valid
	initing      bool    // Init runs
	running      bool    // a goroutine takes mail out
	waiting      bool    // a timer will start one: the back-off of Init
	isPassivator bool    // the goroutine is the shard's passivator
	dead         []deadMessage[M]
	turns        uint32 // messages so far
	seen         uint32 // turns at the last sweep
	stale        uint32 // sweeps since turns changed
	prev         *mailbox[K, S, M]
	next         *mailbox[K, S, M]
}

// item is one message.
type item[M any] struct {
	m     M
	tries uint8
}

// deadMessage is a message for Kind.Dead.
type deadMessage[M any] struct {
	m     M
	cause Report
}

// budget is the crash record of one entity.
type budget struct {
	window       restartWindow
	restarts     int
	initFailures int // failures of Init in a row
	until        time.Time
}

func (b *budget) isResting(now time.Time) bool {
	if b.until.IsZero() {
		return false
	}
	if now.Before(b.until) {
		return true
	}
	b.until, b.window, b.initFailures = time.Time{}, restartWindow{}, 0
	return false
}

// endLife ends the incarnation of e.
func (e *entity[K, S, M]) endLife() {
	if e.life != nil {
		e.life.cancelLife()
		e.life = nil
	}
}

// ensureMailbox gives e a mailbox if it has none.
func (sh *shard[K, S, M]) ensureMailbox(e *entity[K, S, M]) *mailbox[K, S, M] {
	if e.box != nil {
		return e.box
	}
	if e.listed {
		sh.idle.remove(e)
	}
	b := sh.free
	if b == nil {
		b = new(mailbox[K, S, M])
	} else {
		sh.free, b.next = b.next, nil
		sh.spare--
	}
	sh.attachMailbox(e, b)
	return b
}

func (sh *shard[K, S, M]) attachMailbox(e *entity[K, S, M], b *mailbox[K, S, M]) {
	e.box, b.e = b, e
	b.next = sh.busy
	if sh.busy != nil {
		sh.busy.prev = b
	}
	sh.busy = b
}

func (sh *shard[K, S, M]) detachMailbox(b *mailbox[K, S, M]) {
	if b.prev == nil {
		sh.busy = b.next
	} else {
		b.prev.next = b.next
	}
	if b.next != nil {
		b.next.prev = b.prev
	}
	b.e.box = nil
	b.e, b.prev, b.next = nil, nil, nil
}

// tryLaunch reports whether the caller must start a goroutine for b.
func (sh *shard[K, S, M]) tryLaunch(b *mailbox[K, S, M]) bool {
	if b.running || b.waiting || sh.phase == phaseNew {
		return false
	}
	b.running = true
	return true
}

// retireMailbox takes the empty mailbox from e, which is idle from now on, or leaves.
func (sh *shard[K, S, M]) retireMailbox(e *entity[K, S, M], b *mailbox[K, S, M], tick uint32) {
	sh.detachMailbox(b)
	if sh.spare < maxSpare && b.normal.isSmall() && b.urgent.isSmall() {
		*b = mailbox[K, S, M]{normal: b.normal, urgent: b.urgent, next: sh.free}
		sh.free = b
		sh.spare++
	}
	e.idleAt = tick
	sh.idle.push(e)
}

// removeEntity removes e from memory.
func (sh *shard[K, S, M]) removeEntity(e *entity[K, S, M]) {
	if e.box != nil {
		sh.detachMailbox(e.box)
	}
	if e.listed {
		sh.idle.remove(e)
	}
	if sh.entities[e.key] == e {
		delete(sh.entities, e.key)
	}
}

// takeMessage moves the next message to current: first the one to try again, then urgent ones,
// then the others.
func (b *mailbox[K, S, M]) takeMessage() bool {
	if b.hasCurrent {
		return true
	}
	if b.urgent.size() > 0 {
		b.current, b.hasCurrent = b.urgent.pop(), true
	} else if b.normal.size() > 0 {
		b.current, b.hasCurrent = b.normal.pop(), true
	}
	return b.hasCurrent
}

func (b *mailbox[K, S, M]) isEmpty() bool {
	return !b.hasCurrent && len(b.dead) == 0 && b.urgent.size() == 0 && b.normal.size() == 0
}

// queue is a first-in first-out queue of values.
type queue[T any] struct {
	buf  []T
	head int
}

func (q *queue[T]) size() int { return len(q.buf) - q.head }

func (q *queue[T]) isSmall() bool { return cap(q.buf) <= 2*defaultMailbox }

func (q *queue[T]) push(v T) {
	if q.head > 0 && len(q.buf) == cap(q.buf) && q.head >= len(q.buf)/2 {
		n := copy(q.buf, q.buf[q.head:])
		clear(q.buf[n:])
		q.buf, q.head = q.buf[:n], 0
	}
	q.buf = append(q.buf, v)
}

func (q *queue[T]) pop() T {
	var zero T
	v := q.buf[q.head]
	q.buf[q.head] = zero
	q.head++
	if q.head == len(q.buf) {
		q.buf, q.head = q.buf[:0], 0
	}
	return v
}

// idleList is a list of idle entities.
type idleList[K comparable, S, M any] struct {
	head, tail *entity[K, S, M]
}

func (l *idleList[K, S, M]) push(e *entity[K, S, M]) {
	e.listed, e.prev, e.next = true, l.tail, nil
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
}

func (l *idleList[K, S, M]) remove(e *entity[K, S, M]) {
	if e.prev == nil {
		l.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.listed, e.prev, e.next = false, nil, nil
}
