package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const (
	maxRequests    = 32               // handled by a node at once, more are refused with errs.Busy, code "node_busy"
	requestTimeout = 10 * time.Second // for one request, the core waits less
	maxQueuedLines = 256              // lines on their way, when it is full, senders wait
)

// Serve lets the other end of conn use node, until ctx ends, the other end closes (nil) or
// sends a line that is no request, or node.Events is closed. It closes conn.
//
// A request that panics is refused as Internal and logged: an offer that crashes pion must not
// end the media of all lessons. If it left a lock behind, pings are not answered any more and
// the core ends the process.
func Serve(ctx context.Context, conn net.Conn, node Node, log *slog.Logger) error {
	s := &server{conn: conn, node: node, log: log, out: make(chan []byte, maxQueuedLines), inFlight: make(chan struct{}, maxRequests)}
	s.tasks = supervise.Group(ctx)
	s.tasks.Go(s.readRequests)
	s.tasks.Go(func(ctx context.Context) error { return writeLines(ctx, conn, s.out) })
	s.tasks.Go(s.forwardEvents)
	s.tasks.Go(func(ctx context.Context) error { <-ctx.Done(); return conn.Close() })
	err := s.tasks.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		//lint:ignore nilerr the core has closed the connection
		return nil
	}
	return err
}

// server is one control connection, at the node's end.
type server struct {
	conn        net.Conn
	node        Node
	log         *slog.Logger
	tasks       *supervise.Tasks
	out         chan []byte
	inFlight    chan struct{} // one for each request in work
	pingPending atomic.Bool   // a ping waits for the node's answer
}

// readRequests reads requests until the connection ends. It never waits for the node.
func (s *server) readRequests(ctx context.Context) error {
	for r := newLineReader(s.conn); ; {
		l, err := r.readLine()
		if err != nil {
			return err
		}
		if !l.isRequest() {
			return errProtocol("the core sends requests only")
		}
		if l.Method == methodPing {
			s.answerPing(l.ID)
			continue
		}
		select {
		case s.inFlight <- struct{}{}:
			s.tasks.Go(func(ctx context.Context) error {
				defer func() { <-s.inFlight }()
				return s.serveRequest(ctx, l)
			})
		default:
			busy := errs.NewCode(l.Method, errs.Busy, "node_busy", "the node works on %d requests", maxRequests)
			if err := s.sendAnswer(ctx, l.ID, nil, busy); err != nil {
				return err
			}
		}
	}
}

// answerPing answers when the node does. While one ping waits, others are dropped, so that a
// stuck node is silent.
func (s *server) answerPing(id uint64) {
	if s.pingPending.Swap(true) {
		return
	}
	s.tasks.Go(func(ctx context.Context) error {
		defer s.pingPending.Store(false)
		load, err := s.node.Load(ctx)
		return s.sendAnswer(ctx, id, load, err)
	})
}

func (s *server) serveRequest(ctx context.Context, l line) error {
	work, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	result, err := s.callRecovering(work, l)
	return s.sendAnswer(ctx, l.ID, result, err)
}

func (s *server) callRecovering(ctx context.Context, l line) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request made the node panic", "op", l.Method, "err", p, "stack", string(debug.Stack()))
			err = errs.NewCode(l.Method, errs.Internal, "panic", "%v", p)
		}
	}()
	return s.callMethod(ctx, l)
}

// callMethod calls the node.
func (s *server) callMethod(ctx context.Context, l line) (any, error) {
	switch l.Method {
	case methodPublish:
		return callWithParams(ctx, l, s.node.Publish)
	case methodWatch:
		return callWithParams(ctx, l, s.node.Watch)
	case methodPatch:
		return callWithParams(ctx, l, s.node.Patch)
	case methodWant:
		return callWithoutResult(ctx, l, s.node.Want)
	case methodRecord:
		return callWithoutResult(ctx, l, s.node.Record)
	case methodClose:
		return callWithoutResult(ctx, l, func(ctx context.Context, p closeParams) error { return s.node.Close(ctx, p.Session) })
	case methodMute:
		return callWithoutResult(ctx, l, func(ctx context.Context, p muteParams) error {
			return s.node.Mute(ctx, p.Room, p.User, p.Source, p.On)
		})
	case methodLoad:
		return s.node.Load(ctx)
	}
	return nil, errs.NewCode("media.control", errs.Missing, "unknown_method", "no method %.32q", l.Method)
}

func callWithParams[P, R any](ctx context.Context, l line, f func(context.Context, P) (R, error)) (R, error) {
	var p P
	if err := decodeStrict(l.Params, &p); err != nil {
		var none R
		return none, errs.NewCode(l.Method, errs.Invalid, "bad_params", "%v", err)
	}
	return f(ctx, p)
}

func callWithoutResult[P any](ctx context.Context, l line, f func(context.Context, P) error) (any, error) {
	return callWithParams(ctx, l, func(ctx context.Context, p P) (any, error) { return nil, f(ctx, p) })
}

// sendAnswer sends a result or an error.
func (s *server) sendAnswer(ctx context.Context, id uint64, result any, err error) error {
	l := line{ID: id}
	if err != nil {
		l.Error = newWireError(err)
	} else if l.Result, err = marshalRaw(result); err != nil {
		return err
	}
	return sendLine(ctx, s.out, l)
}

// forwardEvents sends the node's events.
func (s *server) forwardEvents(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-s.node.Events():
			if !ok {
				return fmt.Errorf("the node ended: %w", io.EOF)
			}
			if err := sendLine(ctx, s.out, line{Event: &e}); err != nil {
				return err
			}
		}
	}
}

// sendLine queues a line and waits while the queue is full. The end of ctx is the connection's.
func sendLine(ctx context.Context, out chan<- []byte, l line) error {
	text, err := l.encodeLine()
	if err != nil {
		return err
	}
	select {
	case out <- text:
	case <-ctx.Done():
	}
	return nil
}

// writeLines sends the queued lines until ctx ends or the connection does.
func writeLines(ctx context.Context, conn net.Conn, out <-chan []byte) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case text := <-out:
			if _, err := conn.Write(text); err != nil {
				return err
			}
		}
	}
}
