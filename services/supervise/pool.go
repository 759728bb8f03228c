package supervise

import (
	"cmp"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Kind describes the entities of a Pool: key K, state S, message M. Init, Handle and Save of
// one entity never run at the same time, except that a fenced one may still run.
type Kind[K comparable, S, M any] struct {
	Name string

	// Init builds the state when the first message is there, and again after each crash. It may
	// block, for example on a replay, while mail waits. ctx ends with the incarnation. An error
	// that wraps ErrIgnore means that the entity does not exist.
	Init func(ctx context.Context, k K) (*S, error)

	// Handle handles one message. ctx ends with the incarnation: it outlives the message, so
	// that deferred work can use it. An error is a crash, as are a panic and Goexit.
	Handle func(ctx context.Context, s *S, m M) error

	// Save keeps the state when the entity leaves memory. May be nil.
	Save func(s *S) error

	Mailbox     int           // messages that may wait, then Cast returns ErrFull, 0 means 64
	Idle        time.Duration // time without mail until it is saved and dropped from memory, 0 means never
	Hang        time.Duration // time for one message until it is fenced, up to an eighth longer, 0 means never
	MaxRestarts int           // of one entity within Period, 0 means 10, negative allows none
	Period      time.Duration // 0 means 10 s
	Backoff     Backoff       // of a failing Init, zero means 10 ms, doubled up to 1 s
	Drain       time.Duration // for mail and Save when Serve ends, 0 means 3 s

	// Dead gets each message that is given up: it crashed twice, or the budget is spent. It
	// runs on the entity's goroutine, before its next message. May be nil.
	Dead func(k K, m M, cause Report)

	// Describe is a message's kind, for reports, without names of people. It must be a plain
	// function: a lock is held. May be nil.
	Describe func(M) string
	Observe  func(Report) // nil: the Observe of the supervisor above
}

const (
	shardCount      = 64
	sweepsPerPeriod = 8 // sweeps in an Idle or Hang
	defaultMailbox  = 64
	defaultBudget   = 10
	defaultSpan     = 10 * time.Second
	defaultDrain    = 3 * time.Second
)

// Pool keeps entities of one kind. It is a Service. Made by NewPool.
//
//	Cast -> shard (by key): mailbox of the entity -> goroutine while there is mail
//	   turn: Init if there is no state, Handle one message
//	   crash: state dropped, message kept for one more try -> next turn
//	sweep (Serve's goroutine): fences what hangs, passivates what is idle
type Pool[K comparable, S, M any] struct {
	kind          Kind[K, S, M]
	seed          maphash.Seed
	shards        [shardCount]shard[K, S, M]
	tick          atomic.Uint32 // sweeps so far: the clock of idle entities
	sweepInterval time.Duration // between sweeps
	quieted       chan struct{} // an entity came to rest while the pool drains

	mu    sync.Mutex // guards the fields below, they are set before shards open
	state string
	since time.Time
	root  context.Context // the parent of all incarnations' contexts
	path  string
	out   *reportOutbox

	restarts, hung atomic.Int64
}

// NewPool makes a pool of kind. It starts nothing. Mail that comes before Serve waits.
func NewPool[K comparable, S, M any](kind Kind[K, S, M]) *Pool[K, S, M] {
	kind.Mailbox = cmp.Or(kind.Mailbox, defaultMailbox)
	kind.MaxRestarts = cmp.Or(kind.MaxRestarts, defaultBudget)
	kind.Period = cmp.Or(kind.Period, defaultSpan)
	kind.Drain = cmp.Or(kind.Drain, defaultDrain)
	if kind.Backoff == (Backoff{}) {
		kind.Backoff = Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	}
	p := &Pool[K, S, M]{kind: kind, seed: maphash.MakeSeed(), state: "new", quieted: make(chan struct{}, 1)}
	p.path = kind.Name
	for n := range p.shards {
		p.shards[n].entities = map[K]*entity[K, S, M]{}
	}
	p.sweepInterval = kind.Hang
	if kind.Idle > 0 && (p.sweepInterval == 0 || kind.Idle < p.sweepInterval) {
		p.sweepInterval = kind.Idle
	}
	p.sweepInterval /= sweepsPerPeriod
	return p
}

// Cast leaves m in the mailbox of k and returns. The error is ErrFull, ErrStopped or
// ErrSpent, and then m was not taken. Messages from one sender are handled in order.
func (p *Pool[K, S, M]) Cast(k K, m M) error {
	return p.postItem(k, item[M]{m: m}, false)
}

// Urgent is Cast to a queue that is handled first and is never full, for commits and leaves.
// The caller ensures that there are few. Urgent messages are taken while Serve drains.
func (p *Pool[K, S, M]) Urgent(k K, m M) error {
	return p.postItem(k, item[M]{m: m}, true)
}

// Stop asks k to handle the mail it has, save itself and leave memory. It does not wait.
// The next message brings k back.
func (p *Pool[K, S, M]) Stop(k K) {
	sh := p.shardOf(k)
	sh.mu.Lock()
	e := sh.entities[k]
	if e == nil {
		sh.mu.Unlock()
		return
	}
	e.stopAsked = true
	b := sh.ensureMailbox(e)
	start := sh.tryLaunch(b)
	sh.mu.Unlock()
	if start {
		go p.drainMailbox(sh, e, b)
	}
}

// Keys are the entities in memory, in no order.
func (p *Pool[K, S, M]) Keys() []K {
	var keys []K
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		for k := range sh.entities {
			keys = append(keys, k)
		}
		sh.mu.Unlock()
	}
	return keys
}

