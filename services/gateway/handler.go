package gateway

import (
	"net/http"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/peers"
	"github.com/livelearn/box/services/gateway/pupil"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/gateway/staff"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

// buildHandler registers all routes and puts the guards in front of them.
func (g *Gateway) buildHandler() http.Handler {
	mux := http.NewServeMux()
	p := newPages(g.Pages)
	paths := []string{"/{$}", "/j/{key}", "/c/{token}", "/lesson", "/certificate"}
	if g.Simulated {
		paths = append(paths, "/design")
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		g.signIn.SetDeviceCookie(w, r)
		g.relay.ForgetAway(w, r)
		p.serveIndex(w, r, http.StatusOK)
	}
	for _, path := range paths {
		mux.HandleFunc("GET "+path, page)
	}
	for _, path := range []string{
		"/claim", "/login", "/teach", "/teach/{room}", "/screen/{room}", "/remote/{room}", "/quiz/{id}", "/cards/{class}", "/results/{lesson}", "/capsule/{lesson}", "/admin", "/admin/{part}", "/label",
	} {
		mux.HandleFunc("GET "+path, g.leadToHTTPS(page))
	}
	if err := p.register(mux); err != nil {
		g.Log.Error("the pages cannot be read", "err", err)
	}
	mux.HandleFunc("GET /guide", p.serveGuide)
	mux.HandleFunc("GET /ca.crt", g.caFile)
	g.registerMonitoring(mux)
	g.api = httpapi.New(mux, g.Version)
	ops := httpapi.Operations{API: g.api, Callers: g.callers, Audit: g.audit(), Log: g.Log}
	g.signIn.Register(ops)
	g.pupils.Register(mux, ops)
	staff.Register(mux, ops, g.staffDeps())
	adminapi.Register(mux, ops, g.adminDeps())
	g.peers.Register(mux)
	return g.withGuards(g.relay.Handler(g.withUploadDeadlines(p.withUnknown(mux))))
}

// buildAudiences builds sign-in and the audiences that keep state.
func (g *Gateway) buildAudiences() {
	g.callers = &httpapi.Callers{Roster: g.Roster, PlainStaff: g.cfg.PlainStaff}
	g.signIn = signin.New(signin.Deps{
		Roster: g.Roster, Sessions: g.Sessions, Clock: g.Clock, Callers: g.callers, Audit: g.audit(), Log: g.Log, Version: g.Version, Addrs: g.Addrs, Home: g.schoolOrigin, Authority: g.Authority, AddSample: g.addSample,
	})
	if g.Boxes != nil {
		g.relay = relay.New(relay.Deps{Boxes: g.Boxes, Doors: g.Directory.Doors, Log: g.Log})
	}
	g.pupils = pupil.New(pupil.Deps{Roster: g.Roster, Rooms: g.Rooms, Sessions: g.Sessions, Decks: g.Library.Decks, OpenPicture: g.Library.OpenPicture, Callers: g.callers, SignIn: g.signIn, Directory: g.Directory, Relay: g.relay})
	g.peers = peers.New(peers.Deps{Roster: g.Roster, Node: g.WHIP, Update: g.Update, Boxes: g.Boxes, Audit: g.audit(), Log: g.Log})
}

// FindForOtherBox finds an open lesson by a code that a person with the address from typed at another box, or
// by the key of a link. The key needs no limit on guessing.
func (g *Gateway) FindForOtherBox(ref roster.Ref, from string) (l roster.Lesson, err error) {
	find := func() (err error) {
		l, _, err = g.Roster.FindLesson(ref, "")
		return err
	}
	if ref.Code == "" {
		err = find()
		return l, err
	}
	err = g.signIn.CheckForOtherBox(from, find)
	return l, err
}

// AdmitGuest returns who a guest is that another box brings to a room of this one.
func (g *Gateway) AdmitGuest(box string, s *room.Seat) (cluster.Admission, error) {
	return g.pupils.AdmitGuest(box, s)
}

// audit returns the way to record what callers do.
func (g *Gateway) audit() httpapi.Audit { return httpapi.Audit{Log: g.Audit, Errors: g.Log} }

// staffDeps returns the dependencies of the operations of teachers.
func (g *Gateway) staffDeps() staff.Deps {
	return staff.Deps{
		Roster: g.Roster, Rooms: g.Rooms, Sessions: g.Sessions, Library: g.Library, Jobs: g.Jobs, Health: g.Health, Clock: g.Clock,
		Callers: g.callers, Audit: g.audit(), Peers: g.peers, Log: g.Log, Addrs: g.Addrs, Guessing: g.signIn.SomebodyGuesses, ReadClassList: g.ReadClassList, MakePicture: g.MakePicture, ReadQuiz: g.ReadQuiz, Capsule: g.Capsule, Recordings: g.Recordings,
		Results: g.Results, HasMedia: g.WHIP != nil, Media: g.Media, Cloud: g.Cloud,
	}
}

// adminDeps returns the dependencies of the operations of admins.
func (g *Gateway) adminDeps() adminapi.Deps {
	return adminapi.Deps{
		Roster: g.Roster, Rooms: g.Rooms, Sessions: g.Sessions, History: g.History, Jobs: g.Jobs, Reports: g.Reports,
		Callers: g.callers, Audit: g.audit(), Log: g.Log, Version: g.Version, Tree: g.Tree, LogTail: g.LogTail, Backup: g.Backup, Restore: g.Restore, Acknowledge: g.Acknowledge,
		KickDevices: g.signIn.KickDevices, Export: g.Export, Erase: g.Erase, Media: g.Media, Update: g.Update, Machine: g.Machine, Network: g.Network, Cloud: g.Cloud, Boxes: g.Boxes,
		Addrs: g.Addrs, LocalNames: g.localNames, Words: func() string { return g.Authority().Words }, Wifi: g.Wifi,
	}
}

// addSample adds the sample quiz and deck to a new box. A failure is only logged, because the
// box works without them.
func (g *Gateway) addSample(lang string) {
	if _, _, err := g.Library.AddSample(lang); err != nil {
		g.Log.Warn("could not store the sample", "err", err)
	}
}
