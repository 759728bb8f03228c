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

// How large batches are: such that one takes between half of aim and aim.
const (
	firstSize = 500
	leastSize = 50
	aim       = 2 * time.Second
	putTime   = 10 * time.Minute // for one exchange, on the slowest link that is one
	linger    = 300 * time.Millisecond
)

// Pauses after a fault: doubled each time, with jitter, so that a thousand boxes do not come
// back at once when a cloud does.
const (
	firstPause = time.Second // again after each session in which something got through
	mostPause  = 5 * time.Minute
	longPause  = 10 * time.Minute // while only a person can mend it
	anewPause  = 100 * time.Millisecond
)

// errAnew ends a session that must begin again at once.
var errAnew = errors.New("the session begins anew")

// keep holds one session after another while there is a link.
func (c *Cloud) keep(ctx context.Context) error {
	pause := c.cfg.pause
	for ctx.Err() == nil {
		l := c.linked()
		if l.Way == "" || l.Way == WayStick {
			if !c.rest(ctx, 0) {
				return nil
			}
			continue
		}
		got, err := c.session(ctx, l)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errAnew) {
			if !c.rest(ctx, anewPause) {
				return nil
			}
			continue
		}
		if got {
			pause = c.cfg.pause // a line that breaks is one
		}
		wait := c.failed(err, pause)
		pause = min(2*pause, mostPause)
		if !c.rest(ctx, wait) {
			return nil
		}
	}
	return nil
}

// rest waits for a time (0: for ever), or until somebody wants a try now. False: ctx ended.
func (c *Cloud) rest(ctx context.Context, d time.Duration) bool {
	var timer <-chan time.Time
	if d > 0 {
		timer = time.After(d)
	}
	select {
	case <-timer:
	case <-c.kick:
	case <-c.relink:
	case <-ctx.Done():
		return false
	}
	return true
}

// failed tells people what ended a session, and gives how long to wait.
func (c *Cloud) failed(err error, pause time.Duration) time.Duration {
	kind, body := errs.KindOf(err), errs.BodyOf(err)
	state, wait := StateOffline, pause/2+rand.N(pause)
	switch body.Code {
	case CodeCloudOlder, CodeBoxOlder, CodeRevoked, CodeStranger:
		state, wait = body.Code, longPause/2+rand.N(longPause)
	}
	c.metrics.faults.WithLabelValues(kind.String()).Inc()
	c.Log.Debug("the cloud is not reached", "err", err)
	if state != StateOffline {
		c.Log.Warn("the cloud does not take this box's facts", "kind", body.Code, "err", err)
		c.Health.Set("cloud", health.Warn, body.Code, err.Error())
	}
	c.set(func(s *Status) {
		s.State, s.Code, s.Text, s.Rate = state, body.Code, err.Error(), 0
		s.Next = c.now() + wait.Milliseconds()
	})
	return wait
}

// session is one spell with the cloud: it meets it, and then sends and asks until something
// fails. It tells whether anything got through.
func (c *Cloud) session(ctx context.Context, l Link) (got bool, err error) {
	self, err := c.self()
	if err != nil {
		return false, err
	}
	if l.Box != self.Box {
		return false, errs.Code("cloud", errs.Denied, CodeStranger, "the box was restored from a backup of another one: link it again")
	}
	sink, done, err := c.Way.Open(ctx, l)
	if err != nil {
		return false, err
	}
	defer done()
	state, err := c.meet(ctx, sink, self)
	if err != nil {
		return false, err
	}
	c.moved(state.Pos)
	run := &run{Cloud: c, sink: sink, self: self, policy: state.Policy, pos: state.Pos, asked: state.Down, parcels: make(chan parcel)}
	run.size.Store(firstSize)
	g := supervise.Group(ctx)
	g.Go(run.gatherAll)
	g.Go(run.sendAll)
	g.Go(run.ask)
	err = g.Wait()
	return run.pos > state.Pos, err
}

