package session

import (
	"bytes"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// chunk is how much is gathered into one write, in bytes.
const chunk = 16 << 10

// buffers lends the gathering space to whoever writes just now.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Send queues f and returns at once. Behind Soft queued bytes volatile frames are
// dropped; at Hard the queue is given up and the socket closed with closeSlow.
func (s *session) Send(f wire.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if f.Volatile && s.bytes > s.hub.cfg.Soft {
		s.hub.metrics.dropped.Inc()
		return
	}
	if s.bytes+len(f.Bytes) > s.hub.cfg.Hard {
		s.hub.metrics.slow.Inc()
		s.queue = nil
		s.finish(closeSlow, "too slow: come back and resume")
		return
	}
	s.enqueue(f)
}

// Closed implements room.Member.
func (s *session) Closed(seat *room.Seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if topic := room.Topic(seat.Room); s.seats[topic] == seat {
		delete(s.seats, topic)
	}
}

// push queues a control frame.
func (s *session) push(f ws.Frame) {
	data, err := ws.CompileFrame(f)
	if err != nil {
		return // a bytes.Buffer takes every frame
	}
	s.Send(wire.Frame{Bytes: data})
}

// end closes the connection behind what is queued, with a code and a reason.
func (s *session) end(code ws.StatusCode, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.finish(code, why)
	}
}

// finish queues the close frame and lets nothing follow. Runs with mu held.
func (s *session) finish(code ws.StatusCode, why string) {
	if f, err := ws.CompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, why))); err == nil {
		s.enqueue(wire.Frame{Bytes: f})
	}
	s.ended = true
	_ = s.conn.SetReadDeadline(time.Now()) // wakes the reader, which leaves the rooms
}

// enqueue runs with mu held.
func (s *session) enqueue(f wire.Frame) {
	s.queue = append(s.queue, f)
	s.bytes += len(f.Bytes)
	if !s.busy {
		s.busy = true
		s.hub.drains.Add(1)
		supervise.Spawn(s.hub.Observe, "session.write", s.drain)
	}
}

// drain writes until the queue is empty. It gathers what has come together into few
// writes: the socket write is most of the cost of a delivery.
func (s *session) drain() {
	defer s.hub.drains.Done()
	for {
		s.mu.Lock()
		list := s.queue
		s.queue, s.bytes = nil, 0
		if len(list) == 0 {
			s.busy = false
			ended := s.ended
			s.mu.Unlock()
			if ended {
				s.shut()
			}
			return
		}
		s.mu.Unlock()
		if err := s.write(list); err != nil {
			s.mu.Lock()
			s.ended, s.busy, s.queue = true, false, nil
			s.mu.Unlock()
			_ = s.conn.Close() // the reader ends, and with it the session
			return
		}
	}
}

// shut tells the peer that nothing follows.
func (s *session) shut() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// listen gives the next frame its time. False: the session has ended.
func (s *session) listen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended && s.conn.SetReadDeadline(time.Now().Add(s.hub.cfg.Silence)) == nil
}

func (s *session) write(list []wire.Frame) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.hub.cfg.Write)); err != nil {
		return err
	}
	if len(list) == 1 {
		_, err := s.conn.Write(list[0].Bytes)
		return err
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	for _, f := range list {
		if b.Len() > 0 && b.Len()+len(f.Bytes) > chunk {
			if _, err := s.conn.Write(b.Bytes()); err != nil {
				return err
			}
			b.Reset()
		}
		b.Write(f.Bytes)
	}
	_, err := s.conn.Write(b.Bytes())
	return err
}
