package staff

import (
	"context"
	"errors"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
)

func (a *boxAPI) registerBox(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/clock", "setClock", "Tell the box the time, if it does not know better", httpapi.Staff, a.setClock)
	httpapi.Add(ops, http.MethodGet, "/api/media", "capacity", "How many can watch pictures, and how many do", httpapi.Staff, a.mediaCapacity)
	httpapi.Add(ops, http.MethodGet, "/api/cloud", "inCloud", "Whether what is saved here is in the cloud too", httpapi.Staff, a.inCloud)
	httpapi.Add(ops, http.MethodGet, "/api/admin/health", "health", "How each part is doing", httpapi.Staff,
		func(context.Context, *struct{}) (*httpapi.Body[[]health.Check], error) {
			return &httpapi.Body[[]health.Check]{Body: a.health.List()}, nil
		})
}

type clockIn struct {
	Now int64 `json:"now" doc:"Milliseconds since 1970, by the caller's clock."`
}

func (a *boxAPI) setClock(ctx context.Context, in *httpapi.Body[clockIn]) (*httpapi.Body[httpapi.ClockState], error) {
	const op = "clock.set"
	before := a.clock.Now()
	err := a.clock.SetTime(in.Body.Now)
	switch {
	case errors.Is(err, event.ErrTrusted):
		return nil, errs.NewCode(op, errs.Stale, "clock_trusted", "%w", err)
	case errors.Is(err, event.ErrRange):
		return nil, errs.NewField(op, "now", "out_of_range", event.Latest, "%w", err)
	case err != nil:
		return nil, err
	}
	now := a.clock.Now()
	a.log.Info("clock set by a teacher", "user", httpapi.CallerOf(ctx).User, "by_ms", now.Wall-before.Wall)
	a.health.SetCheck("clock", health.OK, "", "")
	return &httpapi.Body[httpapi.ClockState]{Body: httpapi.ClockState{Now: now.Wall, Trusted: now.Trusted}}, nil
}

// mediaRoom is the state of the active media node, for a teacher before a lesson.
type mediaRoom struct {
	Ready    bool `json:"ready"`    // pictures and sound are carried
	Capacity int  `json:"capacity"` // watchers of one picture, by the measurement at its start
	Watchers int  `json:"watchers"`
}

func (a *boxAPI) mediaCapacity(context.Context, *struct{}) (*httpapi.Body[mediaRoom], error) {
	var m mediaRoom
	if a.media == nil {
		return &httpapi.Body[mediaRoom]{Body: m}, nil
	}
	for _, n := range a.media.States() {
		if n.Role == media.Active {
			m = mediaRoom{Ready: true, Capacity: n.Load.Capacity, Watchers: n.Load.Watchers}
		}
	}
	return &httpapi.Body[mediaRoom]{Body: m}, nil
}

// inCloud is the state of the cloud, for a teacher.
type inCloud struct {
	Linked  bool   `json:"linked"`
	Waiting uint64 `json:"waiting" doc:"Facts that are not in the cloud yet."`
}

func (a *boxAPI) inCloud(context.Context, *struct{}) (*httpapi.Body[inCloud], error) {
	var in inCloud
	if a.cloud != nil {
		in.Linked, in.Waiting = a.cloud.Waiting()
	}
	return &httpapi.Body[inCloud]{Body: in}, nil
}
