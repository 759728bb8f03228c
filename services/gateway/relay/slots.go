package relay

import (
	"context"
	"net/http"
	"sync"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
)

// slots bounds the requests to one box. One more waits, because a class opens its pages at once. One network
// has at most half of them, so nobody can keep all others out with requests that take long.
type slots struct {
	mu        sync.Mutex
	taken     int
	byNetwork map[string]int
	freed     chan struct{} // closed at the next release
}

func newSlots() *slots { return &slots{byNetwork: map[string]int{}, freed: make(chan struct{})} }

// tryTake takes a slot, or returns what is closed when it is worth another try.
func (s *slots) tryTake(network string) (full <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= maxRunning || s.byNetwork[network] >= maxRunning/2 {
		return s.freed
	}
	s.taken++
	s.byNetwork[network]++
	return nil
}

func (s *slots) release(network string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.byNetwork[network]--; s.byNetwork[network] == 0 {
		delete(s.byNetwork, network)
	}
	close(s.freed)
	s.freed = make(chan struct{})
}

// take waits for a slot for at most answerTimeout.
func (s *slots) take(r *http.Request) (release func(), err error) {
	networks := connlimit.Networks(connlimit.HostOf(r.RemoteAddr))
	network := networks[len(networks)-1]
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	for full := s.tryTake(network); full != nil; full = s.tryTake(network) {
		select {
		case <-full:
		case <-ctx.Done():
			return nil, errs.NewCode("relay", errs.Busy, "room_busy", "more than %d requests to the box of the lesson at once, %d of one network", maxRunning, maxRunning/2)
		}
	}
	return func() { s.release(network) }, nil
}
