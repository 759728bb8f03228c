// Package relay holds a lesson of another box of the school at this one. A browser that joined such a
// lesson has a cookie with the id of the box. What its pages ask for is passed on to that box, over
// TLS on which both sides show the keys of members.
//
//	browser -> this box's guards -> Handler -> TLS, pinned keys -> Accept -> the other box's guards -> its API
//
// The other box sees who asks, over which ground, and under which address: its limits on guessing
// count people and not boxes. It decides everything. Nothing is passed on twice, and an admin works at the
// own box only.
package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// Limits of requests that are passed on.
const (
	maxBody    = 1 << 20 // bytes of a request. Files are uploaded at their own box
	maxRunning = 64      // requests to one box at once. One more waits, and is refused after answerTimeout
	maxDoors   = 8       // addresses of one box
	maxConns   = 32      // connections to one box

	dialTimeout   = time.Second // for one address
	answerTimeout = 10 * time.Second
	keepOpen      = time.Minute // for a connection without a request
)

// Boxes are the boxes of the school: *link.Mesh.
type Boxes interface {
	NameOf(id string) string     // of another box of the school; empty: it is none
	Linked() []string            // ids of the boxes to which there is a connection
	TLSTo(id string) *tls.Config // for a connection to that box and no other
	TLSForMembers() *tls.Config  // for connections from boxes of the school
	Name() string                // of this box
}

// Deps is what a relay needs.
type Deps struct {
	Boxes Boxes
	Doors func(ctx context.Context, box string) ([]string, error) // host:port of the HTTPS listeners of a box
	Log   *slog.Logger
}

// Relay passes requests on. A nil relay passes none on: this box connects to no other.
type Relay struct {
	Deps
	mu    sync.Mutex
	peers map[string]*peer // by id of the box, guarded by mu
}

// New makes a relay.
func New(deps Deps) *Relay { return &Relay{Deps: deps, peers: map[string]*peer{}} }

// peer is another box as this one reaches it.
type peer struct {
	id        string
	of        *Relay
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	running   *slots

	mu    sync.Mutex
	doors []string // the last that answered is the first, guarded by mu
}

func (s *Relay) peer(id string) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[id]
	if p == nil {
		p = &peer{id: id, of: s, running: newSlots()}
		p.transport = &http.Transport{
			DialTLSContext: p.dial, MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns / 4,
			ResponseHeaderTimeout: answerTimeout, IdleConnTimeout: keepOpen, DisableCompression: true,
		}
		p.proxy = &httputil.ReverseProxy{
			Rewrite: p.rewrite, Transport: p.transport, ModifyResponse: cleanAnswer, ErrorHandler: p.refuse, FlushInterval: -1,
			ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		}
		s.peers[id] = p
	}
	return p
}

// Close closes the connections that carry no request.
func (s *Relay) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		p.transport.CloseIdleConnections()
	}
}

// dial connects to one of the addresses of the box, and to that box only.
func (p *peer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.mu.Lock()
	doors := p.doors
	p.mu.Unlock()
	if len(doors) == 0 {
		var err error
		if doors, err = p.of.Doors(ctx, p.id); err != nil {
			return nil, err
		}
	}
	conf := p.of.Boxes.TLSTo(p.id)
	last := errAway(p.of.Boxes.NameOf(p.id))
	for _, door := range doors[:min(len(doors), maxDoors)] {
		one, cancel := context.WithTimeout(ctx, dialTimeout)
		conn, err := (&tls.Dialer{Config: conf}).DialContext(one, "tcp", door)
		cancel()
		if err != nil {
			p.of.Log.Debug("an address of another box", "box", p.id, "err", err)
			continue
		}
		p.keep(append([]string{door}, slices.DeleteFunc(slices.Clone(doors), func(d string) bool { return d == door })...))
		return conn, nil
	}
	p.keep(nil)
	return nil, last
}

func (p *peer) keep(doors []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doors = doors
}

func errAway(name string) *errs.Error {
	return errs.NewCode("relay", errs.Down, "box_away", "the box %q, which has the lesson, does not answer", name)
}

// check refuses a request to a box that is not there, before anybody waits.
func (p *peer) check() error {
	if !slices.Contains(p.of.Boxes.Linked(), p.id) {
		return errAway(p.of.Boxes.NameOf(p.id))
	}
	return nil
}

// enter counts a request. The caller must call done.
func (p *peer) enter(r *http.Request) (done func(), err error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.running.take(r)
}

// ForgetAway brings a browser home that opens the page for codes while the box of its lesson is away, so
// that its person may join another lesson here.
func (s *Relay) ForgetAway(w http.ResponseWriter, r *http.Request) {
	if box := s.HomeOf(r); box != "" && r.URL.Path == "/" && s.peer(box).check() != nil {
		for _, line := range SetHome(r, "") {
			w.Header().Add("Set-Cookie", line)
		}
	}
}

// Handler passes the requests of browsers on whose lesson is at another box. All others go to next.
func (s *Relay) Handler(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box := s.HomeOf(r)
		if box == "" || !isPassedOn(r.URL.Path) || isOwn(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		p := s.peer(box)
		done, err := p.enter(r)
		if err != nil {
			httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
			return
		}
		defer done()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		p.proxy.ServeHTTP(w, r)
	})
}

// isOwn reports whether this box answers a path itself, wherever the lesson is.
func isOwn(path string) bool {
	return path == DoorPath || path == "/api/join/look" || path == "/api/authority" || strings.HasPrefix(path, "/api/openapi")
}

// DoorPath is where a browser chooses the box at which it is.
const DoorPath = "/api/door"

// isPassedOn reports whether one box asks another for a path.
func isPassedOn(path string) bool {
	for _, never := range []string{"/api/claim", "/api/boxes/", "/api/update/"} {
		if strings.HasPrefix(path, never) {
			return false
		}
	}
	return slices.ContainsFunc([]string{"/api/", "/slides/", "/images/", "/recordings/"}, func(p string) bool { return strings.HasPrefix(path, p) })
}

// rewrite makes the request to the other box.
func (p *peer) rewrite(pr *httputil.ProxyRequest) {
	pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = "https", members.ServerName, pr.In.Host
	describeCaller(p.id, pr.In, pr.Out)
}

// cleanAnswer leaves out what this box says itself, and the cookies that are between a browser and its box.
func cleanAnswer(resp *http.Response) error {
	for _, name := range []string{
		"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy",
	} {
		resp.Header.Del(name)
	}
	if strings.HasPrefix(resp.Request.URL.Path, "/api/") {
		resp.Header.Del("Cache-Control")
	}
	cookies := resp.Header.Values("Set-Cookie")
	resp.Header["Set-Cookie"] = slices.DeleteFunc(slices.Clone(cookies), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return !httpapi.IsSessionCookie(name)
	})
	return nil
}

// refuse answers when the other box did not.
func (p *peer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the browser is gone
	}
	answer := error(errAway(p.of.Boxes.NameOf(p.id)))
	status := http.StatusServiceUnavailable
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		answer = errs.NewField("relay", "body", "too_long", tooLong.Limit, "at most %d bytes at another box: upload files at the box of the lesson", tooLong.Limit)
		status = http.StatusRequestEntityTooLarge
	}
	p.of.Log.Debug("a request to another box", "box", p.id, "err", err)
	httpapi.WriteError(w, status, answer)
}
