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
	maxRequests = 32               // that a node works on at once; more are refused Busy, code "node_busy"
	requestTime = 10 * time.Second // for one; the core waits less
	outQueue    = 256              // lines on their way; when it is full, whoever sends waits
)

// Serve lets whoever is at the other end of conn use node, until ctx ends, the other end
// closes (nil) or sends what is no request, or node.Events is closed. It closes conn.
//
// A request that panics is refused as Internal and logged: an offer that pion cannot bear
// must not take the lesson's pictures away from everybody. If it left a lock behind, pings
// are not answered any more and the core ends the process.
func Serve(ctx context.Context, conn net.Conn, node Node, log *slog.Logger) error {
	s := &server{conn: conn, node: node, log: log, out: make(chan []byte, outQueue), slots: make(chan struct{}, maxRequests)}
	s.tasks = supervise.Group(ctx)
	s.tasks.Go(s.read)
	s.tasks.Go(func(ctx context.Context) error { return write(ctx, conn, s.out) })
	s.tasks.Go(s.events)
	s.tasks.Go(func(ctx context.Context) error { <-ctx.Done(); return conn.Close() })
	err := s.tasks.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

// server is one control connection, at the node's end.
type server struct {
	conn  net.Conn
	node  Node
	log   *slog.Logger
	tasks *supervise.Tasks
	out   chan []byte
	slots chan struct{} // one for each request that is worked on
	asked atomic.Bool   // the node is being asked for a pong
}

// read takes requests until the connection ends. It never waits for the node.
func (s *server) read(ctx context.Context) error {
	for r := newReader(s.conn); ; {
		l, err := r.next()
		if err != nil {
			return err
		}
		if !l.request() {
			return garbage("the core sends requests only")
		}
		if l.Method == methodPing {
			s.ping(l.ID)
			continue
		}
		select {
		case s.slots <- struct{}{}:
			s.tasks.Go(func(ctx context.Context) error {
				defer func() { <-s.slots }()
				return s.serve(ctx, l)
			})
		default:
			busy := errs.Code(l.Method, errs.Busy, "node_busy", "the node works on %d requests", maxRequests)
			if err := s.answer(ctx, l.ID, nil, busy); err != nil {
				return err
			}
		}
	}
}

// ping answers when the node does. While one ping waits, others are dropped: silence is the
// sign that is looked for.
func (s *server) ping(id uint64) {
	if s.asked.Swap(true) {
		return
	}
	s.tasks.Go(func(ctx context.Context) error {
		defer s.asked.Store(false)
		load, err := s.node.Load(ctx)
		return s.answer(ctx, id, load, err)
	})
}

func (s *server) serve(ctx context.Context, l line) error {
	work, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	result, err := s.try(work, l)
	return s.answer(ctx, l.ID, result, err)
}

func (s *server) try(ctx context.Context, l line) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request made the node panic", "op", l.Method, "err", p, "stack", string(debug.Stack()))
			err = errs.Code(l.Method, errs.Internal, "panic", "%v", p)
		}
	}()
	return s.do(ctx, l)
}

// do calls the node.
func (s *server) do(ctx context.Context, l line) (any, error) {
	switch l.Method {
	case methodPublish:
		return with(ctx, l, s.node.Publish)
	case methodWatch:
		return with(ctx, l, s.node.Watch)
	case methodPatch:
		return with(ctx, l, s.node.Patch)
	case methodWant:
		return nothing(ctx, l, s.node.Want)
	case methodRecord:
		return nothing(ctx, l, s.node.Record)
	case methodClose:
		return nothing(ctx, l, func(ctx context.Context, p closeParams) error { return s.node.Close(ctx, p.Session) })
	case methodMute:
		return nothing(ctx, l, func(ctx context.Context, p muteParams) error {
			return s.node.Mute(ctx, p.Room, p.User, p.Source, p.On)
		})
	case methodLoad:
		return s.node.Load(ctx)
	}
	return nil, errs.Code("media.control", errs.Missing, "unknown_method", "no method %.32q", l.Method)
}

func with[P, R any](ctx context.Context, l line, f func(context.Context, P) (R, error)) (R, error) {
	var p P
	if err := strictly(l.Params, &p); err != nil {
		var none R
		return none, errs.Code(l.Method, errs.Invalid, "bad_params", "%v", err)
	}
	return f(ctx, p)
}

func nothing[P any](ctx context.Context, l line, f func(context.Context, P) error) (any, error) {
	return with(ctx, l, func(ctx context.Context, p P) (any, error) { return nil, f(ctx, p) })
}

// answer sends a result or an error.
func (s *server) answer(ctx context.Context, id uint64, result any, err error) error {
	l := line{ID: id}
	if err != nil {
		l.Error = faultOf(err)
	} else if l.Result, err = raw(result); err != nil {
		return err
	}
	return send(ctx, s.out, l)
}

// events tells what happens at the node.
func (s *server) events(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-s.node.Events():
			if !ok {
				return fmt.Errorf("the node ended: %w", io.EOF)
			}
			if err := send(ctx, s.out, line{Event: &e}); err != nil {
				return err
			}
		}
	}
}

// send queues a line and waits while the queue is full. The end of ctx is the connection's.
func send(ctx context.Context, out chan<- []byte, l line) error {
	text, err := l.text()
	if err != nil {
		return err
	}
	select {
	case out <- text:
	case <-ctx.Done():
	}
	return nil
}

// write sends what is queued until ctx ends or the connection does.
func write(ctx context.Context, conn net.Conn, out <-chan []byte) error {
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
