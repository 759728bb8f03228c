package gateway

import (
	"bufio"
	"context"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
)

// EraseKind is the kind of job that erases a pupil.
const EraseKind = "erase"

// EraseInput is what such a job is given.
type EraseInput struct {
	Pupil string `json:"pupil"`
}

func (g *Gateway) privacyAPI(api huma.API) {
	const one = "/api/pupils/{id}"
	add(g, api, http.MethodGet, one+"/export", "exportPupil", "All that the box knows by or about a pupil", admin, g.exportPupil)
	add(g, api, http.MethodPost, one+"/erase", "erasePupil", "Erase a pupil for good, by a job; the name must be typed", admin, g.erasePupil)
}

// exportPupil streams: it reads every fact of the box.
func (g *Gateway) exportPupil(ctx context.Context, in *idPath) (*huma.StreamResponse, error) {
	k, err := g.Roster.Pupil(in.ID)
	if err != nil {
		return nil, err
	}
	g.Log.Info("export of a pupil", "user", callerOf(ctx).User, "pupil", k.ID)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, out := humago.Unwrap(hc)
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(10 * time.Minute)) // a recorder of a test has none
		hc.SetHeader("Content-Type", "application/json")
		hc.SetHeader("Cache-Control", "no-store")
		hc.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(k.Name) + ".json"}))
		w := bufio.NewWriterSize(hc.BodyWriter(), 64<<10)
		err := g.Export(r.Context(), k.ID, w)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			g.Log.Warn("export broken off", "err", err)
			panic(http.ErrAbortHandler) // the client must not take half of it for all
		}
	}}, nil
}

// erasePupil checks all that can be refused before the job begins.
func (g *Gateway) erasePupil(ctx context.Context, in *classIn[named]) (*body[jobs.Job], error) {
	const op = "gateway.erasePupil"
	k, err := g.Roster.Pupil(in.ID)
	if err != nil {
		return nil, err
	}
	if strings.Join(strings.Fields(in.Body.Name), " ") != k.Name {
		return nil, errs.Field(op, "name", "other_name", 0, "type the pupil's name as it is on the list")
	}
	for _, c := range k.Classes {
		if _, err := g.Roster.LessonIn(c.ID); err == nil {
			return nil, errs.Code(op, errs.Stale, "lesson_open", "a lesson of this class is open: end it first")
		}
	}
	g.Log.Info("erasure of a pupil", "user", callerOf(ctx).User, "pupil", k.ID)
	return answer(g.Jobs.Add(ctx, jobs.NewJob{
		Kind: EraseKind, By: callerOf(ctx).User, Input: EraseInput{k.ID}, Key: EraseKind + " " + k.ID,
	}))
}
