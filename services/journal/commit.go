package journal

import (
	"context"
	"errors"
	"maps"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// Serve is the committer: it drains the queue into one update after another. When ctx
// ends it commits what is queued and returns nil. A disk that fails, or a panic, ends
// it with an error; the next Serve refuses what was in flight, reads from disk where
// the streams stand and goes on, with the queue as it was.
func (j *Journal) Serve(ctx context.Context) error {
	if !j.serving.TryLock() {
		return errs.Newf("journal.Serve", errs.Internal, "the journal is served already")
	}
	defer j.serving.Unlock()
	if err := j.mend(); err != nil {
		return err
	}
	for {
		group := j.queue.take()
		j.met.queue.Set(float64(j.queue.size()))
		j.ballast.restore()
		if len(group) > 0 {
			next := time.Now().Add(j.cfg.Pace)
			j.flight = group
			if err := j.commit(group); err != nil {
				return err
			}
			j.flight = nil
			j.rest(ctx, next)
			continue
		}
		if ctx.Err() != nil {
			return j.flush()
		}
		j.queue.wait(ctx, j.ballast.probe())
	}
}

// rest waits for the time of the next commit. Facts gather meanwhile: commits that
// follow each other at once would hold one fact each, and cost a page and two syncs
// each. A fact that comes after a pause does not wait at all.
func (j *Journal) rest(ctx context.Context, next time.Time) {
	d := time.Until(next)
	if d <= 0 || ctx.Err() != nil {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// String names the service.
func (j *Journal) String() string { return "journal" }

// mend puts memory in order after a Serve that did not end well.
func (j *Journal) mend() error {
	if len(j.flight) == 0 && !j.reload {
		return nil
	}
	rest := j.flight
	j.flight = nil
	j.reload = true
	fence := j.fenced(rest)
	j.settle(rest, errs.Code("journal", errs.Down, "disk", "the commit was interrupted"))
	if err := errors.Join(j.load(), j.recall()); err != nil {
		j.suspect(err)
		return err
	}
	j.reload = false
	j.publish(j.fencedHeads(fence), j.Position(), false)
	return nil
}

// suspect makes the next Open check every page when err tells of damage.
func (j *Journal) suspect(err error) {
	if errs.KindOf(err) != errs.Corrupt {
		return
	}
	if err := CheckAllNext(j.cfg.Path); err != nil {
		j.log.Warn("the next start will not check the whole journal", "err", err)
	}
}

// fenced lists the streams that must raise their epoch: those fenced or barred now, and
// those of ops that are lost.
func (j *Journal) fenced(lost []*op) map[string]uint64 {
	streams := make(map[string]uint64)
	j.mu.RLock()
	defer j.mu.RUnlock()
	for stream, h := range j.heads {
		if h.fenced || h.barred {
			streams[stream] = h.epoch
		}
	}
	for _, o := range lost {
		if o.kind == opAppend {
			streams[o.batch.Stream] = max(streams[o.batch.Stream], o.batch.Epoch)
		}
	}
	return streams
}

func (j *Journal) fencedHeads(streams map[string]uint64) map[string]*head {
	heads := make(map[string]*head)
	for stream, epoch := range streams {
		h, err := j.headOf(nil, stream)
		if err == nil && h.epoch == epoch {
			fenced := *h
			fenced.fenced = true
			heads[stream] = &fenced
		}
	}
	return heads
}

// commit makes a group durable. The error is for the supervisor; the ops have been
// told already.
func (j *Journal) commit(group []*op) error {
	st := j.stage(j.ballast.full())
	err := j.write(st, group)
	if isFull(err) && !st.vitalOnly {
		j.ballast.free(err)
		st = j.stage(true)
		err = j.write(st, group)
	}
	if err != nil {
		return j.fail(group, err)
	}
	j.become(st.box)
	j.publish(st.heads, st.position, st.flushed)
	j.met.facts.Add(float64(st.facts))
	j.met.bytes.Add(float64(st.bytes))
	j.settle(group, nil)
	return nil
}

// fail refuses a whole group. A disk without space, ballast and all, is waited out;
// after another fault what bbolt and the kernel hold may differ from the disk, so the
// committer starts anew.
func (j *Journal) fail(group []*op, err error) error {
	refusal := errs.New("journal.commit", errs.Down, err)
	refusal.Code = "disk"
	if full := isFull(err); full {
		j.ballast.free(err)
		refusal = errFull()
	} else {
		j.log.Error("the journal could not commit", "err", err)
		j.reload = true
		j.suspect(err)
	}
	st := j.stage(true)
	for _, o := range group {
		st.refuse(o, refusal)
	}
	j.publish(st.heads, 0, false)
	j.settle(group, nil)
	if j.reload {
		return refusal
	}
	return nil
}

// write applies the ops inside one update. Ops that are refused carry their error;
// when all are, nothing is written.
func (j *Journal) write(st *stage, group []*op) error {
	start := time.Now()
	err := j.update(func(tx *bbolt.Tx) error {
		wrote := false
		for _, o := range group {
			if o.err = nil; st.vitalOnly && !o.vital() {
				st.refuse(o, errFull())
				continue
			}
			if err := st.apply(tx, o); err != nil {
				return err
			}
			wrote = wrote || o.err == nil
		}
		if !wrote {
			return errNothing
		}
		if !st.vitalOnly && j.tailLen()+st.facts >= j.cfg.tail {
			return st.flush(tx)
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		st.position = 0
		return nil
	}
	if err == nil {
		j.met.commits.Inc()
		j.met.seconds.Observe(time.Since(start).Seconds())
	}
	return err
}

// errNothing rolls back an update that has nothing to write.
var errNothing = errors.New("nothing to commit")

func errFull() *errs.Error {
	return errs.Code("journal", errs.Down, "disk_full", "the disk is full")
}

// isFull tells whether an update failed for want of space. bbolt keeps only the text
// of some causes.
func isFull(err error) bool {
	if err == nil {
		return false
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, no) || strings.Contains(err.Error(), no.Error()) {
			return true
		}
	}
	return false
}

// publish makes what the committer wrote visible: the streams' new heads, the
// position (0: unchanged), and that the index on disk is complete.
func (j *Journal) publish(heads map[string]*head, position uint64, flushed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	maps.Copy(j.heads, heads)
	if position > j.position {
		j.position = position
		close(j.wake)
		j.wake = make(chan struct{})
		j.met.position.Set(float64(position))
	}
	if flushed {
		j.checkpoint = j.position
	}
}

// settle tells each op's owner how it went; err stands in for ops without an error of
// their own.
func (j *Journal) settle(group []*op, err error) {
	for _, o := range group {
		if o.err == nil {
			o.err = err
		}
		if o.err != nil {
			j.met.refused.WithLabelValues(errs.KindOf(o.err).String()).Inc()
		}
		j.tell(o)
	}
}

// tell calls an op's done. A panic there is its owner's fault, not the committer's.
func (j *Journal) tell(o *op) {
	done := o.done
	if done == nil {
		return // was told before the committer crashed
	}
	o.done = nil
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("a done function panicked", "room", o.batch.Stream, "err", p)
		}
	}()
	done(o)
}

// flush writes index and streams when Serve ends, so that the next Open reads no tail.
func (j *Journal) flush() error {
	if j.tailLen() == 0 {
		return nil
	}
	st := j.stage(false)
	err := j.update(st.flush)
	if isFull(err) {
		return nil // the next Open reads the tail
	}
	if err != nil {
		j.reload = true
		j.suspect(err)
		return errs.New("journal.flush", errs.Down, err)
	}
	j.publish(st.heads, st.position, true)
	return nil
}

func (j *Journal) tailLen() int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return int(j.position - j.checkpoint)
}
