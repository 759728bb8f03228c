// Package pupil holds the operations of pupils: they find a lesson, join it, and open its
// socket and its slides.
package pupil

import (
	"context"
	"net/http"
	"os"

	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
)

// Deps holds what the operations of pupils need.
type Deps struct {
	Roster   *roster.Roster
	Rooms    *room.Rooms
	Sessions *session.Hub
	Decks    *deck.Store
	// OpenPicture opens a picture of a question by its id.
	OpenPicture func(id string) (*os.File, error)
	Callers     *httpapi.Callers
	SignIn      *signin.API
	Directory   Directory    // nil: this box connects to no other
	Relay       *relay.Relay // the same
}

// Directory finds lessons of other boxes: *directory.Directory.
type Directory interface {
	Find(ctx context.Context, q directory.Question) (directory.Place, bool)
}

// API holds the operations of pupils.
type API struct{ Deps }

// New makes the operations and registers nothing.
func New(deps Deps) *API { return &API{deps} }

// Register adds the operations to ops, and the lesson socket and the slides to mux.
func (a *API) Register(mux *http.ServeMux, ops httpapi.Operations) {
	a.registerJoin(ops)
	a.registerLobby(ops)
	a.registerDoor(ops)
	httpapi.Add(ops, http.MethodGet, "/api/lesson", "lesson", "The lesson in a room and its people", httpapi.Member, a.getLesson)
	mux.HandleFunc("GET /socket/websocket", a.serveSocket)
	mux.HandleFunc("GET "+relay.CallerPath, a.serveCaller)
	mux.HandleFunc("GET /slides/{deck}/{file}", a.serveSlide)
	mux.HandleFunc("GET /images/{id}", a.servePicture)
}
