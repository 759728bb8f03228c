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

// A node is asked each beat whether it lives; after so many questions without an answer it
// counts as dead. So a hang is noticed within (maxMissed+1) beats, 1.2 s.
const (
	beat      = 300 * time.Millisecond
	maxMissed = 3
)

// ErrHung is why a Client ended whose node did not answer.
var ErrHung = errors.New("the node does not answer")

// Client is a Node that is reached over a control connection. Serve must run. When the
// connection ends all calls that wait and all later ones are refused Down, code "node_gone".
type Client struct {
	conn   net.Conn
	log    *slog.Logger
	out    chan []byte
	events chan Event
	done   chan struct{}

	mu      sync.Mutex // guards the fields below
	waiting map[uint64]chan line
	pings   map[uint64]bool // those without an answer
	last    uint64          // id of the last request
	missed  int             // pings since the last pong
	pong    time.Time
	load    Load
	err     error // why it ended
}

// NewClient speaks to the node at the other end of conn, which it owns from now on.
func NewClient(conn net.Conn, log *slog.Logger) *Client {
	return &Client{
		conn: conn, log: log, out: make(chan []byte, outQueue), events: make(chan Event, EventQueue),
		done: make(chan struct{}), waiting: map[uint64]chan line{}, pings: map[uint64]bool{},
	}
}

// String is the service's name.
func (c *Client) String() string { return "media client" }

// Serve keeps the connection until ctx ends (nil), the node closes it (io.EOF), does not
// answer (ErrHung) or sends what is no answer. It can be called once.
func (c *Client) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	g.Go(c.read)
	g.Go(func(ctx context.Context) error { return write(ctx, c.conn, c.out) })
	g.Go(c.beat)
	g.Go(func(ctx context.Context) error { <-ctx.Done(); return c.conn.Close() })
	err := g.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	c.end(err)
	return err
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is why it ended; nil before that and when it was ended on purpose.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Pong is when the node answered last, and with which Load; zero before it first did.
func (c *Client) Pong() (time.Time, Load) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pong, c.load
}

// end refuses all that waits.
func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.done)
}

// read takes answers and events.
func (c *Client) read(context.Context) error {
	for r := newReader(c.conn); ; {
		l, err := r.next()
		switch {
		case err != nil:
			return err
		case l.event():
			c.happened(*l.Event)
		case l.answer():
			if err := c.answered(l); err != nil {
				return err
			}
		default:
			return garbage("the node sends no requests")
		}
	}
}

// happened queues an event. A reader that is too slow loses it.
func (c *Client) happened(e Event) {
	select {
	case c.events <- e:
	default:
		c.log.Warn("media event lost: the reader is too slow", "kind", e.Kind, "room", e.Room)
	}
}

// answered gives an answer to whoever waits. One that comes too late is dropped.
func (c *Client) answered(l line) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.ID > c.last {
		return garbage("an answer to what was not asked")
	}
	if c.pings[l.ID] {
		c.ponged(l)
		return nil
	}
	if w, ok := c.waiting[l.ID]; ok {
		delete(c.waiting, l.ID)
		w <- l // has room for one
	}
	return nil
}

// beat asks whether the node lives. It counts questions and not time: when it is we who
// were stopped for a while, nobody was asked and nobody is blamed.
func (c *Client) beat(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		c.mu.Lock()
		missed := c.missed
		c.missed++
		c.mu.Unlock()
		if missed >= maxMissed {
			return fmt.Errorf("%w (%d beats)", ErrHung, missed)
		}
		c.ping()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ping sends a question. What does not get into the queue is as good as not answered.
func (c *Client) ping() {
	c.mu.Lock()
	c.last++
	id := c.last
	c.pings[id] = true
	c.mu.Unlock()
	text, err := line{ID: id, Method: methodPing}.text()
	if err != nil {
		return
	}
	select {
	case c.out <- text:
	default:
	}
}

// ponged notes that the node lives. The caller holds mu.
func (c *Client) ponged(l line) {
	var load Load
	if l.Error != nil || json.Unmarshal(l.Result, &load) != nil {
		return // a node that says that it is stopping is as good as silent
	}
	clear(c.pings) // those before this one will not be answered
	c.missed, c.pong, c.load = 0, time.Now(), load
}