// Len is the number of entities in memory.
func (p *Pool[K, S, M]) Len() int {
	total := 0
	for n := range p.shards {
		sh := &p.shards[n]
		sh.mu.Lock()
		total += len(sh.entities)
		sh.mu.Unlock()
	}
	return total
}

// Hung is the number of fenced handlers that still run.
func (p *Pool[K, S, M]) Hung() int { return int(p.hung.Load()) }

// Tree describes the pool as one node. Entities are counted, not listed.
func (p *Pool[K, S, M]) Tree() Status {
	p.mu.Lock()
	st := Status{Name: p.kind.Name, State: p.state, Since: p.since}
	p.mu.Unlock()
	st.Count, st.Restarts, st.Abandoned = p.Len(), int(p.restarts.Load()), p.Hung()
	st.Running = st.Count
	return st
}

func (p *Pool[K, S, M]) shardOf(k K) *shard[K, S, M] {
	return &p.shards[maphash.Comparable(p.seed, k)%shardCount]
}

// postItem puts it in the mailbox of k and ensures that a goroutine takes it out.
func (p *Pool[K, S, M]) postItem(k K, it item[M], urgent bool) error {
	sh := p.shardOf(k)
	sh.mu.Lock()
	e, err := p.admitEntity(sh, k, urgent)
	if err != nil {
		sh.mu.Unlock()
		return err
	}
	b := sh.ensureMailbox(e)
	switch {
	case urgent:
		b.urgent.push(it)
	case b.normal.size() >= p.kind.Mailbox:
		sh.mu.Unlock()
		return ErrFull
	default:
		b.normal.push(it)
	}
	e.passivating = false
	start := sh.tryLaunch(b)
	sh.mu.Unlock()
	if start {
		go p.drainMailbox(sh, e, b)
	}
	return nil
}

// admitEntity finds or makes the entity of k, unless it accepts no mail now. sh is locked.
func (p *Pool[K, S, M]) admitEntity(sh *shard[K, S, M], k K, urgent bool) (*entity[K, S, M], error) {
	e := sh.entities[k]
	switch {
	case sh.phase == phaseClosed, sh.phase == phaseDraining && (!urgent || e == nil):
		return nil, ErrStopped
	case e == nil:
		e = &entity[K, S, M]{key: k}
		sh.entities[k] = e
	case e.budget != nil && e.budget.isResting(time.Now()):
		return nil, ErrSpent
	}
	return e, nil
}
