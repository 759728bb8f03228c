package gateway

import (
	"context"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

// Me is the caller as the pages know it.
type Me struct {
	Role  string `json:"role" enum:"none,pupil,teacher"`
	User  string `json:"user,omitempty"`
	Name  string `json:"name,omitempty"`
	Admin bool   `json:"admin"`
}

func meOf(p roster.Person) Me {
	return Me{Role: p.Role.String(), User: p.User, Name: p.Name, Admin: p.Admin}
}

type state struct {
	Box struct {
		Name    string `json:"name"`
		Lang    string `json:"lang"`
		Claimed bool   `json:"claimed"`
		Version string `json:"version"`
	} `json:"box"`
	Secure    bool       `json:"secure" doc:"The page came over TLS: camera and microphone may work."`
	Me        Me         `json:"me"`
	Room      string     `json:"room,omitempty" doc:"A pupil's room."`
	Clock     clockState `json:"clock"`
	Addresses []string   `json:"addresses" doc:"Where the box answers over plain HTTP."`
	HTTPS     []string   `json:"https" doc:"Where it answers over HTTPS."`
}

// signedIn is an answer that hands the browser a token.
type signedIn struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      struct {
		Me
		Token string `json:"token" doc:"For clients without cookies."`
	}
}

func (g *Gateway) signIn(ctx context.Context, p roster.Person, token string) *signedIn {
	r := requestOf(ctx)
	out := &signedIn{SetCookie: []string{cookie(r, token)}}
	if trust := g.trust(r, roster.StaffName(p.Name)); trust != "" && p.Staff() {
		out.SetCookie = append(out.SetCookie, trust)
	}
	out.Body.Me, out.Body.Token = meOf(p), token
	return out
}

type body[T any] struct{ Body T }

type claimIn struct {
	Code string `json:"code" doc:"As shown on the terminal or display."`
	Box  string `json:"box" doc:"The box's name."`
	Name string `json:"name" doc:"The teacher's name."`
	PIN  string `json:"pin"`
	Lang string `json:"lang,omitempty"`
}

type loginIn struct {
	Name string `json:"name"`
	PIN  string `json:"pin"`
}

func (g *Gateway) peopleAPI(api huma.API) {
	add(g, api, http.MethodGet, "/api/state", "state", "What the box is and who you are", anybody, g.state)
	add(g, api, http.MethodPost, "/api/claim", "claim", "Make the box yours, once", anybody, g.claim)
	add(g, api, http.MethodPost, "/api/login", "login", "Sign in as a teacher", anybody, g.login)
	add(g, api, http.MethodPost, "/api/logout", "logout", "Sign out", anybody, g.logout)
}

func (g *Gateway) state(ctx context.Context, _ *struct{}) (*body[state], error) {
	b, err := g.Roster.Box()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	var s state
	s.Box.Name, s.Box.Lang, s.Box.Claimed, s.Box.Version = b.Name, b.Lang, b.Claimed, g.Version
	s.Secure, s.Me, s.Room, s.Clock = requestOf(ctx).TLS != nil, meOf(c.Person), c.Room, g.clock()
	plain, secure := g.Addrs()
	s.Addresses, s.HTTPS = reachable("http", plain), reachable("https", secure)
	return &body[state]{s}, nil
}

// guessed runs a check of a secret under the limits of its keys.
func (g *Gateway) guessed(ctx context.Context, op string, keys []key, wrong string, check func() error) error {
	done, err := g.guesses.turn(ctx, op)
	if err != nil {
		return err
	}
	defer done()
	for i := range keys {
		keys[i].name = op + " " + keys[i].name // knowing one secret says nothing about another
		if err := g.guesses.allow(op, keys[i]); err != nil {
			return err
		}
	}
	if err = check(); err == nil {
		for _, k := range keys {
			g.guesses.right(k)
		}
	} else if errs.BodyOf(err).Code == wrong {
		for _, k := range keys {
			g.guesses.fault(k)
		}
	}
	return err
}

func (g *Gateway) claim(ctx context.Context, in *body[claimIn]) (out *signedIn, err error) {
	c := roster.Claimant{Code: in.Body.Code, Box: in.Body.Box, Name: in.Body.Name, PIN: in.Body.PIN, Lang: in.Body.Lang}
	err = g.guessed(ctx, "claim", g.keys(ctx), "wrong_code", func() error {
		p, token, err := g.Roster.Claim(ctx, c)
		if err == nil {
			out = g.signIn(ctx, p, token)
			g.Log.Info("box claimed", "user", p.User)
			g.addSample(in.Body.Lang)
		}
		return err
	})
	return out, err
}

// login counts by the teacher's name too. A device that signed in under it before has a
// count of its own, so that pupils cannot lock a teacher out by guessing.
func (g *Gateway) login(ctx context.Context, in *body[loginIn]) (out *signedIn, err error) {
	r, name := requestOf(ctx), roster.StaffName(in.Body.Name)
	id := g.device(r)
	keys := append(g.keys(ctx), key{name: "name " + name, limit: perDevice})
	if g.trusts(r, id, name) {
		keys = []key{{name: "name " + name + " device " + id, limit: perDevice}}
	}
	err = g.guessed(ctx, "login", keys, "wrong_pin", func() error {
		p, token, err := g.Roster.SignIn(ctx, in.Body.Name, in.Body.PIN)
		if err == nil {
			out = g.signIn(ctx, p, token)
		}
		return err
	})
	return out, err
}

type signedOut struct {
	SetCookie string `header:"Set-Cookie"`
}

func (g *Gateway) logout(ctx context.Context, _ *struct{}) (*signedOut, error) {
	c := callerOf(ctx)
	if c.token != "" {
		if err := g.Roster.SignOut(c.token); err != nil {
			return nil, err
		}
		if c.User != "" {
			g.Sessions.Kick(c.User, deviceOf(c.token), "signed out")
		}
	}
	return &signedOut{cookie(requestOf(ctx), "")}, nil
}

// reachable is the addresses that others can use for a listener at addr, the best for a
// QR code first: private addresses, then loopback.
func reachable(scheme, addr string) []string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return []string{}
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return []string{scheme + "://" + addr}
	}
	var out, rest []string
	for _, ip := range addresses() {
		switch {
		case ip.To4() == nil:
		case ip.IsLoopback():
			rest = append(rest, scheme+"://"+net.JoinHostPort(ip.String(), port))
		default:
			out = append(out, scheme+"://"+net.JoinHostPort(ip.String(), port))
		}
	}
	return append(out, rest...)
}
