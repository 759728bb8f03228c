package session

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/time/rate"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire"
)

// Close codes. Those from 4000 are ours (RFC 6455 section 7.4.2).
const (
	closeKicked  = ws.StatusCode(4001) // signed out: connecting again needs a new sign-in
	closeTooMany = ws.StatusCode(4002) // the person has too many connections
	closeSlow    = ws.StatusCode(4008) // the reader was too slow: come back and resume
	closeFlood   = ws.StatusCode(4029) // far too many messages
	closeSilent  = ws.StatusCode(4030) // no heartbeat
)

// A closing connection is read on for so long, and so many bytes.
const (
	lingering = time.Second
	maxLinger = 256 << 10
)

// maxTopics bounds the rooms that one socket sits in.
const maxTopics = 8

// session is one connection. Its goroutine owns in and excess; the queue has a lock.
type session struct {
	hub    *Hub
	name   string
	id     Identity
	conn   net.Conn
	raw    syscall.RawConn // of plain TCP; nil: writes may block
	in     *bufio.Reader
	limit  *rate.Limiter
	excess int // refused messages in a row

	mu    sync.Mutex
	seats map[string]*room.Seat // by topic; guarded by mu, as all below
	queue []wire.Frame
	spare []wire.Frame // an empty queue to use again
	bytes int          // queued
	busy  bool         // a goroutine drains the queue
	ended bool         // nothing is queued any more; the connection closes after the queue

	written chan struct{} // made when the session ends, closed when its queue is written
}

func newSession(h *Hub, conn net.Conn, early []byte, id Identity) *session {
	s := &session{
		hub: h, name: "session-" + strconv.FormatUint(h.next.Add(1), 36), id: id, conn: conn,
		seats: map[string]*room.Seat{},
	}
	// TLS is no syscall.Conn: what goes to its descriptor is not what is said on it.
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	var from io.Reader = conn
	if len(early) > 0 {
		from = io.MultiReader(bytes.NewReader(early), conn)
	}
	s.in = bufio.NewReaderSize(from, 512)
	return s
}

// start is the session's life: it reads until the connection ends. The hub ends all
// connections when it stops, so ctx has no say here.
func (s *session) start(_ context.Context, ready func()) error {
	s.limit = s.hub.enter(s)
	defer s.leave()
	ready()
	s.read()
	return nil
}

// leave gives up all seats and lets the connection go.
func (s *session) leave() {
	s.end(ws.StatusNormalClosure, "")
	s.mu.Lock()
	seats := s.seats
	s.seats = map[string]*room.Seat{}
	s.mu.Unlock()
	for _, seat := range seats {
		s.hub.Rooms.Leave(seat)
	}
	s.hub.exit(s)
	s.linger()
}

// linger reads on for a moment: closing a connection with unread bytes resets it, and
// the client would never see why it was closed. One that sends too much for that is not
// read any more, but still gets its close frame.
func (s *session) linger() {
	defer s.conn.Close() //nolint:errcheck // nobody is left to tell
	if s.conn.SetReadDeadline(time.Now().Add(lingering)) != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, s.conn, maxLinger); err != nil {
		return // the peer is gone, or the time is up
	}
	select {
	case <-s.written:
	case <-time.After(lingering):
	}
}

// read handles frames until the connection or the session ends. What the peer did
// wrong ends it with a close code that tells; it is no crash.
func (s *session) read() {
	var message []byte // of a fragmented message
	for s.listen() {
		// An idle session waits here and not in frame: shallow enough that the collector
		// halves its stack to 4 KiB.
		_, err := s.in.Peek(1)
		var h ws.Header
		var data []byte
		if err == nil {
			h, data, err = s.frame(len(message), message != nil)
		}
		if err != nil {
			s.silent(err)
			return
		}
		switch h.OpCode {
		case ws.OpClose:
			return
		case ws.OpPing:
			s.push(ws.NewPongFrame(data))
		case ws.OpPong:
		case ws.OpBinary:
			s.end(ws.StatusUnsupportedData, "frame: text only")
			return
		default:
			message = append(message, data...)
			if !h.Fin {
				message = message[:len(message):len(message)]
				break
			}
			if !s.message(message) {
				return
			}
			message = nil
		}
	}
}

