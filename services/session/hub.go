// Package session serves the lesson socket of each connected person. It reads and limits the
// messages, seats the person in rooms, and queues the frames that rooms send.
//
// A session has two parts. Its own goroutine reads, and it ends with the connection. A few
// goroutines that all sessions share drain the write queues. They exist only while there is
// something to write, so an idle participant costs one blocked read. Rooms call Send and never
// wait. A reader that is too slow first loses volatile frames. If that is not enough, its
// socket is closed, and the client reconnects and resumes by sequence number.
//
//	socket -> readFrames -> wire.Decode -> limiter -> room.Post
//	socket <- writers (coalesced) <- queue <- Send <- room
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

// Config limits what one participant may use. Its zero value works.
type Config struct {
	Rate     float64       // messages a second, default 20
	Burst    int           // messages at once, default 40
	Patience int           // refused messages in a row before the socket is closed, default 200
	Sockets  int           // of one person at once. One more closes the oldest, default 5
	Soft     int           // queued bytes from which volatile frames are dropped, default 64 KiB
	Hard     int           // queued bytes at which the socket is closed, default 256 KiB
	Ban      time.Duration // a person who flooded cannot connect for this time, default 5 s
	Silence  time.Duration // a socket without a frame for this time is closed, default 90 s, because a hidden page sends one a minute
	Write    time.Duration // for one write, default 10 s
}

// WithDefaults fills in empty fields.
func (c Config) WithDefaults() Config {
	if c.Rate == 0 {
		c.Rate = 20
	}
	if c.Ban == 0 {
		c.Ban = 5 * time.Second
	}
	if c.Silence == 0 {
		c.Silence = 90 * time.Second
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

// Validate refuses values that cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	if c.Rate < 0 || c.Burst < 1 || c.Patience < 1 || c.Sockets < 1 || c.Ban < 0 || c.Silence < 0 || c.Write < 0 {
		return errs.NewField("session.Config", "session", "negative", 0, "no value may be negative")
	}
	if least := max(c.Soft, room.MaxAnswer+32<<10); c.Soft < 1 || c.Hard < least {
		return errs.NewField("session.Config", "session.hard", "too_small", int64(least), "must be at least %d bytes: a join's answer must fit", least)
	}
	return nil
}

// Identity is the person who connects, as the gateway identified them. The client cannot
// choose it.
type Identity struct {
	User string
	Name string
	Role event.Role
	Room string // the only room of a pupil. Empty: any room
	// MayEnter says which rooms a teacher may enter. Nil: any room.
	MayEnter func(room string) bool `json:"-"`
	// Device separates the connections of the browsers of one person.
	Device string
	// Home is the box that knows the person and has the rooms. Empty: this box.
	Home  string
	Grant room.Grant // of Home
}

// person is the key of the limits of a person. Another box names its people as it likes, so they share no
// limit with the people of this one.
func (id Identity) person() string {
	if id.Home == "" {
		return id.User
	}
	return id.Home + "\x00" + id.User
}

// Rooms is where people sit: the rooms of this box, or of all boxes of the school. Its methods are
// those of *room.Rooms.
type Rooms interface {
	Join(s *room.Seat, ref string) error
	Leave(s *room.Seat)
	Post(s *room.Seat, m room.Message) error
}

// Deps holds what the sessions need.
type Deps struct {
	Rooms  Rooms
	Local  *room.Rooms            // the rooms of this box, for a hand-over; nil: there is none
	Exists func(room string) bool // reports whether a room exists
	// KickGuests signs out a person who is connected at another box, as Kick and KickFromRoom do here.
	// Nil: there are no other boxes.
	KickGuests func(user, device, room, why string)
	Observe    func(supervise.Report) // gets the report of each crash of a session
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Hub holds all sessions of the box.
type Hub struct {
	Deps
	cfg     Config
	sup     *supervise.Supervisor
	metrics metrics
	writers writers
	lastID  atomic.Uint64

	handingOver atomic.Bool // the hub parks its sockets when it stops
	adopted     []*session  // of another process, until Release

	mu       sync.Mutex
	persons  map[string]*person // by user, guarded by mu
	count    int                // sessions, guarded by mu
	drainers sync.WaitGroup     // write goroutines under way
}

// person is one participant across reconnects. The limiter belongs to the person, so a
// reconnect does not refill it.
type person struct {
	limiter     *rate.Limiter
	sessions    []*session // oldest first
	idleSince   time.Time  // start of the time without a session
	bannedUntil time.Time  // end of the ban after a flood
}

// New makes the hub. Its Child must run before Accept.
func New(cfg Config, deps Deps) *Hub {
	h := &Hub{Deps: deps, cfg: cfg.WithDefaults(), persons: map[string]*person{}}
	h.metrics = newMetrics(deps.Metrics, h)
	h.writers.observe = deps.Observe
	h.sup = supervise.New(supervise.Spec{
		Name: "sessions", Strategy: supervise.OneForOne, MaxRestarts: 1, Period: time.Second, Observe: deps.Observe,
	})
	return h
}

// Child runs the sessions under one supervisor until its ctx ends. It then closes all of them
// with a code after which clients reconnect. Accept works as soon as the child is ready.
func (h *Hub) Child() supervise.Child {
	c := supervise.Run("sessions", h.sup)
	run := c.Start
	c.Start = func(ctx context.Context, ready func()) error {
		parked := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(parked)
			if h.handingOver.Load() {
				h.parkSessions()
				return
			}
			for _, s := range h.sessionsOf("") {
				s.closeWith(ws.StatusGoingAway, "the box is stopping")
			}
		})
		defer stop()
		err := run(ctx, ready)
		if h.handingOver.Load() && ctx.Err() != nil {
			<-parked
			return err
		}
		h.drainers.Wait()
		return err
	}
	return c
}

