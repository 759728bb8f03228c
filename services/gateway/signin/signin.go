// Package signin lets people sign in and out: the claim of a new box, the PIN of a teacher,
// and the limits on guessing that also protect the codes of lessons.
//
//	request -> routes (which counts apply to this device) -> throttle.admit -> check -> count
package signin

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
)

// Deps holds what signing in needs.
type Deps struct {
	Roster    *roster.Roster
	Sessions  *session.Hub
	Clock     *event.Clock
	Callers   *httpapi.Callers
	Audit     httpapi.Audit
	Log       *slog.Logger
	Version   string
	Addrs     func() (plain, secure string) // the addresses of the listeners
	Home      func() string                 // the origin of HTTPS under a name that browsers trust, or empty
	Authority func() Authority              // the certificate authority of the box
	AddSample func(lang string)             // adds the sample quiz and deck to a box that was just claimed
}

// API holds the operations with which people sign in and out.
type API struct {
	Deps
	throttle throttle
}

// New makes the operations and registers nothing.
func New(deps Deps) *API { return &API{Deps: deps, throttle: newThrottle()} }

// Me is the caller in the form that the pages read.
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
	Secure    bool               `json:"secure" doc:"The page came over TLS: camera and microphone may work."`
	Ground    httpapi.Ground     `json:"ground" enum:"secure,local,allowed,open" doc:"Whether staff may work over this connection: HTTPS, the box's own machine, plain HTTP that a setting allows. Open: they may not."`
	Me        Me                 `json:"me"`
	Room      string             `json:"room,omitempty" doc:"A pupil's room."`
	Clock     httpapi.ClockState `json:"clock"`
	Addresses []string           `json:"addresses" doc:"Where the box answers over plain HTTP."`
	Home      string             `json:"home,omitempty" doc:"The origin of HTTPS under a name of the school's, which browsers trust."`
	HTTPS     []string           `json:"https" doc:"Where it answers over HTTPS."`
}

// Authority is the certificate authority of the box, for a person who compares it.
type Authority struct {
	Name   string `json:"name"`
	Words  string `json:"words" doc:"Four words of its key, which the display, CLAIM.txt and the label of the box have too."`
	SHA256 string `json:"sha256" doc:"Of the certificate, as browsers write it."`
}

// SignedIn is a response that hands a token to the browser.
type SignedIn struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      struct {
		Me
		Token string `json:"token" doc:"For clients without cookies."`
	}
}

// SignIn returns the response that signs the person in on the device of the request. A teacher
// also gets the cookie of a trusted device.
func (a *API) SignIn(ctx context.Context, p roster.Person, token string) *SignedIn {
	r := httpapi.RequestOf(ctx)
	if p.IsStaff() {
		a.Callers.MarkFresh(token) // the PIN has just been entered
	}
	out := &SignedIn{SetCookie: []string{httpapi.SessionCookie(r, token)}}
	if trust := a.newTrustCookie(r, roster.StaffName(p.Name)); trust != "" && p.IsStaff() {
		out.SetCookie = append(out.SetCookie, trust)
	}
	out.Body.Me, out.Body.Token = meOf(p), token
	return out
}

type claimIn struct {
	Code string `json:"code" doc:"As shown on the terminal or display."`
	Box  string `json:"box" doc:"The box's name."`
	Name string `json:"name" doc:"The teacher's name."`
	PIN  string `json:"pin"`
	Lang string `json:"lang,omitempty"`
	Zone string `json:"zone,omitempty" doc:"The time zone of the device."`
}

type loginIn struct {
	Name string `json:"name"`
	PIN  string `json:"pin"`
}

