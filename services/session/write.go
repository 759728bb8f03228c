package session

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// Send queues f and returns at once. Beyond Config.Soft queued bytes it drops volatile frames.
// At Config.Hard it drops the queue and closes the socket with closeSlow.
func (s *session) Send(f wire.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return
	}
	if f.Volatile && s.queuedBytes > s.hub.cfg.Soft {
		s.hub.metrics.dropped.Inc()
		return
	}
	if s.queuedBytes+len(f.Bytes) > s.hub.cfg.Hard {
		s.hub.metrics.slow.Inc()
		s.queue = nil
		s.queueClose(closeSlow, "too slow: come back and resume")
		return
	}
	s.enqueueFrame(f)
}

// Closed implements room.Member.
func (s *session) Closed(seat *room.Seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if topic := room.TopicOf(seat.Room); s.seats[topic] == seat {
		delete(s.seats, topic)
	}
}

// sendControl queues a control frame.
func (s *session) sendControl(f ws.Frame) {
	data, err := ws.CompileFrame(f)
	if err != nil {
		return // a bytes.Buffer takes every frame
	}
	s.Send(wire.Frame{Bytes: data})
}

// closeWith queues a close frame with a code and a reason behind the frames in the queue.
func (s *session) closeWith(code ws.StatusCode, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.queueClose(code, why)
	}
}

// queueClose queues the close frame as the last frame. The caller holds mu.
func (s *session) queueClose(code ws.StatusCode, why string) {
	s.flushed = make(chan struct{})
	if f, err := ws.CompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, why))); err == nil {
		s.enqueueFrame(wire.Frame{Bytes: f})
	}
	s.closing = true
	_ = s.conn.SetReadDeadline(time.Now()) // wakes the reader, which leaves the rooms
}

// enqueueFrame queues a frame. The caller holds mu.
func (s *session) enqueueFrame(f wire.Frame) {
	s.queue = append(s.queue, f)
	s.queuedBytes += len(f.Bytes)
	if !s.draining && !s.handOver.held {
		s.startDrain()
	}
}

// takeQueue returns the queued frames and empties the queue. It returns nil if the queue is
// empty. The next enqueueFrame then starts another drain.
func (s *session) takeQueue() []wire.Frame {
	s.mu.Lock()
	list, ended := s.queue, s.closing
	if s.handOver.held {
		list, ended = nil, false
	}
	if len(list) == 0 {
		s.draining = false
	} else {
		s.queue, s.spareQueue, s.queuedBytes = s.spareQueue, nil, 0
	}
	s.mu.Unlock()
	if len(list) == 0 {
		if ended {
			s.closeWrite()
			close(s.flushed)
		}
		s.hub.drainers.Done()
		return nil
	}
	return list
}

// reuseQueue keeps a written list as the next queue if it is small.
func (s *session) reuseQueue(list []wire.Frame) {
	clear(list)
	s.mu.Lock()
	if cap(list) <= 16 {
		s.spareQueue = list[:0]
	}
	s.mu.Unlock()
}

// failWrite ends the session after a write error, unless it goes to another process, which writes
// rest.
func (s *session) failWrite(rest []byte) {
	if s.keepUnsent(rest) {
		return
	}
	s.mu.Lock()
	s.closing, s.draining, s.queue = true, false, nil
	s.mu.Unlock()
	_ = s.conn.Close() // the reader ends, and with it the session
	s.hub.drainers.Done()
}

// writeBlocking writes rest and then the queue on its own goroutine. It serves connections
// that are not plain TCP or whose kernel buffer is full.
func (s *session) writeBlocking(rest []byte) {
	supervise.Spawn(s.hub.Observe, "session.write", func() {
		var buf []byte
		for {
			if len(rest) > 0 {
				n, err := 0, s.armWriteDeadline(s.hub.cfg.Write)
				if err == nil {
					n, err = s.conn.Write(rest)
				}
				if err == nil {
					err = s.armWriteDeadline(0) // a later tryWrite would fail on it
				}
				if err != nil {
					s.failWrite(rest[n:])
					return
				}
			}
			list := s.takeQueue()
			if list == nil {
				return
			}
			buf = joinFrames(buf[:0], list)
			rest = buf
		}
	})
}

// joinFrames puts queued frames into one write, because the socket write is most of the cost
// of a delivery.
func joinFrames(buf []byte, list []wire.Frame) []byte {
	for _, f := range list {
		buf = append(buf, f.Bytes...)
	}
	return buf
}

// closeWrite closes the sending half.
func (s *session) closeWrite() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// armReadDeadline sets the deadline of the next frame. It returns false if the session has
// ended.
func (s *session) armReadDeadline() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline := time.Now().Add(s.hub.cfg.Silence)
	if s.handOver.parking {
		deadline = longAgo
	}
	return !s.closing && s.conn.SetReadDeadline(deadline) == nil
}
