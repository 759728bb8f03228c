package session

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

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
	s.written = make(chan struct{})
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
		s.hub.writers.add(s)
	}
}

// take gives what is queued and empties the queue. Nil: there is nothing, and whoever
// queues next starts another drain.
func (s *session) take() []wire.Frame {
	s.mu.Lock()
	list, ended := s.queue, s.ended
	if len(list) == 0 {
		s.busy = false
	} else {
		s.queue, s.spare, s.bytes = s.spare, nil, 0
	}
	s.mu.Unlock()
	if len(list) == 0 {
		if ended {
			s.shut()
			close(s.written)
		}
		s.hub.drains.Done()
		return nil
	}
	return list
}

// give returns a list that was written, to be the queue again if it is small.
func (s *session) give(list []wire.Frame) {
	clear(list)
	s.mu.Lock()
	if cap(list) <= 16 {
		s.spare = list[:0]
	}
	s.mu.Unlock()
}

// fail ends the session after a write error.
func (s *session) fail() {
	s.mu.Lock()
	s.ended, s.busy, s.queue = true, false, nil
	s.mu.Unlock()
	_ = s.conn.Close() // the reader ends, and with it the session
	s.hub.drains.Done()
}

// block writes on a goroutine of its own, for a connection that is not plain TCP or
// whose kernel buffer is full: rest first, then the queue.
func (s *session) block(rest []byte) {
	supervise.Spawn(s.hub.Observe, "session.write", func() {
		var buf []byte
		for {
			if len(rest) > 0 {
				err := s.conn.SetWriteDeadline(time.Now().Add(s.hub.cfg.Write))
				if err == nil {
					_, err = s.conn.Write(rest)
				}
				if err == nil {
					err = s.conn.SetWriteDeadline(time.Time{}) // a writer's try would meet it later
				}
				if err != nil {
					s.fail()
					return
				}
			}
			list := s.take()
			if list == nil {
				return
			}
			buf = gather(buf[:0], list)
			rest = buf
		}
	})
}

// gather puts what has come together into one write: the socket write is most of the
// cost of a delivery.
func gather(buf []byte, list []wire.Frame) []byte {
	for _, f := range list {
		buf = append(buf, f.Bytes...)
	}
	return buf
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