// run is one session after the two have met.
type run struct {
	*Cloud
	sink   Sink
	self   Self
	policy Policy
	pos    uint64 // the watermark; of sendAll, once it runs
	asked  uint64 // number of the newest item that the cloud has

	parcels chan parcel  // from gatherAll to sendAll
	size    atomic.Int64 // facts of the next batch
}

// gatherAll makes batches, each while the one before is on its way. A batch begins where the
// last one ended, however many facts that stay here were looked at since.
func (r *run) gatherAll(ctx context.Context) error {
	from, look := r.pos, r.pos
	for {
		p, err := r.gather(ctx, r.self, from, look, int(r.size.Load()), r.policy)
		if err != nil {
			return err
		}
		look = p.batch.To
		if !p.nothing() {
			from = look
		}
		if prepares, ok := r.sink.(Preparer); ok && !p.nothing() {
			if err := prepares.Prepare(p.batch); err != nil {
				return err
			}
		}
		if !p.nothing() || !p.more {
			select {
			case r.parcels <- p:
			case <-ctx.Done():
				return nil
			}
		}
		if !p.more && !r.news(ctx, look) {
			return nil
		}
	}
}

// news waits for a fact behind a position, and then a moment for those that come with it.
func (r *run) news(ctx context.Context, pos uint64) bool {
	for range r.Journal.Follow(ctx, pos) {
		break
	}
	select {
	case <-time.After(linger):
		return true
	case <-ctx.Done():
		return false
	}
}

