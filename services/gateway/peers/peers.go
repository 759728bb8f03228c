// Package peers serves programs: encoders and players (WHIP, RFC 9725, and WHEP) with a pass
// of a teacher, neighbour boxes that fetch an update, and boxes that join the school.
package peers

import (
	"io"
	"log/slog"
	"net/http"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/roster"
)

// Update reads the version that runs here: *update.Updater.
type Update interface {
	InstalledHead() ([]byte, error)
	OpenPart(name string) (io.ReadSeekCloser, error)
}

// Deps holds what the handlers of peers need.
type Deps struct {
	Roster *roster.Roster
	Node   whip.Node // the media node for encoders and players, nil: 503 no_media
	Update Update    // nil: this machine has one system only
	Boxes  Boxes     // nil: this box connects to no other
	Audit  httpapi.Audit
	Log    *slog.Logger
}

// API holds the handlers of peers.
type API struct {
	Deps
	encoders       *whip.Handler // for encoders and players
	neighbourSlots chan struct{} // holds one value for each neighbour that is served
}

// New makes the handlers and registers nothing.
func New(deps Deps) *API {
	a := &API{Deps: deps, neighbourSlots: make(chan struct{}, maxNeighbours)}
	a.encoders = whip.New(a.Node, a.passGrant, a.Log)
	return a
}

// Register adds the handlers to mux.
func (a *API) Register(mux *http.ServeMux) {
	mux.Handle("/whip/", a.encoders)
	mux.Handle("/whep/", a.encoders)
	mux.HandleFunc("POST "+members.JoinPath, a.serveJoin)
	mux.HandleFunc("GET /api/update/head", a.serveHead)
	mux.HandleFunc("GET /api/update/part/{part}", a.servePart)
}
