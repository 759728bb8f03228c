package cloud

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

// Sizes of batches. The uplink adapts the size so that one takes between half of targetTime and
// targetTime.
const (
	firstBatchSize = 500
	minBatchSize   = 50
	targetTime     = 2 * time.Second
	putTimeout     = 10 * time.Minute // of one Put, on the slowest usable link
	batchDelay     = 300 * time.Millisecond
)

// Pauses after a failure. They double each time and have jitter, so that a thousand boxes do not
// return at once after an outage of the cloud.
const (
	firstPause   = time.Second // used again after each session that moved the watermark
	maxPause     = 5 * time.Minute
	refusedPause = 10 * time.Minute // only a person can fix the cause
	restartPause = 100 * time.Millisecond
)

// errRestartSession ends a session. The next one starts after restartPause.
var errRestartSession = errors.New("the session must restart")

// runSessions runs one session after another while the box is linked.
func (c *Cloud) runSessions(ctx context.Context) error {
	pause := c.cfg.pause
	for ctx.Err() == nil {
		l := c.currentLink()
		if l.Way == "" || l.Way == WayStick {
			if !c.waitForRetry(ctx, 0) {
				return nil
			}
			continue
		}
		got, err := c.runSession(ctx, l)
		if ctx.Err() != nil {
			//lint:ignore nilerr the end of the context is no fault
			return nil
		}
		if errors.Is(err, errRestartSession) {
			if !c.waitForRetry(ctx, restartPause) {
				return nil
			}
			continue
		}
		if got {
			pause = c.cfg.pause // the line works, even if it breaks often
		}
		wait := c.recordFailure(err, pause)
		pause = min(2*pause, maxPause)
		if !c.waitForRetry(ctx, wait) {
			return nil
		}
	}
	return nil
}

// waitForRetry waits for d (0 means for ever), or until a caller wants a session now. It returns
// false if ctx ended.
func (c *Cloud) waitForRetry(ctx context.Context, d time.Duration) bool {
	var timer <-chan time.Time
	if d > 0 {
		timer = time.After(d)
	}
	select {
	case <-timer:
	case <-c.wake:
	case <-c.linkChanged:
	case <-ctx.Done():
		return false
	}
	return true
}

// recordFailure puts the error that ended a session into the status, the log, the metrics and
// health. It returns the time to wait.
func (c *Cloud) recordFailure(err error, pause time.Duration) time.Duration {
	kind, body := errs.KindOf(err), errs.BodyOf(err)
	state, wait := StateOffline, pause/2+rand.N(pause)
	switch body.Code {
	case CodeCloudOlder, CodeBoxOlder, CodeRevoked, CodeStranger:
		state, wait = body.Code, refusedPause/2+rand.N(refusedPause)
	}
	c.metrics.faults.WithLabelValues(kind.String()).Inc()
	c.Log.Debug("the session with the cloud ended", "err", err)
	if state != StateOffline {
		c.Log.Warn("the cloud does not take this box's facts", "kind", body.Code, "err", err)
		c.Health.SetCheck("cloud", health.Warn, body.Code, err.Error())
	}
	c.updateStatus(func(s *Status) {
		s.State, s.Code, s.Text, s.Rate = state, body.Code, err.Error(), 0
		s.Next = c.nowMillis() + wait.Milliseconds()
	})
	return wait
}

// runSession opens one session with the cloud: a handshake, then batches and pulls until one of
// them fails. It reports whether the watermark moved.
func (c *Cloud) runSession(ctx context.Context, l Link) (got bool, err error) {
	self, err := c.describeSelf()
	if err != nil {
		return false, err
	}
	if l.Box != self.Box {
		return false, errs.NewCode("cloud", errs.Denied, CodeStranger, "the box was restored from a backup of another one: link it again")
	}
	sink, done, err := c.Transport.Open(ctx, l)
	if err != nil {
		return false, err
	}
	defer done()
	state, err := c.handshake(ctx, sink, self)
	if err != nil {
		return false, err
	}
	c.setSent(state.Pos)
	run := &uplinkSession{Cloud: c, sink: sink, self: self, policy: state.Policy, pos: state.Pos, newestItem: state.Down, batches: make(chan outgoingBatch)}
	run.batchSize.Store(firstBatchSize)
	g := supervise.Group(ctx)
	g.Go(run.buildBatches)
	g.Go(run.sendBatches)
	g.Go(run.runPulls)
	err = g.Wait()
	return run.pos > state.Pos, err
}

