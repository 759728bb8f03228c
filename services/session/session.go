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

// Close codes. Codes from 4000 are private to this program (RFC 6455 section 7.4.2).
const (
	closeKicked  = ws.StatusCode(4001) // signed out. The client must sign in again
	closeTooMany = ws.StatusCode(4002) // the person has too many connections
	closeSlow    = ws.StatusCode(4008) // the reader was too slow. The client reconnects and resumes
	closeFlood   = ws.StatusCode(4029) // far too many messages
	closeSilent  = ws.StatusCode(4030) // no heartbeat
)

// The limits in time and bytes for reading from a connection that closes.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// maxTopics is the largest number of rooms on one socket.
const maxTopics = 8

// session is one connection. Its goroutine owns limiter and refusedInRow. mu guards the queue.
type session struct {
	hub          *Hub
	name         string
	id           Identity
	conn         net.Conn
	rawConn      syscall.RawConn // nil: not plain TCP, so writes may block
	reader       *bufio.Reader
	limiter      *rate.Limiter
	refusedInRow int // refused messages in a row

	mu          sync.Mutex
	seats       map[string]*room.Seat // by topic. Mu guards this and all fields below
	queue       []wire.Frame
	spareQueue  []wire.Frame // an empty queue to use again
	queuedBytes int          // sum of the frames in queue
	draining    bool         // a goroutine drains the queue
	closing     bool         // nothing more is queued. The connection closes after the queue

	flushed chan struct{} // made when the session ends, closed when its queue is written

	handOver handOver // of a session that goes to another process
}

func newSession(h *Hub, conn net.Conn, early []byte, id Identity) *session {
	s := &session{
		hub: h, name: "session-" + strconv.FormatUint(h.lastID.Add(1), 36), id: id, conn: conn,
		seats: map[string]*room.Seat{},
	}
	// A TLS connection is no syscall.Conn. Bytes written to its descriptor would bypass the
	// encryption.
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			s.rawConn = raw
		}
	}
	var from io.Reader = conn
	if len(early) > 0 {
		from = io.MultiReader(bytes.NewReader(early), conn)
	}
	s.reader = bufio.NewReaderSize(from, 512)
	return s
}

// runSession reads until the connection ends. The hub ends all connections when it stops, so
// runSession ignores ctx.
func (s *session) runSession(_ context.Context, ready func()) error {
	s.limiter = s.hub.addSession(s)
	defer s.endSession()
	ready()
	s.readFrames()
	return nil
}

// endSession gives up all seats, unless the session goes to another process with them.
func (s *session) endSession() {
	if !s.handOver.parked.Load() {
		s.leaveRooms()
	}
}

// leaveRooms gives up all seats and closes the connection.
func (s *session) leaveRooms() {
	s.closeWith(ws.StatusNormalClosure, "")
	s.mu.Lock()
	seats := s.seats
	s.seats = map[string]*room.Seat{}
	s.mu.Unlock()
	for _, seat := range seats {
		s.hub.Rooms.Leave(seat)
	}
	s.hub.removeSession(s)
	s.drainBeforeClose()
}

// drainBeforeClose reads for a moment before it closes. Closing a connection with unread bytes
// resets it, and the client would never see the close code. If the client sends more than
// lingerBytes, the session stops reading but still sends the close frame.
func (s *session) drainBeforeClose() {
	defer func() { _ = s.conn.Close() }() // the session has ended
	if s.conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, s.conn, lingerBytes); err != nil {
		return // the peer is gone, or the time is up
	}
	select {
	case <-s.flushed:
	case <-time.After(lingerTime):
	}
}

// readFrames handles frames until the connection or the session ends. A fault of the peer ends
// the session with a close code and is no crash.
func (s *session) readFrames() {
	message := s.handOver.message // of a fragmented message
	for s.armReadDeadline() {
		// An idle session waits here and not in readFrame. The stack is shallow enough here
		// that the garbage collector shrinks it to 4 KiB.
		_, err := s.reader.Peek(1)
		var h ws.Header
		var data []byte
		if err == nil {
			h, data, err = s.readFrame(len(message), message != nil)
		}
		if err != nil {
			if !s.park(err, message) {
				s.closeIfIdle(err)
			}
			return
		}
		switch h.OpCode {
		case ws.OpClose:
			return
		case ws.OpPing:
			s.sendControl(ws.NewPongFrame(data))
		case ws.OpPong:
		case ws.OpBinary:
			s.closeWith(ws.StatusUnsupportedData, "frame: text only")
			return
		default:
			if message == nil {
				message = data
			} else {
				message = append(message, data...)
			}
			if !h.Fin {
				message = message[:len(message):len(message)]
				break
			}
			if !s.handleMessage(message) {
				return
			}
			message = nil
		}
	}
}

