package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/livelearn/box/services/supervise"
)

// A node is asked each beat whether it lives, and after so many questions without an answer it
// counts as dead. So a hang is noticed within (maxMissed+1) beats, 1.2 s.
const (
	heartbeatInterval = 300 * time.Millisecond
	maxMissedPings    = 3
)

// ErrHung ends a Client when its node did not answer.
var ErrHung = errors.New("the node does not answer")

// Client is a Node behind a control connection. Serve must run. When the connection ends,
// waiting and later calls are refused with errs.Down, code "node_gone".
type Client struct {
	conn   net.Conn
	log    *slog.Logger
	out    chan []byte
	events chan Event
	done   chan struct{}

	mu          sync.Mutex // guards the fields below
	waiting     map[uint64]chan line
	pings       map[uint64]bool // pings without an answer
	lastID      uint64          // id of the last request
	missedPings int             // pings since the last pong
	lastPong    time.Time
	lastLoad    Load
	err         error // why it ended
}

// NewClient connects to the node at the other end of conn. The Client owns conn from now on.
func NewClient(conn net.Conn, log *slog.Logger) *Client {
	return &Client{
		conn: conn, log: log, out: make(chan []byte, maxQueuedLines), events: make(chan Event, EventQueue),
		done: make(chan struct{}), waiting: map[uint64]chan line{}, pings: map[uint64]bool{},
	}
}

// String is the service's name.
func (c *Client) String() string { return "media client" }

// Serve keeps the connection until ctx ends (nil), the node closes it (io.EOF), does not answer
// (ErrHung) or sends a line that is not an answer. It can be called once.
func (c *Client) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	g.Go(c.readLines)
	g.Go(func(ctx context.Context) error { return writeLines(ctx, c.conn, c.out) })
	g.Go(c.sendHeartbeats)
	g.Go(func(ctx context.Context) error { <-ctx.Done(); return c.conn.Close() })
	err := g.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	c.failWaiters(err)
	return err
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is the reason of the end. It is nil before the end, and after an end on purpose.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Pong is the time of the node's last answer, and its Load then. Zero: no answer yet.
func (c *Client) Pong() (time.Time, Load) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastPong, c.lastLoad
}

// failWaiters refuses all waiting calls.
func (c *Client) failWaiters(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.done)
}

// readLines handles answers and events.
func (c *Client) readLines(context.Context) error {
	for r := newLineReader(c.conn); ; {
		l, err := r.readLine()
		switch {
		case err != nil:
			return err
		case l.isEvent():
			c.queueEvent(*l.Event)
		case l.isAnswer():
			if err := c.deliverAnswer(l); err != nil {
				return err
			}
		default:
			return errProtocol("the node sends no requests")
		}
	}
}

// queueEvent queues an event. It drops the event if the reader is too slow.
func (c *Client) queueEvent(e Event) {
	select {
	case c.events <- e:
	default:
		c.log.Warn("media event lost: the reader is too slow", "kind", e.Kind, "room", e.Room)
	}
}

// deliverAnswer passes an answer to its caller. An answer that comes too late is dropped.
func (c *Client) deliverAnswer(l line) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.ID > c.lastID {
		return errProtocol("an answer to what was not asked")
	}
	if c.pings[l.ID] {
		c.recordPong(l)
		return nil
	}
	if w, ok := c.waiting[l.ID]; ok {
		delete(c.waiting, l.ID)
		w <- l // the channel has room for one
	}
	return nil
}

// sendHeartbeats asks whether the node lives. It counts questions and not time: if our own
// process was stopped for a while, no question was asked and the node is not blamed.
func (c *Client) sendHeartbeats(ctx context.Context) error {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for {
		c.mu.Lock()
		missed := c.missedPings
		c.missedPings++
		c.mu.Unlock()
		if missed >= maxMissedPings {
			return fmt.Errorf("%w (%d beats)", ErrHung, missed)
		}
		c.sendPing()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sendPing sends a question. A question that does not fit into the queue counts as unanswered.
func (c *Client) sendPing() {
	c.mu.Lock()
	c.lastID++
	id := c.lastID
	c.pings[id] = true
	c.mu.Unlock()
	text, err := line{ID: id, Method: methodPing}.encodeLine()
	if err != nil {
		return
	}
	select {
	case c.out <- text:
	default:
	}
}

// recordPong notes that the node lives. The caller holds mu.
func (c *Client) recordPong(l line) {
	var load Load
	if l.Error != nil || json.Unmarshal(l.Result, &load) != nil {
		return // a node that is stopping counts as silent
	}
	clear(c.pings) // older pings will not be answered
	c.missedPings, c.lastPong, c.lastLoad = 0, time.Now(), load
}