// sessionsOf returns the sessions of a user of this box, or all sessions if user is empty.
func (h *Hub) sessionsOf(user string) []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	if user != "" {
		if p := h.persons[user]; p != nil {
			return slices.Clone(p.sessions)
		}
		return nil
	}
	list := make([]*session, 0, h.count)
	for _, p := range h.persons {
		list = append(list, p.sessions...)
	}
	return list
}

// Count returns the number of connected sockets.
func (h *Hub) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Accept upgrades the request to the lesson socket and returns when the session runs. The
// caller has checked the host, the origin and the identity.
func (h *Hub) Accept(w http.ResponseWriter, r *http.Request, id Identity) {
	if v := r.URL.Query().Get("vsn"); v != "2.0.0" {
		http.Error(w, `vsn: must be 2.0.0`, http.StatusBadRequest)
		return
	}
	if wait := h.banRemaining(id.person()); wait > 0 {
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
	early := []byte(nil) // bytes that the client sent before the response
	if n := buf.Reader.Buffered(); n > 0 {
		peeked, _ := buf.Peek(n) // cannot fail: n bytes are there
		early = slices.Clone(peeked)
	}
	s := newSession(h, conn, early, id)
	if err := h.sup.Start(r.Context(), supervise.Child{
		ID: s.name, Start: s.runSession, Restart: supervise.Temporary, Shutdown: 5 * time.Second,
	}); err != nil {
		h.Log.Warn("session not started", "session", s.name, "err", err)
		_ = conn.Close()
	}
}

// banRemaining returns how long a user who flooded must still stay away.
func (h *Hub) banRemaining(user string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.persons[user]; p != nil {
		return time.Until(p.bannedUntil)
	}
	return 0
}

// banUser refuses the sockets of a user for Config.Ban. Without it, the client that flooded
// would reconnect at once.
func (h *Hub) banUser(user string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.persons[user]; p != nil {
		p.bannedUntil = time.Now().Add(h.cfg.Ban)
	}
}

// Kick closes the sockets of a device of a user, or of all their devices if device is empty.
// It is used when a teacher releases a name or a person signs out.
func (h *Hub) Kick(user, device, why string) {
	for _, s := range h.sessionsOf(user) {
		if device == "" || device == s.id.Device {
			s.Kick(why)
		}
	}
	if h.KickGuests != nil {
		h.KickGuests(user, device, "", why)
	}
}

// KickFromRoom closes the sockets of a user that are in a room.
func (h *Hub) KickFromRoom(user, room, why string) {
	for _, s := range h.sessionsOf(user) {
		if s.isIn(room) {
			s.Kick(why)
		}
	}
	if h.KickGuests != nil {
		h.KickGuests(user, "", room, why)
	}
}

// addSession registers the session and returns the limiter of its person. If the person has
// too many sessions, the oldest one is closed, because it is most likely dead.
func (h *Hub) addSession(s *session) *rate.Limiter {
	h.mu.Lock()
	h.forgetIdle()
	p := h.persons[s.id.person()]
	if p == nil {
		p = &person{limiter: rate.NewLimiter(rate.Limit(h.cfg.Rate), h.cfg.Burst)}
		h.persons[s.id.person()] = p
	}
	p.sessions = append(p.sessions, s)
	h.count++
	var oldest *session
	if len(p.sessions) > h.cfg.Sockets {
		oldest = p.sessions[0]
	}
	h.mu.Unlock()
	if oldest != nil {
		oldest.closeWith(closeTooMany, fmt.Sprintf("at most %d connections", h.cfg.Sockets))
	}
	return p.limiter
}

func (h *Hub) removeSession(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.persons[s.id.person()]
	p.sessions = slices.DeleteFunc(p.sessions, func(o *session) bool { return o == s })
	h.count--
	if len(p.sessions) == 0 {
		p.idleSince = time.Now()
	}
}

// forgetIdle drops a few people who left long ago on each call. The caller holds mu.
func (h *Hub) forgetIdle() {
	n := 0
	for user, p := range h.persons { // map order is random, so everybody comes up over time
		if len(p.sessions) == 0 && time.Since(p.idleSince) > time.Minute {
			delete(h.persons, user)
		}
		if n++; n == 4 {
			return
		}
	}
}