// readFrame reads, checks and unmasks one frame. sofar is the length of the fragmented message
// that the frame may continue.
func (s *session) readFrame(sofar int, fragmented bool) (ws.Header, []byte, error) {
	if err := s.awaitHeader(); err != nil {
		return ws.Header{}, nil, err
	}
	h, err := ws.ReadHeader(s.reader)
	if err != nil {
		return h, nil, err
	}
	st := ws.StateServerSide
	if fragmented {
		st |= ws.StateFragmented
	}
	if err := ws.CheckHeader(h, st); err != nil || !h.Masked {
		s.closeWith(ws.StatusProtocolError, "bad frame")
		return h, nil, errs.Newf("session", errs.Invalid, "bad frame")
	}
	if h.Length > wire.MaxFrame || int(h.Length)+sofar > wire.MaxFrame {
		s.closeWith(ws.StatusMessageTooBig, "frame: at most "+strconv.Itoa(wire.MaxFrame)+" bytes")
		return h, nil, errs.Newf("session", errs.Invalid, "frame too long")
	}
	data := make([]byte, h.Length)
	if n, err := io.ReadFull(s.reader, data); err != nil {
		s.handOver.begun = encodeBegun(h, data[:n])
		return h, nil, err
	}
	ws.Cipher(data, h.Mask, 0)
	return h, data, nil
}

// closeIfIdle sends close code 4030 if the read timed out. Other read errors need no close
// frame.
func (s *session) closeIfIdle(err error) {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		s.closeWith(closeSilent, "no frame for "+s.hub.cfg.Silence.String())
	}
}

// handleMessage handles one text message. It returns false if the session must end.
func (s *session) handleMessage(data []byte) bool {
	m, err := wire.Decode(data)
	if !s.limiter.Allow() {
		s.hub.metrics.limited.Inc()
		if s.refusedInRow++; s.refusedInRow > s.hub.cfg.Patience {
			s.hub.banUser(s.id.person())
			s.closeWith(closeFlood, "too many messages")
			return false
		}
		if err == nil {
			b := errs.BodyOf(errs.NewCode("session", errs.Busy, "rate", "at most %g messages a second", s.hub.cfg.Rate))
			b.RetryMS = int64(1000 / s.hub.cfg.Rate * float64(s.refusedInRow))
			s.sendReply(m, false, b)
		}
		return true
	}
	s.refusedInRow = 0
	if err != nil {
		s.sendReply(m, false, errs.BodyOf(err))
		return true
	}
	s.dispatchMessage(m)
	return true
}

func (s *session) dispatchMessage(m wire.Message) {
	switch {
	case m.Topic == wire.System && m.Event == wire.Heartbeat:
		s.sendReply(m, true, struct{}{})
	case !strings.HasPrefix(m.Topic, "room:"):
		s.sendReply(m, false, errs.BodyOf(errs.NewCode("session", errs.Missing, "unmatched topic", "no topic %q", m.Topic)))
	case m.Event == wire.Join:
		s.joinTopic(m)
	case m.Event == wire.Leave:
		s.leaveTopic(m)
	default:
		s.postCommand(m)
	}
}

// joinTopic seats the person. A second join of a topic replaces the older channel, as in
// Phoenix.
func (s *session) joinTopic(m wire.Message) {
	id := strings.TrimPrefix(m.Topic, "room:")
	seat := &room.Seat{
		Room: id, Name: s.id.Name, JoinRef: m.JoinRef, Member: s,
		Viewer: event.Viewer{User: s.id.User, Role: s.id.Role}, Home: s.id.Home, Grant: s.id.Grant,
	}
	err := s.checkRoom(id)
	if err == nil {
		err = parseJoinParams(m.Payload, seat, s.id.Role)
	}
	if err == nil {
		err = s.addSeat(m.Topic, seat)
	}
	if err == nil {
		err = s.hub.Rooms.Join(seat, m.Ref)
		if err != nil {
			s.Closed(seat)
		}
	}
	if err != nil {
		s.sendReply(m, false, errs.BodyOf(err))
	}
}

func (s *session) checkRoom(id string) error {
	switch {
	case s.id.Room != "" && s.id.Room != id:
		return errs.NewCode("session.join", errs.Denied, "other_room", "this room is not yours")
	case s.id.Home != "": // that box decides
	case !s.hub.Exists(id):
		return errs.NewCode("session.join", errs.Missing, "no_room", "no such room")
	case s.id.MayEnter != nil && !s.id.MayEnter(id):
		return errs.NewCode("session.join", errs.Denied, "other_room", "this room is not yours")
	}
	return nil
}

