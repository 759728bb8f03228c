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
	maxBatch     = 32 << 20         // bytes, compressed
	bodyPause    = 90 * time.Second // without a byte of a batch
	bodyTimeout  = time.Hour        // for the whole body
	storeTimeout = 3 * time.Minute  // in the database
	turnTimeout  = 30 * time.Second // for the box's turn
)

// handleFacts receives a batch and stores it. Receiving may take minutes on a slow link and runs
// in parallel. Storing is limited to Config.Batches at a time.
func (s *Server) handleFacts(w http.ResponseWriter, r *http.Request, box string) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != https.TypeBatch {
		return errs.NewField(op, "body", "bad_type", 0, "must be %s", https.TypeBatch)
	}
	if r.ContentLength > maxBatch {
		return errs.NewField(op, "body", "too_large", maxBatch, "at most %d bytes", maxBatch)
	}
	rc := http.NewResponseController(w)
	body := &pacedReader{r: http.MaxBytesReader(w, r.Body, maxBatch), rc: rc, end: time.Now().Add(bodyTimeout)}
	turn, err := s.turns.acquireTurn(r.Context(), box, body.evict)
	if err != nil {
		return err
	}
	defer turn.releaseTurn()
	raw, err := readBody(body)
	if err != nil {
		return err
	}
	turn.markReceived()
	s.metrics.bytes.Add(float64(len(raw)))
	receipt, err := s.storeBatch(r.Context(), box, raw)
	_ = rc.SetWriteDeadline(time.Now().Add(time.Minute)) // the deadline of the answer starts now
	if err != nil {
		s.metrics.batches.WithLabelValues(errs.KindOf(err).String()).Inc()
		return err
	}
	s.metrics.batches.WithLabelValues("stored").Inc()
	writeJSON(w, receipt)
	return nil
}

// readBody reads a body for as long as bytes keep coming.
func readBody(in *pacedReader) ([]byte, error) {
	var buf bytes.Buffer
	_, err := buf.ReadFrom(in)
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case large:
		return nil, bodyError(err, maxBatch)
	case err != nil: // the connection broke, or a newer batch evicted this one
		return nil, errs.New(op, errs.Down, err)
	}
	return buf.Bytes(), nil
}

// errEvicted says that the box has begun a newer batch.
var errEvicted = errors.New("a newer batch of the box evicted this one")

// pacedReader reads a body and fails after bodyPause without a byte, or once it is evicted.
type pacedReader struct {
	r   io.Reader
	rc  *http.ResponseController
	end time.Time

	mu      sync.Mutex // keeps an eviction from being undone by the next deadline
	evicted bool       // guarded by mu
}

// evict ends the reading. Any goroutine may call it, also before the reading begins.
func (p *pacedReader) evict() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.evicted = true
	_ = p.rc.SetReadDeadline(time.Unix(1, 0)) // test writers have no deadline
}

// Read implements io.Reader.
func (p *pacedReader) Read(b []byte) (int, error) {
	if err := p.setDeadlines(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	if errors.Is(err, io.EOF) {
		clearReadDeadline(p.rc)
	}
	return n, err
}

func (p *pacedReader) setDeadlines() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.evicted {
		return errEvicted
	}
	until := time.Now().Add(bodyPause)
	if until.After(p.end) {
		until = p.end
	}
	_ = p.rc.SetReadDeadline(until)  // test writers have no deadline
	_ = p.rc.SetWriteDeadline(until) // the answer may have to wait for the body
	return nil
}

// clearReadDeadline removes the read deadline after the body. net/http keeps reading to detect a
// lost connection, and an expired deadline would look like one.
func clearReadDeadline(rc *http.ResponseController) {
	_ = rc.SetReadDeadline(time.Time{}) // test writers have no deadline
}

// storeBatch stores a batch. It continues if the box is gone, so the box need not send it again.
func (s *Server) storeBatch(ctx context.Context, box string, raw []byte) (cloud.Receipt, error) {
	turn := time.NewTimer(turnTimeout)
	defer turn.Stop()
	select {
	case s.storeSlots <- struct{}{}:
		defer func() { <-s.storeSlots }()
	case <-ctx.Done():
		return cloud.Receipt{}, errs.New(op, errs.Down, context.Cause(ctx))
	case <-turn.C:
		return cloud.Receipt{}, errs.NewCode(op, errs.Busy, "too_many", "the node is storing the batches of other boxes")
	}
	b, err := batch.Decode(bytes.NewReader(raw))
	if err != nil {
		return cloud.Receipt{}, asCloudOlder(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
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

// boxTurns allows one batch of a box at a time.
type boxTurns struct {
	mu    sync.Mutex
	byBox map[string]*turn // by box, guarded by mu
}

type turn struct {
	turns    *boxTurns
	box      string
	evict    func()        // aborts its reading
	done     chan struct{} // closed when the turn has ended
	complete bool          // the whole batch was received, guarded by boxTurns.mu
}

// acquireTurn waits until the box's earlier batch has ended. It evicts one that is still being
// received, because the box has given up on it.
func (q *boxTurns) acquireTurn(ctx context.Context, box string, evict func()) (*turn, error) {
	own := &turn{turns: q, box: box, evict: evict, done: make(chan struct{})}
	late := time.NewTimer(turnTimeout)
	defer late.Stop()
	for {
		before := q.claimTurn(own)
		if before == nil {
			return own, nil
		}
		select {
		case <-before.done:
		case <-ctx.Done():
			return nil, errs.New(op, errs.Down, context.Cause(ctx))
		case <-late.C:
			return nil, errs.NewCode(op, errs.Busy, "busy", "the node is storing an earlier batch of the box")
		}
	}
}

// claimTurn takes the box's place and returns nil, or returns the turn that has it.
func (q *boxTurns) claimTurn(own *turn) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byBox == nil {
		q.byBox = map[string]*turn{}
	}
	before := q.byBox[own.box]
	if before == nil {
		q.byBox[own.box] = own
		return nil
	}
	if !before.complete {
		before.evict()
	}
	return before
}

// markReceived notes that the whole batch was received, so that it cannot be evicted.
func (t *turn) markReceived() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	t.complete = true
}

func (t *turn) releaseTurn() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	delete(t.turns.byBox, t.box)
	close(t.done)
}

// asCloudOlder changes the code "too_new" to CodeCloudOlder. The box then waits for an update of
// the cloud.
func asCloudOlder(err error) error {
	if errs.BodyOf(err).Code == "too_new" {
		return errs.NewCode(op, errs.Down, cloud.CodeCloudOlder, "%w", err)
	}
	return err
}
