package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/errs"
)

const (
	maxBatch  = 32 << 20         // bytes, compressed
	bodyPause = 90 * time.Second // without a byte of a batch
	bodyTime  = time.Hour        // for all of it
	storeTime = 3 * time.Minute  // in the database
	turnTime  = 30 * time.Second // waiting for one's turn
)

// facts takes in a batch: its bytes first, which may take a slow link minutes, and then, in
// turn with those of other boxes, what they say.
func (s *Server) facts(w http.ResponseWriter, r *http.Request, box string) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != https.TypeBatch {
		return errs.Field(op, "body", "bad_type", 0, "must be %s", https.TypeBatch)
	}
	rc := http.NewResponseController(w)
	turn, err := s.queues.enter(r.Context(), box, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
	if err != nil {
		return err
	}
	defer turn.leave()
	raw, err := receive(w, r, rc)
	if err != nil {
		return err
	}
	turn.received()
	s.metrics.bytes.Add(float64(len(raw)))
	receipt, err := s.put(r.Context(), box, raw)
	_ = rc.SetWriteDeadline(time.Now().Add(time.Minute)) // the answer's time begins now
	if err != nil {
		s.metrics.batches.WithLabelValues(errs.KindOf(err).String()).Inc()
		return err
	}
	s.metrics.batches.WithLabelValues("stored").Inc()
	answer(w, receipt)
	return nil
}

// receive takes in a body for as long as bytes keep coming.
func receive(w http.ResponseWriter, r *http.Request, rc *http.ResponseController) ([]byte, error) {
	if r.ContentLength > maxBatch {
		return nil, errs.Field(op, "body", "too_large", maxBatch, "at most %d bytes", maxBatch)
	}
	var buf bytes.Buffer
	in := &pausing{r: http.MaxBytesReader(w, r.Body, maxBatch), rc: rc, end: time.Now().Add(bodyTime)}
	_, err := buf.ReadFrom(in)
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case large:
		return nil, unread(err, maxBatch)
	case err != nil: // the box is gone, or its newer batch came
		return nil, errs.New(op, errs.Down, err)
	}
	return buf.Bytes(), nil
}

// pausing reads a body that may stand still only so long.
type pausing struct {
	r   io.Reader
	rc  *http.ResponseController
	end time.Time
}

// Read implements io.Reader.
func (p *pausing) Read(b []byte) (int, error) {
	until := time.Now().Add(bodyPause)
	if until.After(p.end) {
		until = p.end
	}
	_ = p.rc.SetReadDeadline(until)  // not every writer has one: tests
	_ = p.rc.SetWriteDeadline(until) // the answer may have to wait for the body
	n, err := p.r.Read(b)
	if errors.Is(err, io.EOF) {
		unhurried(p.rc)
	}
	return n, err
}

// unhurried lets a request take longer whose body is all here: net/http goes on reading, to
// see whether somebody still waits, and takes a deadline that passes for a no.
func unhurried(rc *http.ResponseController) {
	_ = rc.SetReadDeadline(time.Time{}) // not every writer has one: tests
}

// put stores a batch. It goes on when the box is gone: what is stored need not come again.
func (s *Server) put(ctx context.Context, box string, raw []byte) (cloud.Receipt, error) {
	turn := time.NewTimer(turnTime)
	defer turn.Stop()
	select {
	case s.storing <- struct{}{}:
		defer func() { <-s.storing }()
	case <-ctx.Done():
		return cloud.Receipt{}, errs.New(op, errs.Down, context.Cause(ctx))
	case <-turn.C:
		return cloud.Receipt{}, errs.Code(op, errs.Busy, "too_many", "other boxes are before this one")
	}
	b, err := batch.Decode(bytes.NewReader(raw))
	if err != nil {
		return cloud.Receipt{}, older(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	began := time.Now()
	receipt, err := s.store.Ingest(ctx, box, b)
	s.metrics.storing.Observe(time.Since(began).Seconds())
	if err != nil {
		return cloud.Receipt{}, err
	}
	s.metrics.facts.WithLabelValues("stored").Add(float64(receipt.Stored))
	s.metrics.facts.WithLabelValues("known").Add(float64(receipt.Known))
	s.metrics.facts.WithLabelValues("dead").Add(float64(len(receipt.Dead)))
	return receipt, nil
}

// queues lets one batch of a box in at a time.
type queues struct {
	mu  sync.Mutex
	all map[string]*turn // by box; guarded by mu
}

type turn struct {
	q     *queues
	box   string
	evict func()        // ends its reading
	done  chan struct{} // closed when it is over
	whole bool          // it is all here; guarded by q.mu
}

// enter waits until the box's earlier batch is over. One that is still on its way is cut
// off: the box would not send another if it still sent that.
func (q *queues) enter(ctx context.Context, box string, evict func()) (*turn, error) {
	own := &turn{q: q, box: box, evict: evict, done: make(chan struct{})}
	late := time.NewTimer(turnTime)
	defer late.Stop()
	for {
		before := q.claim(own)
		if before == nil {
			return own, nil
		}
		select {
		case <-before.done:
		case <-ctx.Done():
			return nil, errs.New(op, errs.Down, context.Cause(ctx))
		case <-late.C:
			return nil, errs.Code(op, errs.Busy, "busy", "an earlier batch of the box is being stored")
		}
	}
}

// claim takes the box's place, or gives who has it.
func (q *queues) claim(own *turn) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.all == nil {
		q.all = map[string]*turn{}
	}
	before := q.all[own.box]
	if before == nil {
		q.all[own.box] = own
		return nil
	}
	if !before.whole {
		before.evict()
	}
	return before
}

// received tells that the batch is all here and worth waiting for.
func (t *turn) received() {
	t.q.mu.Lock()
	defer t.q.mu.Unlock()
	t.whole = true
}

func (t *turn) leave() {
	t.q.mu.Lock()
	defer t.q.mu.Unlock()
	delete(t.q.all, t.box)
	close(t.done)
}

// older gives a format that this program does not know its name: the box waits until the
// cloud is updated.
func older(err error) error {
	if errs.BodyOf(err).Code == "too_new" {
		return errs.Code(op, errs.Down, cloud.CodeCloudOlder, "%w", err)
	}
	return err
}
