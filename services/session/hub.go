// Package session is one connected person: it reads the lesson socket, limits it,
// seats the person in rooms and queues what the rooms send.
//
// A session is two things. Its goroutine reads and ends with the connection. Its write
// queue is drained by a few goroutines that all sessions share and that exist only while
// there is something to write, so an idle participant costs one blocked read. Rooms call Send and never wait: a reader
// that is too slow loses volatile frames first and is then closed; it comes back and
// resumes by seq.
//
//	socket -> read -> wire.Decode -> limit -> room.Post
//	socket <- write (coalesced) <- queue <- room.Send
package session

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// Config bounds what one participant may take. Its zero value works.
type Config struct {
	Rate     float64       // messages a second; default 20
	Burst    int           // messages at once; default 40
	Patience int           // refused messages in a row before the socket is closed; default 200
	Sockets  int           // of one person at once, the oldest is closed; default 5
	Soft     int           // queued bytes from which volatile frames are dropped; default 64 KiB
	Hard     int           // queued bytes at which the socket is closed; default 256 KiB
	Ban      time.Duration // who sent far too much stays away for so long; default 5 s
	Silence  time.Duration // without a frame for so long the socket is closed; default 60 s
	Write    time.Duration // for one write; default 10 s
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	if c.Rate == 0 {
		c.Rate = 20
	}
	if c.Ban == 0 {
		c.Ban = 5 * time.Second
	}
	if c.Silence == 0 {
		c.Silence = time.Minute
	}
	if c.Write == 0 {
		c.Write = 10 * time.Second
	}
	for _, d := range []struct {
		v   *int
		def int
	}{{&c.Burst, 40}, {&c.Patience, 200}, {&c.Sockets, 5}, {&c.Soft, 64 << 10}, {&c.Hard, 256 << 10}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return c
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	if c.Rate < 0 || c.Burst < 1 || c.Patience < 1 || c.Sockets < 1 || c.Ban < 0 || c.Silence < 0 || c.Write < 0 {
		return errs.Field("session.Config", "session", "negative", 0, "no value may be negative")
	}
	if least := max(c.Soft, room.MaxAnswer+32<<10); c.Soft < 1 || c.Hard < least {
		return errs.Field("session.Config", "session.hard", "too_small", int64(least), "must be at least %d bytes: a join's answer must fit", least)
	}
	return nil
}

// Identity is who connects, as the gateway found out. The client has no say in it.
type Identity struct {
	User string
	Name string
	Role event.Role
	Room string // a pupil's only room; empty: any that exists
	// Device tells the connections of one browser from those of another of the same person.
	Device string
}

// Deps is what the sessions are built on.
type Deps struct {
	Rooms   *room.Rooms
	Exists  func(room string) bool // tells the rooms that there are
	Observe func(supervise.Report) // sees each crash of a session
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Hub is every session of the box.
type Hub struct {
	Deps
	cfg     Config
	sup     *supervise.Supervisor
	metrics metrics
	writers writers
	next    atomic.Uint64

	mu     sync.Mutex
	people map[string]*person // by user; guarded by mu
	count  int                // sessions; guarded by mu
	drains sync.WaitGroup     // write goroutines under way
}

// person is one participant over all drops: the limiter is theirs and not the
// socket's, so connecting again does not refill it.
type person struct {
	limit    *rate.Limiter
	sessions []*session // oldest first
	gone     time.Time  // since when there is no session
	banned   time.Time  // until when no socket is accepted: it flooded
}

// New makes the hub. Its Child must run before Accept.
func New(cfg Config, deps Deps) *Hub {
	h := &Hub{Deps: deps, cfg: cfg.WithDefaults(), people: map[string]*person{}}
	h.metrics = newMetrics(deps.Metrics, h)
	h.writers.observe = deps.Observe
	h.sup = supervise.New(supervise.Spec{
		Name: "sessions", Strategy: supervise.OneForOne, MaxRestarts: 1, Period: time.Second, Observe: deps.Observe,
	})
	return h
}

// Child runs the sessions under one supervisor until its ctx ends, and then closes them
// all at once with a code on which clients come back. Ready means that Accept works.
func (h *Hub) Child() supervise.Child {
	c := supervise.Run("sessions", h.sup)
	run := c.Start
	c.Start = func(ctx context.Context, ready func()) error {
		stop := context.AfterFunc(ctx, func() {
			for _, s := range h.all("") {
				s.end(ws.StatusGoingAway, "the box is stopping")
			}
		})
		defer stop()
		err := run(ctx, ready)
		h.drains.Wait()
		return err
	}
	return c
}

// all is the sessions of a user, or of everybody.
func (h *Hub) all(user string) []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	if user != "" {
		if p := h.people[user]; p != nil {
			return slices.Clone(p.sessions)
		}
		return nil
	}
	list := make([]*session, 0, h.count)
	for _, p := range h.people {
		list = append(list, p.sessions...)
	}
	return list
}

// Count is how many sockets are connected.
func (h *Hub) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Accept upgrades the request to the lesson socket and returns when the session runs.
// The caller has checked the host, the origin and who it is.
func (h *Hub) Accept(w http.ResponseWriter, r *http.Request, id Identity) {
	if v := r.URL.Query().Get("vsn"); v != "2.0.0" {
		http.Error(w, `vsn: must be 2.0.0`, http.StatusBadRequest)
		return
	}
	if wait := h.banned(id.User); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		http.Error(w, "far too many messages: come back later", http.StatusTooManyRequests)
		return
	}
	up := ws.HTTPUpgrader{Timeout: h.cfg.Write}
	conn, buf, _, err := up.Upgrade(r, w)
	if err != nil {
		h.Log.Debug("upgrade refused", "err", err)
		return
	}
	early := []byte(nil) // what the client sent before our answer
	if n := buf.Reader.Buffered(); n > 0 {
		peeked, _ := buf.Peek(n) // cannot fail: n bytes are there
		early = slices.Clone(peeked)
	}
	s := newSession(h, conn, early, id)
	if err := h.sup.Start(r.Context(), supervise.Child{
		ID: s.name, Start: s.start, Restart: supervise.Temporary, Shutdown: 5 * time.Second,
	}); err != nil {
		h.Log.Warn("session not started", "session", s.name, "err", err)
		_ = conn.Close()
	}
}

