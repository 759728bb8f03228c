package session

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// A hand-over moves the sockets of plain TCP to another process of this box, with what was read and
// not handled, what was queued and not sent, and the seats:
//
//	old: HandOver, the child stops: sockets under TLS close -> readers park -> answers leave -> Parked
//	new: Adopt (nothing is read or sent) -> the box is healthy -> Release
//
// The same two steps take the sockets back in the old process.

// Limits in time of a hand-over.
const (
	closeWait = 2 * time.Second        // for the sockets that do not move
	quietWait = 500 * time.Millisecond // for the answers to what was read
	writeWait = 200 * time.Millisecond // for a write under way
	parkPoll  = time.Millisecond
)

// longAgo is a deadline that ends every read and write.
var longAgo = time.Unix(1, 0)

// handOver is the part of a session that only a hand-over uses. The mutex of the session guards held,
// parking and unsent.
type handOver struct {
	unanswered atomic.Int64 // commands without an answer
	parked     atomic.Bool  // the reader has stopped, and the seats stay
	parking    bool         // the reader stops at the next frame that is not there as a whole
	held       bool         // nothing is written
	unsent     []byte       // of the first frame, which the other process sends on
	begun      []byte       // of a frame, owned by the reader
	message    []byte       // of a fragmented message, owned by the reader
}

// Parked is a lesson socket between two processes.
type Parked struct {
	Identity Identity         `json:"identity"`
	Seats    []room.SeatState `json:"seats"`
	Unread   []byte           `json:"unread,omitempty"`  // bytes that were read and not handled
	Message  []byte           `json:"message,omitempty"` // of a fragmented message; nil: none
	Unsent   []byte           `json:"unsent,omitempty"`  // bytes that were queued and not sent
	Refused  int              `json:"refused,omitempty"` // refused messages in a row
	Socket   *os.File         `json:"-"`                 // the one who has it closes it
}

// HandOver makes the child park the sockets when it stops, instead of closing them.
func (h *Hub) HandOver() { h.handingOver.Store(true) }

// encodeBegun returns the bytes of a frame of which the payload is not there as a whole.
func encodeBegun(h ws.Header, payload []byte) []byte {
	var b bytes.Buffer
	if ws.WriteHeader(&b, h) != nil {
		return nil // a buffer takes every header
	}
	return append(b.Bytes(), payload...)
}

