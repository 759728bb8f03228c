package session

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/supervise"
)

// writers drain the queues of all sessions. They are few goroutines that exist only
// while there is something to write, and that never block: a socket which takes no more
// goes on with a goroutine of its own. A room of thirty then costs one or two wake-ups
// for a message, and not thirty.
type writers struct {
	observe func(supervise.Report)

	mu      sync.Mutex
	ready   []*session // oldest first, from head on; a session is in it once at most
	head    int
	running int
}

func (w *writers) add(s *session) {
	if s.raw == nil {
		s.block(nil)
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
		supervise.Spawn(w.lost, "session.writer", w.run)
	}
}

// lost keeps the count true should a writer ever panic.
func (w *writers) lost(r supervise.Report) {
	w.mu.Lock()
	w.running--
	w.mu.Unlock()
	if w.observe != nil {
		w.observe(r)
	}
}

func (w *writers) next() *session {
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

// run writes until no session is ready.
func (w *writers) run() {
	var a attempt
	try := a.write // one closure for the writer's life
	for s := w.next(); s != nil; s = w.next() {
		s.drain(&a, try)
	}
}

// attempt is one write that does not wait.
type attempt struct {
	gathered []byte
	data     []byte
	n        int
	err      error
}

func (a *attempt) write(fd uintptr) bool {
	a.n, a.err = unix.Write(int(fd), a.data)
	return true // whatever came of it: never wait for the socket
}

// drain writes the session's queue as far as the socket takes it.
func (s *session) drain(a *attempt, try func(uintptr) bool) {
	for list := s.take(); list != nil; list = s.take() {
		a.data = list[0].Bytes
		if len(list) > 1 {
			a.gathered = gather(a.gathered[:0], list)
			a.data = a.gathered
		}
		if err := s.raw.Write(try); err != nil {
			s.fail()
			return
		}
		if a.err != nil && a.err != unix.EAGAIN && a.err != unix.EINTR {
			s.fail()
			return
		}
		if n := max(a.n, 0); n < len(a.data) {
			rest := append([]byte(nil), a.data[n:]...) // the writer goes on with its own buffer
			s.block(rest)
			return
		}
		s.give(list)
	}
}
