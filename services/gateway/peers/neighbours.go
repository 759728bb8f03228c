package peers

import (
	"net/http"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

const (
	serveTimeout  = time.Minute // for a run of chunks to a neighbour
	maxNeighbours = 2           // neighbours served at once
)

// serveNeighbour limits the neighbours that are served at once, because the class comes first.
func (a *API) serveNeighbour(w http.ResponseWriter, serve func() error) {
	select {
	case a.neighbourSlots <- struct{}{}:
		defer func() { <-a.neighbourSlots }()
	default:
		w.Header().Set("Retry-After", "5")
		httpapi.WriteError(w, http.StatusServiceUnavailable, errs.NewCode("gateway.update", errs.Down, "busy", "others are being served"))
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(serveTimeout)) // fails only with the recorder of a test
	err := error(errs.NewCode("gateway.update", errs.Missing, "no_slots", "this box runs as a program on a machine of yours: update it there"))
	if a.Update != nil {
		err = serve()
	}
	if err != nil {
		httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
	}
}

// serveHead sends the signed head of the running version to a neighbour. The head is public.
func (a *API) serveHead(w http.ResponseWriter, _ *http.Request) {
	a.serveNeighbour(w, func() error {
		head, err := a.Update.InstalledHead()
		if err == nil {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(head) // fails only when the neighbour is gone
		}
		return err
	})
}

// servePart sends ranges of a part of the running slot to a neighbour.
func (a *API) servePart(w http.ResponseWriter, r *http.Request) {
	a.serveNeighbour(w, func() error {
		if _, err := a.Update.InstalledHead(); err != nil {
			return err
		}
		p, err := a.Update.OpenPart(r.PathValue("part"))
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }()
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, p)
		return nil
	})
}
