package adminapi

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
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/jobs"
)

func (a *privacyAPI) registerPrivacy(ops httpapi.Operations) {
	const one = "/api/pupils/{id}"
	httpapi.Add(ops, http.MethodGet, one+"/export", "exportPupil", "All that the box knows by or about a pupil", httpapi.Admin, a.exportPupil, httpapi.WithFile("application/json"),
		httpapi.Audited("pupil.exported", "id"), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, one+"/erase", "erasePupil", "Erase a pupil for good, by a job; the name must be typed", httpapi.Admin, a.erasePupil,
		httpapi.Audited("pupil.erased", "id"), httpapi.WithFreshPIN)
}

// exportPupil streams, because it reads every fact of the box.
func (a *privacyAPI) exportPupil(ctx context.Context, in *httpapi.IDPath) (*huma.StreamResponse, error) {
	p, err := a.roster.Pupil(in.ID)
	if err != nil {
		return nil, err
	}
	a.log.Info("export of a pupil", "user", httpapi.CallerOf(ctx).User, "pupil", p.ID)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, out := humago.Unwrap(hc)
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(10 * time.Minute)) // fails only with the recorder of a test
		hc.SetHeader("Content-Type", "application/json")
		hc.SetHeader("Cache-Control", "no-store")
		hc.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": httpapi.FileName(p.Name) + ".json"}))
		w := bufio.NewWriterSize(hc.BodyWriter(), 64<<10)
		err := a.export(r.Context(), p.ID, w)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			a.log.Warn("export failed", "err", err)
			panic(http.ErrAbortHandler) // a client must not take half an export for a whole one
		}
	}}, nil
}

// erasePupil checks everything that can be refused before the job starts.
func (a *privacyAPI) erasePupil(ctx context.Context, in *httpapi.WithID[httpapi.Named]) (*httpapi.Body[jobs.Job], error) {
	const op = "gateway.erasePupil"
	p, err := a.roster.Pupil(in.ID)
	if err != nil {
		return nil, err
	}
	if strings.Join(strings.Fields(in.Body.Name), " ") != p.Name {
		return nil, errs.NewField(op, "name", "other_name", 0, "type the pupil's name as it is on the list")
	}
	for _, c := range p.Classes {
		if _, err := a.roster.LessonIn(c.ID); err == nil {
			return nil, errs.NewCode(op, errs.Stale, "lesson_open", "a lesson of this class is open: end it first")
		}
	}
	a.log.Info("erasure of a pupil", "user", httpapi.CallerOf(ctx).User, "pupil", p.ID)
	return httpapi.ToResponse(a.erase(ctx, p.ID, httpapi.CallerOf(ctx).User))
}
