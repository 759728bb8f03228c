package journal

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Serve is the committer: it drains the queue into one update after another. When ctx ends it
// commits the queued ops and returns nil. A disk that fails, or a panic, ends it with an error.
// The next Serve refuses the ops that were in flight, reads the heads of the streams from disk
// and continues with the same queue.
func (j *Journal) Serve(ctx context.Context) error {
	if !j.serving.TryLock() {
		return errs.Newf("journal.Serve", errs.Internal, "the journal is served already")
	}
	defer j.serving.Unlock()
	if err := j.recoverInFlight(); err != nil {
		return err
	}
	for {
		group := j.queue.takeGroup()
		j.met.queue.Set(float64(j.queue.size()))
		j.ballast.restoreBallast()
		if len(group) > 0 {
			next := time.Now().Add(j.cfg.Pace)
			j.inFlight = group
			if err := j.commitGroup(group); err != nil {
				return err
			}
			j.inFlight = nil
			j.paceCommits(ctx, next)
			continue
		}
		if ctx.Err() != nil {
			return j.flushIndex()
		}
		j.queue.waitForOps(ctx, j.ballast.probeInterval())
	}
}

// paceCommits waits for the time of the next commit. Facts gather meanwhile. Commits one right
// after another would hold one fact each, and cost a page and two syncs each. A fact that comes
// after a pause does not wait at all.
func (j *Journal) paceCommits(ctx context.Context, next time.Time) {
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

// recoverInFlight puts memory in order after a Serve that failed.
func (j *Journal) recoverInFlight() error {
	if len(j.inFlight) == 0 && !j.reload {
		return nil
	}
	rest := j.inFlight
	j.inFlight = nil
	j.reload = true
	fence := j.fencedStreams(rest)
	j.completeOps(rest, errs.NewCode("journal", errs.Down, "disk", "the commit was interrupted"))
	if err := errors.Join(j.loadPosition(), j.reloadIncarnation()); err != nil {
		j.markSuspect(err)
		return err
	}
	j.reload = false
	j.publishHeads(j.fencedHeads(fence), j.Position(), false)
	return nil
}

// markSuspect makes the next Open check every page if err reports damage.
func (j *Journal) markSuspect(err error) {
	if errs.KindOf(err) != errs.Corrupt {
		return
	}
	if err := checkedkv.CheckAllNext(j.cfg.Path); err != nil {
		j.log.Warn("the next start will not check the whole journal", "err", err)
	}
}

// fencedStreams lists the streams that must raise their epoch: those fenced or barred now, and
// those of lost ops.
func (j *Journal) fencedStreams(lost []*op) map[string]uint64 {
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

func (j *Journal) fencedHeads(streams map[string]uint64) map[string]*streamHead {
	heads := make(map[string]*streamHead)
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

// commitGroup makes a group durable. The error is for the supervisor. The owners of the ops
// have their results already.
func (j *Journal) commitGroup(group []*op) error {
	st := j.newStage(j.ballast.isFull())
	err := j.writeGroup(st, group)
	if checkedkv.IsDiskFull(err) && !st.vitalOnly {
		j.ballast.releaseBallast(err)
		st = j.newStage(true)
		err = j.writeGroup(st, group)
	}
	if err != nil {
		return j.refuseGroup(group, err)
	}
	j.setIncarnation(st.box)
	j.publishHeads(st.heads, st.position, st.flushed)
	j.met.facts.Add(float64(st.facts))
	j.met.bytes.Add(float64(st.bytes))
	j.completeOps(group, nil)
	return nil
}

// refuseGroup refuses a whole group. If the disk is full, even without the ballast, the
// committer waits. After another fault bbolt and the kernel may hold data that differs from the
// disk, so the committer restarts.
func (j *Journal) refuseGroup(group []*op, err error) error {
	refusal := errs.New("journal.commit", errs.Down, err)
	refusal.Code = "disk"
	if full := checkedkv.IsDiskFull(err); full {
		j.ballast.releaseBallast(err)
		refusal = errFull()
	} else {
		j.log.Error("the journal could not commit", "err", err)
		j.reload = true
		j.markSuspect(err)
	}
	st := j.newStage(true)
	for _, o := range group {
		st.refuseOp(o, refusal)
	}
	j.publishHeads(st.heads, 0, false)
	j.completeOps(group, nil)
	if j.reload {
		return refusal
	}
	return nil
}

// writeGroup applies the ops inside one update. Refused ops carry their error. If all are
// refused, the update writes nothing.
func (j *Journal) writeGroup(st *commitStage, group []*op) error {
	start := time.Now()
	err := j.writeTx(func(tx *checkedkv.Tx) error {
		wrote := false
		for _, o := range group {
			if o.err = nil; st.vitalOnly && !o.isVital() {
				st.refuseOp(o, errFull())
				continue
			}
			if err := st.applyOp(tx, o); err != nil {
				return err
			}
			wrote = wrote || o.err == nil
		}
		if !wrote {
			return errNothing
		}
		if st.mustFlush || !st.vitalOnly && j.tailLen()+st.facts >= j.cfg.checkpointFacts {
			return st.flushIndex(tx)
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
	return errs.NewCode("journal", errs.Down, "disk_full", "the disk is full")
}

// publishHeads makes a commit visible: the streams' new heads, the position (0: unchanged), and
// that the index on disk is complete.
func (j *Journal) publishHeads(heads map[string]*streamHead, position uint64, flushed bool) {
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

// completeOps reports the result of each op to its owner. err stands in for ops without an
// error of their own.
func (j *Journal) completeOps(group []*op, err error) {
	for _, o := range group {
		if o.err == nil {
			o.err = err
		}
		if o.err != nil {
			j.met.refused.WithLabelValues(errs.KindOf(o.err).String()).Inc()
		}
		j.callDone(o)
	}
}

// callDone calls an op's done. A panic there is its owner's fault, not the committer's.
func (j *Journal) callDone(o *op) {
	done := o.done
	if done == nil {
		return // has its result from before the committer crashed
	}
	o.done = nil
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("a done function panicked", "room", o.batch.Stream, "err", p)
		}
	}()
	done(o)
}

// flushIndex writes index and streams when Serve ends, so that the next Open reads no tail.
func (j *Journal) flushIndex() error {
	if j.tailLen() == 0 {
		return nil
	}
	st := j.newStage(false)
	err := j.writeTx(st.flushIndex)
	if checkedkv.IsDiskFull(err) {
		return nil // the next Open reads the tail
	}
	if err != nil {
		j.reload = true
		j.markSuspect(err)
		return errs.New("journal.flush", errs.Down, err)
	}
	j.publishHeads(st.heads, st.position, true)
	return nil
}

func (j *Journal) tailLen() int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return int(j.position - j.checkpoint)
}