// uplinkSession is one session after its handshake.
type uplinkSession struct {
	*Cloud
	sink       Sink
	self       Self
	policy     Policy
	pos        uint64 // the watermark, owned by sendBatches while it runs
	newestItem uint64 // number of the newest item that the cloud has

	batches   chan outgoingBatch // from buildBatches to sendBatches
	batchSize atomic.Int64       // facts of the next batch
}

// buildBatches builds each batch while the previous one is on its way. A batch starts at the end
// of the last one that was sent. Scanned positions without facts to send are part of the next.
func (r *uplinkSession) buildBatches(ctx context.Context) error {
	from, after := r.pos, r.pos
	for {
		p, err := r.buildBatch(ctx, r.self, from, after, int(r.batchSize.Load()), r.policy)
		if err != nil {
			return err
		}
		after = p.batch.To
		if !p.isEmpty() {
			from = after
		}
		if prepares, ok := r.sink.(Preparer); ok && !p.isEmpty() {
			if err := prepares.Prepare(p.batch); err != nil {
				return err
			}
		}
		if !p.isEmpty() || !p.more {
			select {
			case r.batches <- p:
			case <-ctx.Done():
				return nil
			}
		}
		if !p.more && !r.waitForFacts(ctx, after) {
			return nil
		}
	}
}

// waitForFacts waits for a fact after pos, and then batchDelay for the facts that follow it.
func (r *uplinkSession) waitForFacts(ctx context.Context, pos uint64) bool {
	//lint:ignore errcheck an error ends the wait as a fact does; the read that follows meets it again
	for range r.Journal.Follow(ctx, pos) {
		break
	}
	select {
	case <-time.After(batchDelay):
		return true
	case <-ctx.Done():
		return false
	}
}