// awaitHeader waits until the header of a frame is in the buffer as a whole. A read that ends before
// takes nothing.
func (s *session) awaitHeader() error {
	b, err := s.reader.Peek(2)
	if err != nil {
		return err
	}
	n := 2
	switch b[1] & 0x7f { // RFC 6455 section 5.2
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b[1]&0x80 != 0 {
		n += 4
	}
	_, err = s.reader.Peek(n)
	return err
}

// park ends the reader of a session that moves. False: the session does not move.
func (s *session) park(err error, message []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.handOver.parking || s.closing || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	s.handOver.message = message
	s.handOver.parked.Store(true)
	return true
}

// parkSessions closes the sockets that cannot move and then parks the others. It returns when
// everything that was read is answered, or after quietWait.
func (h *Hub) parkSessions() {
	await := func(limit time.Duration, done func(*session) bool) {
		for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(parkPoll) {
			all := true
			for _, s := range h.sessionsOf("") {
				all = all && done(s)
			}
			if all {
				return
			}
		}
	}
	for _, s := range h.sessionsOf("") {
		if !s.canMove() {
			s.closeWith(ws.StatusGoingAway, "the box is updated")
		}
	}
	await(closeWait, (*session).canMove)
	for _, s := range h.sessionsOf("") {
		s.mu.Lock()
		s.handOver.parking = true
		_ = s.conn.SetReadDeadline(longAgo) // wakes the reader; a connection that has ended needs none
		s.mu.Unlock()
	}
	await(quietWait, func(s *session) bool { return s.handOver.parked.Load() && s.isQuiet(h.Local) })
}

// canMove reports whether another process can take the socket over. One over TLS has a state in this
// process, as has a seat in a room of another box.
func (s *session) canMove() bool { return s.rawConn != nil && s.id.Home == "" }

// isQuiet reports whether nothing that was read waits for an answer.
func (s *session) isQuiet(rooms *room.Rooms) bool {
	_, ok := s.exportSeats(rooms)
	return ok && s.handOver.unanswered.Load() <= 0
}

// exportSeats returns the seats, and false if one of them cannot move.
func (s *session) exportSeats(rooms *room.Rooms) (list []room.SeatState, ok bool) {
	s.mu.Lock()
	seats := make([]*room.Seat, 0, len(s.seats))
	for _, seat := range s.seats {
		seats = append(seats, seat)
	}
	s.mu.Unlock()
	for _, seat := range seats {
		st, ok := rooms.ExportSeat(seat)
		if !ok {
			return nil, false
		}
		list = append(list, st)
	}
	return list, true
}

// TakeParked returns the parked sockets, once the child and the rooms have stopped. It closes those
// that cannot move: their clients come back and resume.
func (h *Hub) TakeParked() []Parked {
	var list []Parked
	for _, s := range h.sessionsOf("") {
		if p, err := s.take(h.Local); err == nil {
			list = append(list, p)
		} else {
			h.Log.Debug("a socket is not handed over", "session", s.name, "err", err)
		}
		_ = s.conn.Close() // the file keeps a parked socket open
	}
	return list
}

func (s *session) take(rooms *room.Rooms) (p Parked, err error) {
	const op = "session.TakeParked"
	if !s.handOver.parked.Load() || s.handOver.unanswered.Load() > 0 || !s.holdWrites() {
		return p, errs.Newf(op, errs.Busy, "it reads, writes or waits for an answer")
	}
	seats, ok := s.exportSeats(rooms)
	if !ok {
		return p, errs.Newf(op, errs.Busy, "one of its rooms is elsewhere")
	}
	buffered, _ := s.reader.Peek(s.reader.Buffered()) // cannot fail: the bytes are there
	p = Parked{
		Identity: s.id, Seats: seats, Unread: append(s.handOver.begun, buffered...), Message: s.handOver.message, Refused: s.refusedInRow,
	}
	s.mu.Lock()
	p.Unsent = joinFrames(s.handOver.unsent, s.queue)
	closing := s.closing
	s.mu.Unlock()
	if closing { // after it was parked: the next process would serve someone who was told to go
		return p, errs.Newf(op, errs.Busy, "it closes")
	}
	p.Socket, err = dupSocket(s.rawConn)
	return p, err
}

// dupSocket makes a second descriptor of a socket.
func dupSocket(raw syscall.RawConn) (*os.File, error) {
	var fd int
	var dupErr error
	if err := raw.Control(func(old uintptr) { fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, dupErr
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// holdWrites ends the writing, and returns false if a write does not end.
func (s *session) holdWrites() bool {
	s.mu.Lock()
	s.handOver.held = true
	_ = s.conn.SetWriteDeadline(longAgo) // wakes a writer; a connection that has ended needs none
	s.mu.Unlock()
	for end := time.Now().Add(writeWait); ; time.Sleep(parkPoll) {
		s.mu.Lock()
		draining := s.draining
		s.mu.Unlock()
		if !draining || time.Now().After(end) {
			return !draining
		}
	}
}

// armWriteDeadline sets the deadline of a write, and removes it if limit is 0. A session whose writes
// are held keeps the deadline that has passed.
func (s *session) armWriteDeadline(limit time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.handOver.held:
		return os.ErrDeadlineExceeded
	case limit == 0:
		return s.conn.SetWriteDeadline(time.Time{})
	}
	return s.conn.SetWriteDeadline(time.Now().Add(limit))
}

// keepUnsent keeps what a writer did not write, if the session moves.
func (s *session) keepUnsent(rest []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.handOver.held {
		return false
	}
	s.handOver.unsent, s.draining = bytes.Clone(rest), false
	s.hub.drainers.Done()
	return true
}

// Adopt makes sessions of the sockets that another process has parked, before the child runs, and
// closes their files. The sessions read and write nothing before Release. mayEnter returns the rooms
// of a teacher.
func (h *Hub) Adopt(list []Parked, mayEnter func(user string) func(room string) bool) error {
	for _, p := range list {
		conn, err := net.FileConn(p.Socket)
		if err = errors.Join(err, p.Socket.Close()); err != nil {
			return errs.New("session.Adopt", errs.Down, err)
		}
		id := p.Identity
		if id.Room == "" {
			id.MayEnter = mayEnter(id.User)
		}
		s := newSession(h, conn, p.Unread, id)
		s.refusedInRow, s.handOver.message, s.handOver.held = p.Refused, p.Message, true
		if len(p.Unsent) > 0 {
			s.enqueueFrame(wire.Frame{Bytes: p.Unsent})
		}
		h.adopted = append(h.adopted, s)
		for _, st := range p.Seats {
			s.seats[room.TopicOf(st.Room)] = h.Local.AdoptSeat(st, s)
		}
	}
	return nil
}

// Release starts the adopted sessions. The child runs.
func (h *Hub) Release(ctx context.Context) error {
	for _, s := range h.adopted {
		err := h.sup.Start(ctx, supervise.Child{
			ID: s.name, Start: s.runSession, Restart: supervise.Temporary, Shutdown: 5 * time.Second,
		})
		if err != nil {
			return errs.New("session.Release", errs.Down, err)
		}
		s.releaseWrites()
	}
	h.adopted = nil
	return nil
}

// releaseWrites lets the session write, beginning with its queue.
func (s *session) releaseWrites() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handOver.held = false
	if len(s.queue) > 0 {
		s.startDrain()
	}
}

// startDrain lets a writer drain the queue. The caller holds mu.
func (s *session) startDrain() {
	s.draining = true
	s.hub.drainers.Add(1)
	s.hub.writers.addReady(s)
}