// frame reads one frame, checked and unmasked. sofar is the length of the fragmented
// message that it may continue.
func (s *session) frame(sofar int, fragmented bool) (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(s.in)
	if err != nil {
		return h, nil, err
	}
	st := ws.StateServerSide
	if fragmented {
		st |= ws.StateFragmented
	}
	if err := ws.CheckHeader(h, st); err != nil || !h.Masked {
		s.end(ws.StatusProtocolError, "bad frame")
		return h, nil, errs.Newf("session", errs.Invalid, "bad frame")
	}
	if h.Length > wire.MaxFrame || int(h.Length)+sofar > wire.MaxFrame {
		s.end(ws.StatusMessageTooBig, "frame: at most "+strconv.Itoa(wire.MaxFrame)+" bytes")
		return h, nil, errs.Newf("session", errs.Invalid, "frame too long")
	}
	data := make([]byte, h.Length)
	if _, err := io.ReadFull(s.in, data); err != nil {
		return h, nil, err
	}
	ws.Cipher(data, h.Mask, 0)
	return h, data, nil
}

// silent tells a silent client why; any other end of reading needs no word.
func (s *session) silent(err error) {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		s.end(closeSilent, "no frame for "+s.hub.cfg.Silence.String())
	}
}

// message handles one text message. False ends the session.
func (s *session) message(data []byte) bool {
	m, err := wire.Decode(data)
	if !s.limit.Allow() {
		s.hub.metrics.limited.Inc()
		if s.excess++; s.excess > s.hub.cfg.Patience {
			s.hub.ban(s.id.User)
			s.end(closeFlood, "too many messages")
			return false
		}
		if err == nil {
			b := errs.BodyOf(errs.Code("session", errs.Busy, "rate", "at most %g messages a second", s.hub.cfg.Rate))
			b.RetryMS = int64(1000 / s.hub.cfg.Rate * float64(s.excess))
			s.reply(m, false, b)
		}
		return true
	}
	s.excess = 0
	if err != nil {
		s.reply(m, false, errs.BodyOf(err))
		return true
	}
	s.dispatch(m)
	return true
}

func (s *session) dispatch(m wire.Message) {
	switch {
	case m.Topic == wire.System && m.Event == wire.Heartbeat:
		s.reply(m, true, struct{}{})
	case !strings.HasPrefix(m.Topic, "room:"):
		s.reply(m, false, errs.BodyOf(errs.Code("session", errs.Missing, "unmatched topic", "no topic %q", m.Topic)))
	case m.Event == wire.Join:
		s.join(m)
	case m.Event == wire.Leave:
		s.stand(m)
	default:
		s.command(m)
	}
}

// join seats the person. Joining a topic again replaces the older channel, as Phoenix
// does.
func (s *session) join(m wire.Message) {
	id := strings.TrimPrefix(m.Topic, "room:")
	seat := &room.Seat{
		Room: id, Name: s.id.Name, JoinRef: m.JoinRef, Member: s,
		Viewer: event.Viewer{User: s.id.User, Role: s.id.Role},
	}
	err := s.admit(id)
	if err == nil {
		err = params(m.Payload, seat, s.id.Role)
	}
	if err == nil {
		err = s.sit(m.Topic, seat)
	}
	if err == nil {
		err = s.hub.Rooms.Join(seat, m.Ref)
		if err != nil {
			s.Closed(seat)
		}
	}
	if err != nil {
		s.reply(m, false, errs.BodyOf(err))
	}
}

func (s *session) admit(id string) error {
	switch {
	case s.id.Room != "" && s.id.Room != id:
		return errs.Code("session.join", errs.Denied, "other_room", "this room is not yours")
	case !s.hub.Exists(id):
		return errs.Code("session.join", errs.Missing, "no_room", "no such room")
	}
	return nil
}