// sendBatches sends one batch after another.
func (r *uplinkSession) sendBatches(ctx context.Context) error {
	meter := newRateMeter()
	for {
		select {
		case p := <-r.batches:
			if !p.isEmpty() {
				r.updateStatus(func(s *Status) { s.State, s.Code, s.Text, s.Next = StateSending, "", "", 0 })
				if err := r.sendBatch(ctx, p, meter); err != nil {
					return err
				}
			}
			if !p.more {
				r.setSent(p.batch.To)
				r.markIdle()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// sendBatch sends one batch and stores the result.
func (r *uplinkSession) sendBatch(ctx context.Context, p outgoingBatch, m *rateMeter) error {
	if err := r.store.addDead(bucketOwn, p.unsendable...); err != nil {
		return err
	}
	start := time.Now()
	got, err := r.putBatch(ctx, r.sink, p.batch)
	if errs.KindOf(err) == errs.Invalid && err != nil {
		got, err = r.isolateRefused(ctx, p.batch, err)
	}
	took := time.Since(start)
	if err != nil {
		r.batchSize.Store(max(minBatchSize, r.batchSize.Load()/2))
		if errs.BodyOf(err).Code == CodeMoved {
			return errRestartSession
		}
		return err
	}
	r.adaptSize(len(p.batch.Facts), took)
	r.metrics.seconds.Observe(took.Seconds())
	r.metrics.facts.WithLabelValues("stored").Add(float64(got.Stored))
	r.metrics.facts.WithLabelValues("known").Add(float64(got.Known))
	r.metrics.facts.WithLabelValues("dead").Add(float64(len(got.Dead)))
	if err := r.store.addDead(bucketDead, got.Dead...); err != nil {
		return err
	}
	r.pos = p.batch.To
	r.setSent(p.batch.To)
	rate := m.addFacts(len(p.batch.Facts))
	r.updateStatus(func(s *Status) { s.Last, s.Rate = r.nowMillis(), rate })
	return r.saveProgress()
}

// putBatch calls Put. Only one Put runs at a time.
func (c *Cloud) putBatch(ctx context.Context, sink Sink, b *batch.Batch) (Receipt, error) {
	c.putMu.Lock()
	defer c.putMu.Unlock()
	late, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	return sink.Put(late, b)
}

// isolateRefused handles a batch that the cloud refuses as a whole. It splits the batch in halves
// until it has found the bad fact, and sends the rest. The bad fact becomes a dead letter on the
// box, so it blocks no other fact.
func (r *uplinkSession) isolateRefused(ctx context.Context, b *batch.Batch, cause error) (sum Receipt, err error) {
	if len(b.Facts) <= 1 {
		for _, f := range b.Facts {
			d := newDead(r.self.Incarnation, f, errs.BodyOf(cause).Code, cause.Error(), r.nowMillis())
			if err := r.store.addDead(bucketOwn, d); err != nil {
				return sum, err
			}
		}
		rest := b.SubBatch(nil, b.From, b.To)
		rest.Mark = b.Mark
		return r.putBatch(ctx, r.sink, rest)
	}
	for _, half := range splitBatch(b) {
		got, err := r.putBatch(ctx, r.sink, half)
		if errs.KindOf(err) == errs.Invalid && err != nil {
			got, err = r.isolateRefused(ctx, half, err)
		}
		if err != nil {
			return sum, err
		}
		sum = Receipt{got.Pos, sum.Stored + got.Stored, sum.Known + got.Known, append(sum.Dead, got.Dead...)}
	}
	return sum, nil
}

// splitBatch splits b into two batches. The first has no mark, because the fact at its end was
// not read from the journal.
func splitBatch(b *batch.Batch) []*batch.Batch {
	n := len(b.Facts) / 2
	cut := b.Facts[n-1].Pos
	first, second := b.SubBatch(b.Facts[:n], b.From, cut), b.SubBatch(b.Facts[n:], cut, b.To)
	second.Mark = b.Mark
	return []*batch.Batch{first, second}
}

func newDead(incarnation uint64, f batch.Fact, code, text string, at int64) Dead {
	return Dead{
		Incarnation: incarnation, Pos: f.Pos, Stream: f.Stream, Epoch: f.Epoch, Seq: f.Seq, Kind: f.Kind, Code: code, Text: text, At: at,
	}
}

// adaptSize increases the batch size while batches are fast, and decreases it when they are slow.
func (r *uplinkSession) adaptSize(n int, took time.Duration) {
	size := r.batchSize.Load()
	switch {
	case took > targetTime:
		size /= 2
	case took < targetTime/2 && int64(n) >= size:
		size *= 2
	}
	r.batchSize.Store(min(max(size, minBatchSize), batch.MaxFacts))
}

// markIdle sets the status for a link that has sent everything.
func (r *uplinkSession) markIdle() {
	r.Health.SetCheck("cloud", health.OK, "", "")
	r.updateStatus(func(s *Status) {
		s.State, s.Code, s.Text, s.Next, s.Rate = StateIdle, "", "", 0, 0
		s.Last = r.nowMillis()
	})
}

// saveProgress stores the state that the page shows on days without a network.
func (r *uplinkSession) saveProgress() error {
	s := loadValue[rememberedState](r.store, bucketLink, keySeen)
	s.Incarnation, s.Pos, s.Last = r.self.Incarnation, r.pos, r.nowMillis()
	return r.store.putValue(bucketLink, keySeen, s)
}

// runPulls fetches the cloud's items: now, at each Look interval, and when a caller wants it.
func (r *uplinkSession) runPulls(ctx context.Context) error {
	for {
		if err := r.Down.CheckNewest(r.newestItem); err != nil {
			return err
		}
		if err := r.Down.PullAll(ctx, r.sink); err != nil {
			return err
		}
		select {
		case <-time.After(r.cfg.Look):
		case <-r.wake:
		case <-r.linkChanged:
			return errRestartSession
		case <-ctx.Done():
			return nil
		}
		self, err := r.Cloud.describeSelf()
		if err != nil {
			return err
		}
		state, err := r.handshake(ctx, r.sink, self)
		if err != nil {
			return err
		}
		if r.newestItem = state.Down; state.Policy != r.policy {
			return errRestartSession // the next session filters facts by the new policy
		}
	}
}

// rateMeter measures the facts per second over the last few seconds.
type rateMeter struct {
	start time.Time
	facts float64
}

func newRateMeter() *rateMeter { return &rateMeter{start: time.Now()} }

// addFacts counts n more facts and returns the rate.
func (m *rateMeter) addFacts(n int) float64 {
	const window = 20 * time.Second
	m.facts += float64(n)
	d := time.Since(m.start)
	if d > window { // halve the count and the time, so that old facts fade
		m.start, m.facts = m.start.Add(d/2), m.facts/2
		d /= 2
	}
	return m.facts / max(d.Seconds(), 0.001)
}
