// Package wiretest is a Phoenix Channels v2 client for tests and load programmes. It
// follows PROTOCOL.md as an outside author would: it resumes by seq, sends again what
// was not acknowledged, and counts what it sees.
package wiretest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/livelearn/box/services/wire"
)

// Event is one durable event as a member gets it.
type Event struct {
	Kind  string          `json:"kind"`
	Seq   uint64          `json:"seq"`
	Epoch uint64          `json:"epoch"`
	At    int64           `json:"at"`
	By    string          `json:"by"`
	ID    string          `json:"id"`
	Data  json.RawMessage `json:"data"`
}

// Answer is a reply to a join or a command.
type Answer struct {
	OK       bool
	Response json.RawMessage
}

// Body is what the fields of an Answer are called.
type Body struct {
	ID      string          `json:"id"`
	Seq     uint64          `json:"seq"`
	Epoch   uint64          `json:"epoch"`
	Saved   bool            `json:"saved"`
	Reason  string          `json:"reason"`
	Code    string          `json:"code"`
	Field   string          `json:"field"`
	Limit   int64           `json:"limit"`
	RetryMS int64           `json:"retry_ms"`
	View    json.RawMessage `json:"view"`
	Missed  []Event         `json:"missed"`
}

// DecodeBody reads the response.
func (a Answer) DecodeBody() (b Body) {
	_ = json.Unmarshal(a.Response, &b) // a response of another shape has none of the fields
	return b
}

// ErrClosed is any use of a connection that has ended.
var ErrClosed = errors.New("connection closed")

// Conn is one connection. Its methods may be called from any goroutine.
type Conn struct {
	conn   net.Conn
	from   io.Reader
	handle func(wire.Message)

	mu      sync.Mutex
	ref     int
	waiting map[string]waiter
	code    ws.StatusCode
	reason  string
	done    chan struct{}
}

// Dial upgrades conn at url ("ws://host/socket/websocket?...") with the cookie, and
// calls handle for each message that is no reply. Run reads until the connection ends.
func Dial(conn net.Conn, url, cookie string, handle func(wire.Message)) (*Conn, error) {
	d := ws.Dialer{
		NetDial: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		Timeout: 30 * time.Second,
	}
	if cookie != "" {
		d.Header = ws.HandshakeHeaderString("Cookie: " + cookie + "\r\n")
	}
	_, early, _, err := d.Dial(context.Background(), url)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, from: conn, handle: handle, waiting: map[string]waiter{}, done: make(chan struct{})}
	if early != nil {
		c.from = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	return c, nil
}

// Run reads until the connection ends, and then releases everybody who waits.
func (c *Conn) Run() {
	defer c.releaseWaiters()
	in := bufio.NewReaderSize(c.from, 4096)
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		data := make([]byte, h.Length)
		if _, err := io.ReadFull(in, data); err != nil {
			return
		}
		if h.OpCode == ws.OpClose {
			c.mu.Lock()
			c.code, c.reason = ws.ParseCloseFrameData(data)
			c.mu.Unlock()
			return
		}
		if h.OpCode == ws.OpText {
			c.handleMessage(data)
		}
	}
}

func (c *Conn) handleMessage(data []byte) {
	m, err := decodeMessage(data)
	if err != nil {
		panic(fmt.Sprintf("wiretest: the box sent %.200q: %v", data, err))
	}
	if m.Event != wire.ReplyEvent {
		c.handle(m)
		return
	}
	var r struct {
		Status   string          `json:"status"`
		Response json.RawMessage `json:"response"`
	}
	_ = json.Unmarshal(m.Payload, &r) // seen by whoever waits: neither ok nor a response
	c.mu.Lock()
	w, ok := c.waiting[m.Ref]
	delete(c.waiting, m.Ref)
	c.mu.Unlock()
	if ok {
		a := Answer{r.Status == "ok", r.Response}
		w.first(a)
		w.answer <- a
	}
}

// decodeMessage reads a frame of the box, which may be longer than one of a client.
func decodeMessage(data []byte) (m wire.Message, err error) {
	var parts []json.RawMessage
	if err = json.Unmarshal(data, &parts); err != nil || len(parts) != 5 {
		return m, fmt.Errorf("%d parts: %w", len(parts), err)
	}
	for i, to := range []*string{&m.JoinRef, &m.Ref, &m.Topic, &m.Event} {
		err = errors.Join(err, json.Unmarshal(parts[i], to))
	}
	m.Payload = parts[4]
	return m, err
}

func (c *Conn) releaseWaiters() {
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.done)
	for ref, w := range c.waiting {
		delete(c.waiting, ref)
		close(w.answer)
	}
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// CloseReason is the code and reason that the box gave; zero if it gave none.
func (c *Conn) CloseReason() (ws.StatusCode, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code, c.reason
}

// Close drops the connection without a word, as a dying access point does.
func (c *Conn) Close() { _ = c.conn.Close() }

// SendText sends one text frame as it is.
func (c *Conn) SendText(text []byte) error { return wsutil.WriteClientText(c.conn, text) }

// SendFrame sends any frame.
func (c *Conn) SendFrame(f ws.Frame) error { return ws.WriteFrame(c.conn, f) }

// waiter is who waits for a reply: first runs before any later frame is handled.
type waiter struct {
	first  func(Answer)
	answer chan Answer
}

// SendEvent sends an event and gives the channel on which its answer comes; it is closed
// when the connection ends without one. A phx_join is its own join_ref.
func (c *Conn) SendEvent(joinRef, topic, event string, payload any) (<-chan Answer, error) {
	return c.SendThen(joinRef, topic, event, payload, func(string) {}, func(Answer) {})
}

// SendThen is Send that calls sent with the ref before the frame leaves, and first with
// the answer before any later frame is handled.
func (c *Conn) SendThen(joinRef, topic, event string, payload any, sent func(ref string), first func(Answer)) (<-chan Answer, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	ch := make(chan Answer, 1)
	c.mu.Lock()
	c.ref++
	ref := strconv.Itoa(c.ref)
	select {
	case <-c.done:
		c.mu.Unlock()
		return nil, ErrClosed
	default:
	}
	c.waiting[ref] = waiter{first, ch}
	c.mu.Unlock()
	sent(ref)
	if event == wire.Join {
		joinRef = ref
	}
	text := wire.AppendMessage(nil, wire.Message{JoinRef: joinRef, Ref: ref, Topic: topic, Event: event, Payload: data})
	return ch, c.SendText(text)
}

// WaitAnswer is the answer, or ErrClosed when the connection ended without one.
func WaitAnswer(answer <-chan Answer, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	a, ok := <-answer
	if !ok {
		return Answer{}, ErrClosed
	}
	return a, nil
}