// Kick implements room.Kicker.
func (s *session) Kick(why string) { s.closeWith(closeKicked, why) }

func (s *session) isIn(room string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seats["room:"+room] != nil
}

// addSeat makes the seat the only one of its topic.
func (s *session) addSeat(topic string, seat *room.Seat) error {
	s.mu.Lock()
	old := s.seats[topic]
	full := old == nil && len(s.seats) >= maxTopics
	if !full {
		s.seats[topic] = seat
	}
	s.mu.Unlock()
	if full {
		return errs.NewField("session.join", "topic", "too_many", maxTopics, "at most %d rooms on one socket", maxTopics)
	}
	if old != nil {
		s.Send(wire.NewFrame(wire.Message{JoinRef: old.JoinRef, Topic: topic, Event: wire.Close}))
		s.hub.Rooms.Leave(old)
	}
	return nil
}

// parseJoinParams reads the join payload. It holds the position of the client, and the wish of
// a teacher to join as the projector. Unknown fields are ignored, because clients send their
// own.
func parseJoinParams(payload json.RawMessage, seat *room.Seat, role event.Role) error {
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
			return errs.NewField("session.join", field, "bad_type", 0, "since and epoch are whole numbers, as is a string")
		}
	}
	switch {
	case in.As == "":
	case in.As != "screen":
		return errs.NewField("session.join", "as", "unknown", 0, `must be "screen" or absent`)
	case role != event.Teacher:
		return errs.NewCode("session.join", errs.Denied, "role", "only a teacher opens the screen")
	default:
		seat.Viewer = event.Viewer{User: "screen:" + seat.Viewer.User, Role: event.Screen}
	}
	seat.Since, seat.Epoch = in.Since, in.Epoch
	return nil
}

func (s *session) leaveTopic(m wire.Message) {
	s.mu.Lock()
	seat := s.seats[m.Topic]
	if seat != nil && seat.JoinRef == m.JoinRef {
		delete(s.seats, m.Topic)
	}
	s.mu.Unlock()
	if seat != nil && seat.JoinRef == m.JoinRef {
		s.hub.Rooms.Leave(seat)
	}
	s.sendReply(m, true, struct{}{})
	s.Send(wire.NewFrame(wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Event: wire.Close}))
}

// postCommand posts a message to the room of its topic.
func (s *session) postCommand(m wire.Message) {
	s.mu.Lock()
	seat := s.seats[m.Topic]
	s.mu.Unlock()
	if seat == nil || (m.JoinRef != "" && m.JoinRef != seat.JoinRef) {
		s.sendReply(m, false, errs.BodyOf(errs.NewCode("session", errs.Denied, "not_joined", "join %s first", m.Topic)))
		return
	}
	id, err := commandID(m.Payload)
	if err != nil {
		s.sendReply(m, false, errs.BodyOf(errs.NewField(m.Event, "id", "bad_type", room.MaxID, "the payload must be an object with an id of at most %d bytes", room.MaxID)))
		return
	}
	taken := time.Now()
	s.handOver.unanswered.Add(1)
	err = s.hub.Rooms.Post(seat, room.Message{
		Name: m.Event, ID: id, Data: m.Payload,
		Reply: func(r room.Reply) {
			s.replyToCommand(m, id, r)
			if r.Err == nil {
				s.hub.metrics.answer.Observe(time.Since(taken).Seconds())
			}
		},
	})
	if err != nil {
		s.replyToCommand(m, id, room.Reply{Err: err})
	}
}

// commandID returns the id in the payload of a command. An absent id is empty.
func commandID(payload json.RawMessage) (string, error) {
	if id, ok := wire.PlainMember(payload, "id"); ok {
		return id, nil
	}
	var cmd room.ID
	err := json.Unmarshal(payload, &cmd)
	return cmd.ID, err
}

// replyToCommand replies to a command that it is saved, or with the error. Both replies name
// the id of the command.
func (s *session) replyToCommand(m wire.Message, id string, r room.Reply) {
	defer s.handOver.unanswered.Add(-1)
	if r.Err != nil {
		s.sendReply(m, false, struct {
			ID string `json:"id,omitempty"`
			errs.Body
		}{id, errs.BodyOf(r.Err)})
		return
	}
	s.sendReply(m, true, struct {
		ID    string `json:"id"`
		Seq   uint64 `json:"seq,omitempty"`
		Saved bool   `json:"saved"`
	}{id, r.Seq, true})
}

func (s *session) sendReply(m wire.Message, ok bool, response any) {
	s.Send(wire.NewReply(m.JoinRef, m.Ref, m.Topic, ok, response))
}
