package adminapi

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/update"
)

// Update brings the box to a newer version: *update.Updater.
type Update interface {
	Status(context.Context) update.Status
	Receive(ctx context.Context, r io.Reader, offset int64, source string) error
	Fetch(ctx context.Context, url string) error
	FetchStick(ctx context.Context, path string) error
	Install(ctx context.Context, when string) error
	Rollback(context.Context) error
	DiscardReceived(context.Context) error
}

const (
	bundlePath    = "/api/admin/update/bundle"
	bundleTimeout = 30 * time.Minute // to send a bundle over a bad access point
)

// updateStatus is the state of the update on the page of the admin.
type updateStatus struct {
	update.Status
}

func (a *updateAPI) registerUpdate(mux *http.ServeMux, ops httpapi.Operations) {
	const one = "/api/admin/update"
	httpapi.Add(ops, http.MethodGet, one, "update", "The version that runs, the one that comes, and how the last update went", httpapi.Admin,
		func(ctx context.Context, _ *struct{}) (*httpapi.Body[updateStatus], error) {
			if a.update == nil {
				return &httpapi.Body[updateStatus]{Body: updateStatus{update.Status{
					Why: "no_slots", Version: a.version, State: update.StateIdle, Neighbours: []update.Neighbour{}, Sticks: []update.Stick{},
				}}}, nil
			}
			return &httpapi.Body[updateStatus]{Body: updateStatus{a.update.Status(ctx)}}, nil
		})
	httpapi.Add(ops, http.MethodPost, one+"/fetch", "fetchUpdate", "Fetch an update from an address, a neighbour box or a USB stick", httpapi.Admin, a.fetchUpdate,
		httpapi.Audited("update.received", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, one+"/install", "installUpdate", "Install what was received: now, when no lesson is open, or at night", httpapi.Admin, a.installUpdate,
		httpapi.Audited("update.installed", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, one+"/rollback", "rollBack", "Go back to the version in the other slot", httpapi.Admin, a.withUpdate(Update.Rollback),
		httpapi.Audited("update.rolled_back", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodDelete, one, "forgetUpdate", "Forget what was received", httpapi.Admin, a.withUpdate(Update.DiscardReceived))
	mux.HandleFunc("PUT "+bundlePath, a.putBundle)
}

func noUpdates() error {
	return errs.NewCode("gateway.update", errs.Missing, "no_slots", "this box runs as a program on a machine of yours: update it there")
}

// withUpdate makes an operation without input out of do.
func (a *updateAPI) withUpdate(do func(Update, context.Context) error) func(context.Context, *struct{}) (*struct{}, error) {
	return func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if a.update == nil {
			return nil, noUpdates()
		}
		return nil, do(a.update, context.WithoutCancel(ctx))
	}
}

// fetchBody names one source.
type fetchBody struct {
	Body struct {
		URL   string `json:"url,omitempty" maxLength:"2000" doc:"An http or https address, or a neighbour's."`
		Stick string `json:"stick,omitempty" maxLength:"500" doc:"The path of a bundle, as the list of sticks has it."`
	}
}

// fetchUpdate continues when the page of the admin is closed, as long as the box runs.
func (a *updateAPI) fetchUpdate(ctx context.Context, in *fetchBody) (*struct{}, error) {
	if a.update == nil {
		return nil, noUpdates()
	}
	httpapi.Describe(ctx, "", cmp.Or(in.Body.Stick, withoutSecrets(in.Body.URL)))
	ctx = context.WithoutCancel(ctx)
	if in.Body.Stick != "" {
		return nil, a.update.FetchStick(ctx, in.Body.Stick)
	}
	return nil, a.update.Fetch(ctx, in.Body.URL)
}

// withoutSecrets returns the scheme, host and path of an address.
func withoutSecrets(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

type installBody struct {
	Body struct {
		When string `json:"when" enum:"now,idle,night"`
	}
}

func (a *updateAPI) installUpdate(ctx context.Context, in *installBody) (*struct{}, error) {
	if a.update == nil {
		return nil, noUpdates()
	}
	httpapi.Describe(ctx, "", in.Body.When)
	a.log.Info("installation of an update requested", "user", httpapi.CallerOf(ctx).User, "when", in.Body.When)
	return nil, a.update.Install(context.WithoutCancel(ctx), in.Body.When)
}

// putBundle streams a bundle, because a bundle is larger than the memory of a box.
func (a *updateAPI) putBundle(w http.ResponseWriter, r *http.Request) {
	caller := a.callers.Identify(r)
	err := caller.CheckLevel(httpapi.Admin)
	if err == nil {
		err = a.callers.CheckFresh(caller)
	}
	if err != nil {
		httpapi.WriteError(w, caller.StatusFor(err), err)
		return
	}
	c, end := http.NewResponseController(w), time.Now().Add(bundleTimeout)
	_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end) // fails only with the recorder of a test
	if a.update == nil {
		err := noUpdates()
		httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
		return
	}
	offset := int64(0)
	if text := r.Header.Get("Upload-Offset"); text != "" {
		if offset, err = strconv.ParseInt(text, 10, 64); err != nil || offset < 0 {
			httpapi.WriteError(w, http.StatusBadRequest, errs.NewField("gateway.update", "Upload-Offset", "bad_number", 0, "must be a number of bytes"))
			return
		}
	}
	if err := a.update.Receive(r.Context(), r.Body, offset, "upload"); err != nil {
		a.log.Warn("receiving an update failed", "user", caller.User, "kind", errs.KindOf(err).String(), "err", err)
		httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
		return
	}
	a.audit.Record(r, caller, audit.Entry{Action: "update.received", Detail: "upload"})
	w.WriteHeader(http.StatusNoContent)
}
