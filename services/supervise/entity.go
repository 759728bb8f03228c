package supervise

import (
	"sync"
	"time"
)

type phase uint8

const (
	fresh    phase = iota // mail waits for Serve
	open                  // mail is handled
	draining              // only urgent mail is taken
	closed                // no mail is taken
)

// shard holds the entities whose keys hash to it. Its mu guards all fields of shard,
// entity and mailbox, and is never held while user code runs.
type shard[K comparable, S, M any] struct {
	mu       sync.Mutex
	phase    phase
	saving   bool // a goroutine passivates the idle ones of this shard
	entities map[K]*entity[K, S, M]
	idle     list[K, S, M]     // entities without a mailbox, longest first
	busy     *mailbox[K, S, M] // all mailboxes in use
	free     *mailbox[K, S, M] // mailboxes for reuse
	spare    int               // how many
	_        [24]byte          // keeps neighbours off the cache line
}

const maxSpare = 16

// entity is what stays in memory of an idle one: about 100 bytes, besides its state.
type entity[K comparable, S, M any] struct {
	key        K
	life       *life[S]          // nil when it has no state
	box        *mailbox[K, S, M] // nil when idle
	budget     *budget           // nil when it never crashed
	prev, next *entity[K, S, M]  // in the idle list
	idleAt     uint32            // the sweep at which it became idle
	listed     bool              // in the idle list
	stop       bool              // asked to leave memory when its mail is handled
	fade       bool              // being passivated; mail calls it back
}

// mailbox is what an entity has while it has mail. A fenced goroutine keeps the old
// mailbox and finds, at its next look, that the entity has another: that is the fence.
type mailbox[K comparable, S, M any] struct {
	e       *entity[K, S, M]
	normal  queue[item[M]]
	urgent  queue[item[M]]
	cur     item[M] // what is being handled, or waits for its second try
	full    bool    // cur is valid
	initing bool    // Init runs
	running bool    // a goroutine takes mail out
	waiting bool    // a timer will start one: the back-off of Init
	saver   bool    // the goroutine is the shard's passivator
	pending []caller
	dead    []letter[M]
	turns   uint32 // messages so far
	seen    uint32 // turns at the last sweep
	stale   uint32 // sweeps since turns changed
	prev    *mailbox[K, S, M]
	next    *mailbox[K, S, M]
}

// item is one message.
type item[M any] struct {
	m     M
	call  caller // who waits for the reply; nil for a Cast
	tries uint8
}

// letter is a message for Kind.Dead.
type letter[M any] struct {
	m     M
	cause Report
}

// caller is somebody who waits in Call.
type caller interface {
	fail(error)
	answered() bool
}

// budget is the crash record of one entity.
type budget struct {
	window   window
	restarts int
	row      int // failures of Init in a row
	until    time.Time
}

func (b *budget) resting(now time.Time) bool {
	if b.until.IsZero() {
		return false
	}
	if now.Before(b.until) {
		return true
	}
	b.until, b.window, b.row = time.Time{}, window{}, 0
	return false
}

// die ends the incarnation of e.
func (e *entity[K, S, M]) die() {
	if e.life != nil {
		e.life.cancel()
		e.life = nil
	}
}

// wake gives e a mailbox if it has none.
func (sh *shard[K, S, M]) wake(e *entity[K, S, M]) *mailbox[K, S, M] {
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
	sh.attach(e, b)
	return b
}

func (sh *shard[K, S, M]) attach(e *entity[K, S, M], b *mailbox[K, S, M]) {
	e.box, b.e = b, e
	b.next = sh.busy
	if sh.busy != nil {
		sh.busy.prev = b
	}
	sh.busy = b
}

func (sh *shard[K, S, M]) detach(b *mailbox[K, S, M]) {
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

// launch tells whether the caller must start a goroutine for b.
func (sh *shard[K, S, M]) launch(b *mailbox[K, S, M]) bool {
	if b.running || b.waiting || sh.phase == fresh {
		return false
	}
	b.running = true
	return true
}

// retire takes the empty mailbox from e, which is idle from now on, or leaves.
func (sh *shard[K, S, M]) retire(e *entity[K, S, M], b *mailbox[K, S, M], tick uint32) {
	sh.detach(b)
	if sh.spare < maxSpare && b.normal.small() && b.urgent.small() {
		*b = mailbox[K, S, M]{normal: b.normal, urgent: b.urgent, next: sh.free}
		sh.free = b
		sh.spare++
	}
	e.idleAt = tick
	sh.idle.push(e)
}

// drop removes e from memory.
func (sh *shard[K, S, M]) drop(e *entity[K, S, M]) {
	if e.box != nil {
		sh.detach(e.box)
	}
	if e.listed {
		sh.idle.remove(e)
	}
	if sh.entities[e.key] == e {
		delete(sh.entities, e.key)
	}
}

// take moves the next message to cur: the one to try again, urgent ones, the others.
func (b *mailbox[K, S, M]) take() bool {
	if b.full {
		return true
	}
	if b.urgent.size() > 0 {
		b.cur, b.full = b.urgent.pop(), true
	} else if b.normal.size() > 0 {
		b.cur, b.full = b.normal.pop(), true
	}
	return b.full
}

func (b *mailbox[K, S, M]) empty() bool {
	return !b.full && len(b.dead) == 0 && b.urgent.size() == 0 && b.normal.size() == 0
}

// unanswered drops the callers that have their reply and tells whether others remain.
func (b *mailbox[K, S, M]) unanswered() bool {
	kept := b.pending[:0]
	for _, c := range b.pending {
		if !c.answered() {
			kept = append(kept, c)
		}
	}
	clear(b.pending[len(kept):])
	b.pending = kept
	if len(kept) == 0 {
		b.pending = nil
	}
	return len(kept) > 0
}

// queue is a first-in first-out of values.
type queue[T any] struct {
	buf  []T
	head int
}

func (q *queue[T]) size() int { return len(q.buf) - q.head }

func (q *queue[T]) small() bool { return cap(q.buf) <= 2*defaultMailbox }

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

// list is a list of idle entities.
type list[K comparable, S, M any] struct {
	head, tail *entity[K, S, M]
}

func (l *list[K, S, M]) push(e *entity[K, S, M]) {
	e.listed, e.prev, e.next = true, l.tail, nil
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
}

func (l *list[K, S, M]) remove(e *entity[K, S, M]) {
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