// Register adds the operations to ops.
func (a *API) Register(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, "/api/state", "state", "What the box is and who you are", httpapi.Anybody, a.getState)
	httpapi.Add(ops, http.MethodGet, "/api/authority", "authority", "The certificate authority of the box; all is empty where HTTPS is off", httpapi.Anybody,
		func(context.Context, *struct{}) (*httpapi.Body[Authority], error) {
			return &httpapi.Body[Authority]{Body: a.Authority()}, nil
		})
	httpapi.Add(ops, http.MethodPost, "/api/claim", "claim", "Make the box yours, once", httpapi.Anybody, a.claimBox, httpapi.WithTLS)
	httpapi.Add(ops, http.MethodPost, "/api/login", "login", "Sign in as a teacher", httpapi.Anybody, a.login, httpapi.WithTLS)
	httpapi.Add(ops, http.MethodPost, "/api/logout", "logout", "Sign out", httpapi.Anybody, a.logout)
	httpapi.Add(ops, http.MethodPost, "/api/pin", "changePIN", "Change your own PIN", httpapi.Staff, a.changePIN)
	httpapi.Add(ops, http.MethodPost, "/api/pin/confirm", "confirmPIN", "Enter your PIN again, for what is refused with the code pin_needed", httpapi.Staff, a.confirmPIN)
	httpapi.Add(ops, http.MethodGet, "/api/pin/confirm", "freshPIN", "Whether your PIN was entered in the last minutes: if not, 403 (pin_needed)", httpapi.Staff,
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, httpapi.WithFreshPIN)
}

func (a *API) getState(ctx context.Context, _ *struct{}) (*httpapi.Body[state], error) {
	b, err := a.Roster.Box()
	if err != nil {
		return nil, err
	}
	c := httpapi.CallerOf(ctx)
	var s state
	s.Box.Name, s.Box.Lang, s.Box.Claimed, s.Box.Version = b.Name, b.Lang, b.Claimed, a.Version
	r := httpapi.RequestOf(ctx)
	s.Secure, s.Ground, s.Me, s.Room, s.Clock = r.TLS != nil, a.Callers.GroundOf(r), meOf(c.Person), c.Room, a.currentClock()
	plain, secure := a.Addrs()
	s.Home = a.Home()
	s.Addresses, s.HTTPS = httpapi.ReachableURLs("http", plain), httpapi.ReachableURLs("https", secure)
	return &httpapi.Body[state]{Body: s}, nil
}

func (a *API) claimBox(ctx context.Context, in *httpapi.Body[claimIn]) (out *SignedIn, err error) {
	c := roster.Claimant{Code: in.Body.Code, Box: in.Body.Box, Name: in.Body.Name, PIN: in.Body.PIN, Lang: in.Body.Lang, Zone: in.Body.Zone}
	err = a.checkSecret(ctx, "claim", a.routes(ctx, "claim"), "wrong_code", func() error {
		p, token, err := a.Roster.Claim(ctx, c)
		if err == nil {
			out = a.SignIn(ctx, p, token)
			a.Log.Info("box claimed", "user", p.User)
			a.auditTry(ctx, audit.Entry{Action: "box.claimed", By: p.User, Name: p.Name}, nil)
			a.AddSample(in.Body.Lang)
		}
		return err
	})
	if err != nil {
		a.auditTry(ctx, audit.Entry{Action: "box.claimed"}, err)
	}
	return out, err
}

// login also counts wrong guesses by the name of the teacher, over all devices. A device on
// which this teacher signed in before has its own count, so pupils cannot lock a teacher out
// by guessing.
func (a *API) login(ctx context.Context, in *httpapi.Body[loginIn]) (out *SignedIn, err error) {
	r, name := httpapi.RequestOf(ctx), roster.StaffName(in.Body.Name)
	id, _ := a.DeviceID(r)
	routes := a.routes(ctx, "login", throttleKey{"login name " + name, TriesPerName, 24 * time.Hour})
	if a.isTrustedDevice(r, id, name) {
		routes = [][]throttleKey{{{"login name " + name + " device " + id, TriesPerDevice, 0}}}
	}
	err = a.checkSecret(ctx, "login", routes, "wrong_pin", func() error {
		p, token, err := a.Roster.SignIn(ctx, in.Body.Name, in.Body.PIN)
		if err == nil {
			out = a.SignIn(ctx, p, token)
		}
		return err
	})
	act := audit.Entry{Action: audit.SignedIn}
	if s, ok := a.findStaff(name); ok { // an unknown name may be a PIN in the wrong field
		act.By, act.Name = s.ID, s.Name
	}
	a.auditTry(ctx, act, err)
	return out, err
}