// sendAll puts one batch after another.
func (r *run) sendAll(ctx context.Context) error {
	meter := newMeter()
	for {
		select {
		case p := <-r.parcels:
			if !p.nothing() {
				r.set(func(s *Status) { s.State, s.Code, s.Text, s.Next = StateSending, "", "", 0 })
				if err := r.send(ctx, p, meter); err != nil {
					return err
				}
			}
			if !p.more {
				r.moved(p.batch.To)
				r.idle()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// send puts one batch and notes what became of it.
func (r *run) send(ctx context.Context, p parcel, m *meter) error {
	if err := r.store.addDead(bucketOwn, p.own...); err != nil {
		return err
	}
	start := time.Now()
	got, err := r.put(ctx, r.sink, p.batch)
	if errs.KindOf(err) == errs.Invalid && err != nil {
		got, err = r.pick(ctx, p.batch, err)
	}
	took := time.Since(start)
	if err != nil {
		r.size.Store(max(leastSize, r.size.Load()/2))
		if errs.BodyOf(err).Code == CodeMoved {
			return errAnew
		}
		return err
	}
	r.adapt(len(p.batch.Facts), took)
	r.metrics.seconds.Observe(took.Seconds())
	r.metrics.facts.WithLabelValues("stored").Add(float64(got.Stored))
	r.metrics.facts.WithLabelValues("known").Add(float64(got.Known))
	r.metrics.facts.WithLabelValues("dead").Add(float64(len(got.Dead)))
	if err := r.store.addDead(bucketDead, got.Dead...); err != nil {
		return err
	}
	r.pos = p.batch.To
	r.moved(p.batch.To)
	rate := m.add(len(p.batch.Facts))
	r.set(func(s *Status) { s.Last, s.Rate = r.now(), rate })
	return r.remember()
}

// put is one exchange; others wait for it.
func (c *Cloud) put(ctx context.Context, sink Sink, b *batch.Batch) (Receipt, error) {
	c.putting.Lock()
	defer c.putting.Unlock()
	late, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	return sink.Put(late, b)
}

// pick finds the fact that makes a cloud refuse a whole batch as no batch, by halves, and
// sends the rest. The fact stays here as a dead letter: nothing else waits for it.
func (r *run) pick(ctx context.Context, b *batch.Batch, cause error) (sum Receipt, err error) {
	if len(b.Facts) <= 1 {
		for _, f := range b.Facts {
			d := deadOf(r.self.Incarnation, f, errs.BodyOf(cause).Code, cause.Error(), r.now())
			if err := r.store.addDead(bucketOwn, d); err != nil {
				return sum, err
			}
		}
		rest := b.Part(nil, b.From, b.To)
		rest.Mark = b.Mark
		return r.put(ctx, r.sink, rest)
	}
	for _, half := range halves(b) {
		got, err := r.put(ctx, r.sink, half)
		if errs.KindOf(err) == errs.Invalid && err != nil {
			got, err = r.pick(ctx, half, err)
		}
		if err != nil {
			return sum, err
		}
		sum = Receipt{got.Pos, sum.Stored + got.Stored, sum.Known + got.Known, append(sum.Dead, got.Dead...)}
	}
	return sum, nil
}

// halves are two batches that together are b. The first has no mark: nobody has read what
// stands at its end.
func halves(b *batch.Batch) []*batch.Batch {
	n := len(b.Facts) / 2
	cut := b.Facts[n-1].Pos
	first, second := b.Part(b.Facts[:n], b.From, cut), b.Part(b.Facts[n:], cut, b.To)
	second.Mark = b.Mark
	return []*batch.Batch{first, second}
}

func deadOf(incarnation uint64, f batch.Fact, code, text string, at int64) Dead {
	return Dead{
		Incarnation: incarnation, Pos: f.Pos, Stream: f.Stream, Epoch: f.Epoch, Seq: f.Seq, Kind: f.Kind, Code: code, Text: text, At: at,
	}
}

// adapt makes batches larger while they are quick and smaller when they are slow.
func (r *run) adapt(n int, took time.Duration) {
	size := r.size.Load()
	switch {
	case took > aim:
		size /= 2
	case took < aim/2 && int64(n) >= size:
		size *= 2
	}
	r.size.Store(min(max(size, leastSize), batch.MaxFacts))
}

// idle tells that all is in the cloud.
func (r *run) idle() {
	r.Health.Set("cloud", health.OK, "", "")
	r.set(func(s *Status) {
		s.State, s.Code, s.Text, s.Next, s.Rate = StateIdle, "", "", 0, 0
		s.Last = r.now()
	})
}

// remember keeps what the page shows on days without a link.
func (r *run) remember() error {
	s := load[seen](r.store, bucketLink, keySeen)
	s.Incarnation, s.Pos, s.Last = r.self.Incarnation, r.pos, r.now()
	return r.store.put(bucketLink, keySeen, s)
}

// ask pulls what was decided in the cloud: now, each Look, and when somebody wants it.
func (r *run) ask(ctx context.Context) error {
	for {
		if err := r.Down.Newest(r.asked); err != nil {
			return err
		}
		if err := r.Down.Run(ctx, r.sink); err != nil {
			return err
		}
		select {
		case <-time.After(r.cfg.Look):
		case <-r.kick:
		case <-r.relink:
			return errAnew
		case <-ctx.Done():
			return nil
		}
		self, err := r.Cloud.self()
		if err != nil {
			return err
		}
		state, err := r.meet(ctx, r.sink, self)
		if err != nil {
			return err
		}
		if r.asked = state.Down; state.Policy != r.policy {
			return errAnew // what may leave is another choice now
		}
	}
}

// meter tells how many facts a second leave, over the last few seconds.
type meter struct {
	start time.Time
	facts float64
}

func newMeter() *meter { return &meter{start: time.Now()} }

// add counts n more and gives the rate.
func (m *meter) add(n int) float64 {
	const window = 20 * time.Second
	m.facts += float64(n)
	d := time.Since(m.start)
	if d > window { // forget half of it
		m.start, m.facts = m.start.Add(d/2), m.facts/2
		d /= 2
	}
	return m.facts / max(d.Seconds(), 0.001)
}
