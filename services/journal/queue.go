package journal

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Batch is facts of one stream that become durable together or not at all.
type Batch struct {
	Stream string
	Epoch  uint64
	Facts  []event.Event // Seq set by the caller, dense, handed over for good, never changed
	Vital  bool          // taken even when the disk is full
}

// op is one thing for the committer to do.
type op struct {
	kind    opKind
	batch   Batch // raise and snapshot use its stream and epoch only
	seq     uint64
	data    []byte
	rewrite rewrite
	bytes   int
	cursor  Cursor // result of a raise or a takeover
	err     error  // why this op was refused
	done    func(*op)
}

type opKind uint8

const (
	opAppend opKind = iota
	opRaise
	opSnapshot
	opRewrite
	opRenew
	opCopy
	opTake
	opCut
)

func (o *op) isVital() bool {
	switch o.kind {
	case opRaise, opRenew, opTake, opCut:
		return true
	case opAppend, opCopy:
		return o.batch.Vital
	default:
		return false
	}
}

// factOverhead is the weight of a fact in the queue, in addition to its payload.
const factOverhead = 128

// queue holds the ops for the committer, in order. When it holds more than limit bytes, adding
// waits.
type queue struct {
	mu     sync.Mutex // guards the fields below
	space  *sync.Cond // signalled when ops were taken, or the queue closed
	ops    []*op
	bytes  int
	limit  int
	closed bool

	more chan struct{} // holds one token when there may be ops
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit, more: make(chan struct{}, 1)}
	q.space = sync.NewCond(&q.mu)
	return q
}

// enqueueOp queues o, waiting while the queue is over its limit. False: the queue is closed.
func (q *queue) enqueueOp(o *op) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes > q.limit && !q.closed {
		q.space.Wait()
	}
	if q.closed {
		return false
	}
	q.ops = append(q.ops, o)
	q.bytes += o.bytes
	q.signalMore()
	return true
}

func (q *queue) signalMore() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// groupBytes bounds one commit, so that a full queue becomes several.
const groupBytes = 4 << 20

// takeGroup returns the waiting ops, up to groupBytes, and never waits itself.
func (q *queue) takeGroup() []*op {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.ops) && (n == 0 || bytes+q.ops[n].bytes <= groupBytes) {
		bytes += q.ops[n].bytes
		n++
	}
	group := q.ops[:n:n]
	q.ops = q.ops[n:]
	if len(q.ops) == 0 {
		q.ops = nil
	} else {
		q.signalMore()
	}
	q.bytes -= bytes
	q.space.Broadcast()
	return group
}

// waitForOps returns when there may be ops (true), when every has passed (true, 0 is never), or
// when ctx has ended (false).
func (q *queue) waitForOps(ctx context.Context, every time.Duration) bool {
	var tick <-chan time.Time
	if every > 0 {
		tick = time.After(every)
	}
	select {
	case <-q.more:
		return true
	case <-tick:
		return true
	case <-ctx.Done():
		return false
	}
}

// close refuses all further ops and returns the waiting ones.
func (q *queue) close() []*op {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.ops
	q.ops, q.bytes, q.closed = nil, 0, true
	q.space.Broadcast()
	return rest
}

// size is the number of bytes that wait.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Append hands a batch to the committer and returns. It waits only while more than QueueBytes
// are queued. done is called once, in the order of the stream's Appends, on the committer's
// goroutine, and must not block. After Close it is called by Append itself.
//
// done gets nil when the facts are on disk. errs.Stale for another epoch than the stream's or a
// seq that does not follow. errs.Down (code disk_full) while only vital facts are taken.
// errs.Down when the disk failed. After any refusal the rest of that stream and epoch is
// refused until Raise.
func (j *Journal) Append(b Batch, done func(error)) {
	j.enqueueBatch(opAppend, b, done)
}

func (j *Journal) enqueueBatch(kind opKind, b Batch, done func(error)) {
	o := &op{kind: kind, batch: b, done: func(o *op) { done(o.err) }}
	for i := range b.Facts {
		f := &b.Facts[i]
		o.bytes += factOverhead + len(f.Data) + len(f.By) + len(f.ID)
	}
	j.enqueueOp(o)
}

// SaveSnapshot keeps data as the stream's state at seq, in place of an earlier one. It waits in
// the queue behind the stream's Appends and is refused as they are, but no refusal of a
// snapshot fences the stream.
func (j *Journal) SaveSnapshot(stream string, epoch, seq uint64, data []byte, done func(error)) {
	j.enqueueOp(&op{
		kind: opSnapshot, batch: Batch{Stream: stream, Epoch: epoch}, seq: seq,
		data: data, bytes: factOverhead + len(data), done: func(o *op) { done(o.err) },
	})
}

// Raise waits until everything appended before it is on disk or refused, and begins
// a new epoch of the stream, durably. A stream that never was gets epoch 1 and seq 0.
// Where the old epoch ended stays known to EpochEnd. When ctx ends first the epoch
// may still be raised.
func (j *Journal) Raise(ctx context.Context, stream string) (Cursor, error) {
	return j.awaitCursor(ctx, "journal.Raise", &op{kind: opRaise, batch: Batch{Stream: stream}})
}

func (j *Journal) awaitCursor(ctx context.Context, name string, o *op) (Cursor, error) {
	done := make(chan *op, 1)
	o.done = func(o *op) { done <- o }
	j.enqueueOp(o)
	select {
	case o := <-done:
		return o.cursor, o.err
	case <-ctx.Done():
		return Cursor{}, errs.New(name, errs.Down, ctx.Err())
	}
}

func (j *Journal) enqueueOp(o *op) {
	if !j.queue.enqueueOp(o) {
		o.err = errStopped()
		o.done(o)
		return
	}
	j.met.queue.Set(float64(j.queue.size()))
}
