package gateway

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update"
)

// Update brings the box to a newer version: *update.Updater.
type Update interface {
	Status(context.Context) update.Status
	Receive(ctx context.Context, r io.Reader, offset int64, source string) error
	Fetch(ctx context.Context, url string) error
	Stick(ctx context.Context, path string) error
	Install(ctx context.Context, when string) error
	Rollback(context.Context) error
	Forget(context.Context) error
	Head() ([]byte, error)
	Part(name string) (io.ReadSeekCloser, error)
}

const (
	bundlePath  = "/api/admin/update/bundle"
	bundleTime  = 30 * time.Minute // to send a bundle over a dying access point
	serveTime   = time.Minute      // for a run of chunks to a neighbour
	servedAtOne = 2                // neighbours served at once
)

// updateStatus is what the page shows.
type updateStatus struct {
	update.Status
}

func (g *Gateway) updateAPI(mux *http.ServeMux, api huma.API) {
	const one = "/api/admin/update"
	add(g, api, http.MethodGet, one, "update", "The version that runs, the one that comes, and how the last update went", admin,
		func(ctx context.Context, _ *struct{}) (*body[updateStatus], error) {
			if g.Update == nil {
				return &body[updateStatus]{updateStatus{update.Status{
					Why: "no_slots", Version: g.Version, State: update.Idle, Neighbours: []update.Neighbour{}, Sticks: []update.Stick{},
				}}}, nil
			}
			return &body[updateStatus]{updateStatus{g.Update.Status(ctx)}}, nil
		})
	add(g, api, http.MethodPost, one+"/fetch", "fetchUpdate", "Fetch an update from an address, a neighbour box or a USB stick", admin, g.fetchUpdate)
	add(g, api, http.MethodPost, one+"/install", "installUpdate", "Install what was received: now, when no lesson is open, or at night", admin, g.installUpdate)
	add(g, api, http.MethodPost, one+"/rollback", "rollBack", "Go back to the version in the other slot", admin, g.withUpdate(Update.Rollback))
	add(g, api, http.MethodDelete, one, "forgetUpdate", "Forget what was received", admin, g.withUpdate(Update.Forget))
	mux.HandleFunc("PUT "+bundlePath, g.putBundle)
	g.serving = make(chan struct{}, servedAtOne)
	mux.HandleFunc("GET /api/update/head", g.serveHead)
	mux.HandleFunc("GET /api/update/part/{part}", g.servePart)
}

func noUpdates() error {
	return errs.Code("gateway.update", errs.Missing, "no_slots", "this box runs as a program on a machine of yours: update it there")
}

// withUpdate is an operation without input.
func (g *Gateway) withUpdate(do func(Update, context.Context) error) func(context.Context, *struct{}) (*struct{}, error) {
	return func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if g.Update == nil {
			return nil, noUpdates()
		}
		return nil, do(g.Update, context.WithoutCancel(ctx))
	}
}

// fetchBody names one source.
type fetchBody struct {
	Body struct {
		URL   string `json:"url,omitempty" maxLength:"2000" doc:"An http or https address, or a neighbour's."`
		Stick string `json:"stick,omitempty" maxLength:"500" doc:"The path of a bundle, as the list of sticks has it."`
	}
}

// fetchUpdate goes on when the admin's page is closed, as long as the box runs.
func (g *Gateway) fetchUpdate(ctx context.Context, in *fetchBody) (*struct{}, error) {
	if g.Update == nil {
		return nil, noUpdates()
	}
	ctx = context.WithoutCancel(ctx)
	if in.Body.Stick != "" {
		return nil, g.Update.Stick(ctx, in.Body.Stick)
	}
	return nil, g.Update.Fetch(ctx, in.Body.URL)
}

type installBody struct {
	Body struct {
		When string `json:"when" enum:"now,idle,night"`
	}
}

func (g *Gateway) installUpdate(ctx context.Context, in *installBody) (*struct{}, error) {
	if g.Update == nil {
		return nil, noUpdates()
	}
	g.Log.Info("an update is to be installed", "user", callerOf(ctx).User, "when", in.Body.When)
	return nil, g.Update.Install(context.WithoutCancel(ctx), in.Body.When)
}

// putBundle takes a bundle as it comes and never holds it: a box has less memory than that.
func (g *Gateway) putBundle(w http.ResponseWriter, r *http.Request) {
	who := g.who(r)
	if err := who.may(admin); err != nil {
		deny(w, who.status(err), err)
		return
	}
	c, end := http.NewResponseController(w), time.Now().Add(bundleTime)
	_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end) // a recorder of a test has none
	if g.Update == nil {
		err := noUpdates()
		deny(w, errs.KindOf(err).Status(), err)
		return
	}
	offset, err := int64(0), error(nil)
	if text := r.Header.Get("Upload-Offset"); text != "" {
		if offset, err = strconv.ParseInt(text, 10, 64); err != nil || offset < 0 {
			deny(w, http.StatusBadRequest, errs.Field("gateway.update", "Upload-Offset", "bad_number", 0, "must be a number of bytes"))
			return
		}
	}
	if err := g.Update.Receive(r.Context(), r.Body, offset, "upload"); err != nil {
		g.Log.Warn("an update was not received", "user", who.User, "kind", errs.KindOf(err).String(), "err", err)
		deny(w, errs.KindOf(err).Status(), err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// neighbour bounds how many boxes are served at once: the class comes first.
func (g *Gateway) neighbour(w http.ResponseWriter, serve func() error) {
	select {
	case g.serving <- struct{}{}:
		defer func() { <-g.serving }()
	default:
		w.Header().Set("Retry-After", "5")
		deny(w, http.StatusServiceUnavailable, errs.Code("gateway.update", errs.Down, "busy", "others are being served"))
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(serveTime)) // a recorder of a test has none
	err := noUpdates()
	if g.Update != nil {
		err = serve()
	}
	if err != nil {
		deny(w, errs.KindOf(err).Status(), err)
	}
}

// serveHead gives neighbours the signed head of what runs here. It is no secret.
func (g *Gateway) serveHead(w http.ResponseWriter, _ *http.Request) {
	g.neighbour(w, func() error {
		head, err := g.Update.Head()
		if err == nil {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(head) // the neighbour is gone: nobody to tell
		}
		return err
	})
}

// servePart gives neighbours pieces of a part of the running slot.
func (g *Gateway) servePart(w http.ResponseWriter, r *http.Request) {
	g.neighbour(w, func() error {
		if _, err := g.Update.Head(); err != nil {
			return err
		}
		p, err := g.Update.Part(r.PathValue("part"))
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }()
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, p)
		return nil
	})
}