// banned is how long a user who flooded has to stay away.
func (h *Hub) banned(user string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.people[user]; p != nil {
		return time.Until(p.banned)
	}
	return 0
}

// ban keeps a user away for a while: the socket that flooded would come back at once.
func (h *Hub) ban(user string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.people[user]; p != nil {
		p.banned = time.Now().Add(h.cfg.Ban)
	}
}

// Kick closes the sockets of a user's device, or of all their devices if it is empty:
// the teacher released the name, or somebody signed out.
func (h *Hub) Kick(user, device, why string) {
	for _, s := range h.all(user) {
		if device == "" || device == s.id.Device {
			s.end(closeKicked, why)
		}
	}
}

// enter counts the session in and gives it its person's limiter. The oldest session of
// a person with too many makes room: it is most likely a dead one.
func (h *Hub) enter(s *session) *rate.Limiter {
	h.mu.Lock()
	h.sweep()
	p := h.people[s.id.User]
	if p == nil {
		p = &person{limit: rate.NewLimiter(rate.Limit(h.cfg.Rate), h.cfg.Burst)}
		h.people[s.id.User] = p
	}
	p.sessions = append(p.sessions, s)
	h.count++
	var oldest *session
	if len(p.sessions) > h.cfg.Sockets {
		oldest = p.sessions[0]
	}
	h.mu.Unlock()
	if oldest != nil {
		oldest.end(closeTooMany, fmt.Sprintf("at most %d connections", h.cfg.Sockets))
	}
	return p.limit
}

func (h *Hub) exit(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[s.id.User]
	p.sessions = slices.DeleteFunc(p.sessions, func(o *session) bool { return o == s })
	h.count--
	if len(p.sessions) == 0 {
		p.gone = time.Now()
	}
}

// sweep forgets people who are long gone, a few on each call. Runs with mu held.
func (h *Hub) sweep() {
	n := 0
	for user, p := range h.people { // map order is random: over time all are met
		if len(p.sessions) == 0 && time.Since(p.gone) > time.Minute {
			delete(h.people, user)
		}
		if n++; n == 4 {
			return
		}
	}
}
