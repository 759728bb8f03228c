package session

import (
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/supervise"
)

// writers drain the queues of all sessions. They are at most GOMAXPROCS goroutines that exist
// only while there is something to write. They never block. A socket that accepts no more
// bytes continues on its own goroutine. A message to a room of thirty then costs one or two
// wake-ups instead of thirty.
type writers struct {
	observe func(supervise.Report)

	mu      sync.Mutex
	ready   []*session // oldest first, starting at head. Each session is in it at most once
	head    int
	running int
}

func (w *writers) addReady(s *session) {
	if s.rawConn == nil {
		s.writeBlocking(nil)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head > 1024 && 2*w.head > len(w.ready) {
		n := copy(w.ready, w.ready[w.head:])
		clear(w.ready[n:])
		w.ready, w.head = w.ready[:n], 0
	}
	w.ready = append(w.ready, s)
	if w.running < runtime.GOMAXPROCS(0) {
		w.running++
		supervise.Spawn(w.handlePanic, "session.writer", w.runWriter)
	}
}

// handlePanic keeps the count of writers right if one panics.
func (w *writers) handlePanic(r supervise.Report) {
	w.mu.Lock()
	w.running--
	w.mu.Unlock()
	if w.observe != nil {
		w.observe(r)
	}
}

func (w *writers) nextSession() *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head == len(w.ready) {
		w.ready, w.head = w.ready[:0], 0
		w.running--
		return nil
	}
	s := w.ready[w.head]
	w.ready[w.head] = nil
	w.head++
	return s
}

// runWriter writes until no session is ready.
func (w *writers) runWriter() {
	var a nonblockingWrite
	try := a.tryWrite // one closure for the writer's life
	for s := w.nextSession(); s != nil; s = w.nextSession() {
		s.drainQueue(&a, try)
	}
}

// nonblockingWrite is one write that does not wait.
type nonblockingWrite struct {
	joined []byte
	data   []byte
	n      int
	err    error
}

func (a *nonblockingWrite) tryWrite(fd uintptr) bool {
	a.n, a.err = unix.Write(int(fd), a.data)
	return true // also after an error: never wait for the socket
}

// drainQueue writes the queue of the session until the socket accepts no more bytes.
func (s *session) drainQueue(a *nonblockingWrite, try func(uintptr) bool) {
	for list := s.takeQueue(); list != nil; list = s.takeQueue() {
		a.data = list[0].Bytes
		if len(list) > 1 {
			a.joined = joinFrames(a.joined[:0], list)
			a.data = a.joined
		}
		if err := s.rawConn.Write(try); err != nil {
			s.failWrite(a.data) // it was not tried
			return
		}
		if a.err != nil && !errors.Is(a.err, unix.EAGAIN) && !errors.Is(a.err, unix.EINTR) {
			s.failWrite(a.data)
			return
		}
		if n := max(a.n, 0); n < len(a.data) {
			rest := append([]byte(nil), a.data[n:]...) // the writer reuses its own buffer
			s.writeBlocking(rest)
			return
		}
		s.reuseQueue(list)
	}
}