// findStaff finds the teacher whose roster.StaffName is name.
func (a *API) findStaff(name string) (roster.Staff, bool) {
	staff, err := a.Roster.Staff()
	i := slices.IndexFunc(staff, func(s roster.Staff) bool { return roster.StaffName(s.Name) == name })
	if err != nil || i < 0 {
		return roster.Staff{}, false
	}
	return staff[i], true
}

// auditTry records a try of a secret that succeeded, or that err refuses as wrong. A fault of the
// box, or of another field, is no try.
func (a *API) auditTry(ctx context.Context, act audit.Entry, err error) {
	if err != nil {
		code := errs.BodyOf(err).Code
		if code != "wrong_pin" && code != "wrong_code" && code != "too_many_tries" {
			return
		}
		if act.Refused = true; code == "too_many_tries" {
			act.Detail = code
		}
	}
	a.Audit.Record(httpapi.RequestOf(ctx), httpapi.CallerOf(ctx), act)
}

type signedOut struct {
	SetCookie string `header:"Set-Cookie"`
}

func (a *API) logout(ctx context.Context, _ *struct{}) (*signedOut, error) {
	c := httpapi.CallerOf(ctx)
	if c.Token != "" {
		if err := a.Roster.SignOut(c.Token); err != nil {
			return nil, err
		}
		if c.User != "" {
			a.Sessions.Kick(c.User, httpapi.DeviceOf(c.Token), "signed out")
		}
	}
	return &signedOut{httpapi.SessionCookie(httpapi.RequestOf(ctx), "")}, nil
}

type newPIN struct {
	Old string `json:"old" doc:"The present PIN."`
	New string `json:"new"`
}

// changePIN is under the limits on guessing. A person who finds the unlocked device of a
// teacher must not find the PIN with it.
func (a *API) changePIN(ctx context.Context, in *httpapi.Body[newPIN]) (*struct{}, error) {
	c := httpapi.CallerOf(ctx)
	err := a.checkOwnPIN(ctx, func() error {
		void, err := a.Roster.ChangePIN(ctx, c.User, in.Body.Old, in.Body.New, c.Token)
		a.KickDevices(c.User, void)
		return err
	})
	a.auditTry(ctx, audit.Entry{Action: "pin.changed"}, err)
	return nil, err
}

type presentPIN struct {
	PIN string `json:"pin" doc:"Your present PIN."`
}

// confirmPIN has the same limits as changePIN.
func (a *API) confirmPIN(ctx context.Context, in *httpapi.Body[presentPIN]) (*struct{}, error) {
	c := httpapi.CallerOf(ctx)
	err := a.checkOwnPIN(ctx, func() error { return a.Roster.CheckPIN(ctx, c.User, in.Body.PIN) })
	if err == nil {
		a.Callers.MarkFresh(c.Token)
	}
	a.auditTry(ctx, audit.Entry{Action: audit.PINGiven}, err)
	return nil, err
}

// checkOwnPIN runs the check of the caller's own PIN under the limits on guessing.
func (a *API) checkOwnPIN(ctx context.Context, check func() error) error {
	routes := a.routes(ctx, "pin", throttleKey{"pin user " + httpapi.CallerOf(ctx).User, TriesPerDevice, 0})
	return a.checkSecret(ctx, "pin", routes, "wrong_pin", check)
}

// KickDevices closes the sockets of devices whose tokens are void.
func (a *API) KickDevices(user string, void []string) {
	for _, hash := range void {
		a.Sessions.Kick(user, httpapi.DeviceOfHash(hash), "the PIN was changed")
	}
}

func (a *API) currentClock() httpapi.ClockState {
	s := a.Clock.Now()
	return httpapi.ClockState{Now: s.Wall, Trusted: s.Trusted}
}