// sit makes the seat the topic's only one.
func (s *session) sit(topic string, seat *room.Seat) error {
	s.mu.Lock()
	old := s.seats[topic]
	full := old == nil && len(s.seats) >= maxTopics
	if !full {
		s.seats[topic] = seat
	}
	s.mu.Unlock()
	if full {
		return errs.Field("session.join", "topic", "too_many", maxTopics, "at most %d rooms on one socket", maxTopics)
	}
	if old != nil {
		s.Send(wire.NewFrame(wire.Message{JoinRef: old.JoinRef, Topic: topic, Event: wire.Close}))
		s.hub.Rooms.Leave(old)
	}
	return nil
}

// params reads the join payload: where the client left off, and a teacher's wish to
// join as the projector. Unknown fields are let be: clients send their own.
func params(payload json.RawMessage, seat *room.Seat, role event.Role) error {
	var in struct {
		Since uint64 `json:"since"`
		Epoch uint64 `json:"epoch"`
		As    string `json:"as"`
	}
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &in); err != nil {
			field := "payload"
			if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
				field = t.Field
			}
			return errs.Field("session.join", field, "bad_type", 0, "since and epoch are whole numbers, as is a string")
		}
	}
	switch {
	case in.As == "":
	case in.As != "screen":
		return errs.Field("session.join", "as", "unknown", 0, `must be "screen" or absent`)
	case role != event.Teacher:
		return errs.Code("session.join", errs.Denied, "role", "only a teacher opens the screen")
	default:
		seat.Viewer = event.Viewer{User: "screen:" + seat.Viewer.User, Role: event.Screen}
	}
	seat.Since, seat.Epoch = in.Since, in.Epoch
	return nil
}

func (s *session) stand(m wire.Message) {
	s.mu.Lock()
	seat := s.seats[m.Topic]
	if seat != nil && seat.JoinRef == m.JoinRef {
		delete(s.seats, m.Topic)
	}
	s.mu.Unlock()
	if seat != nil && seat.JoinRef == m.JoinRef {
		s.hub.Rooms.Leave(seat)
	}
	s.reply(m, true, struct{}{})
	s.Send(wire.NewFrame(wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Event: wire.Close}))
}

// command posts a message to the room that its topic names.
func (s *session) command(m wire.Message) {
	s.mu.Lock()
	seat := s.seats[m.Topic]
	s.mu.Unlock()
	if seat == nil || (m.JoinRef != "" && m.JoinRef != seat.JoinRef) {
		s.reply(m, false, errs.BodyOf(errs.Code("session", errs.Denied, "not_joined", "join %s first", m.Topic)))
		return
	}
	var cmd room.ID
	if err := json.Unmarshal(m.Payload, &cmd); err != nil {
		s.reply(m, false, errs.BodyOf(errs.Field(m.Event, "id", "bad_type", room.MaxID, "the payload must be an object with an id of at most %d bytes", room.MaxID)))
		return
	}
	m.Payload = bytes.Clone(m.Payload) // it outlives the frame it came in
	taken := time.Now()
	err := s.hub.Rooms.Post(seat, room.Message{
		Name: m.Event, ID: cmd.ID, Data: m.Payload,
		Reply: func(r room.Reply) {
			s.answer(m, cmd.ID, r)
			if r.Err == nil {
				s.hub.metrics.answer.Observe(time.Since(taken).Seconds())
			}
		},
	})
	if err != nil {
		s.answer(m, cmd.ID, room.Reply{Err: err})
	}
}

// answer is the reply to a command: saved, or why not. Both name its id.
func (s *session) answer(m wire.Message, id string, r room.Reply) {
	if r.Err != nil {
		s.reply(m, false, struct {
			ID string `json:"id,omitempty"`
			errs.Body
		}{id, errs.BodyOf(r.Err)})
		return
	}
	s.reply(m, true, struct {
		ID    string `json:"id"`
		Seq   uint64 `json:"seq,omitempty"`
		Saved bool   `json:"saved"`
	}{id, r.Seq, true})
}

func (s *session) reply(m wire.Message, ok bool, response any) {
	s.Send(wire.Reply(m.JoinRef, m.Ref, m.Topic, ok, response))
}
