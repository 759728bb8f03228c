package staff

import (
	"context"
	"net/http"
	"path/filepath"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/playback"
)

func (a *reviewAPI) registerFilm(ops httpapi.Operations) {
	const one = "/api/lessons/{id}/film"
	httpapi.Add(ops, http.MethodPost, one, "makeFilm", "Join the recording of a lesson into one file, by a job", httpapi.Staff, a.makeFilm)
	httpapi.Add(ops, http.MethodGet, one, "film", "The one file of a recording, at /recordings/{lesson}/{file}; 404 (not_ready) before the job", httpapi.Staff, a.getFilm)
}

// filmChoice is the body of makeFilm.
type filmChoice struct {
	Source string `json:"source,omitempty" enum:"camera,screen" doc:"Whose picture it shows; empty: the camera's, or the screen's if there is no other"`
}

func (a *reviewAPI) makeFilm(ctx context.Context, in *httpapi.WithID[filmChoice]) (*httpapi.Body[jobs.Job], error) {
	const op = "gateway.makeFilm"
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	if l.Ended == 0 {
		return nil, errs.NewCode(op, errs.Busy, "running", "the lesson goes on; its film can be made when it has ended")
	}
	dir, err := a.capsule(ctx, l)
	if err != nil {
		return nil, err
	}
	c, err := playback.Read(dir)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	if picture, sound := playback.ChooseFilm(c, in.Body.Source); len(picture)+len(sound) == 0 {
		return nil, errs.NewCode(op, errs.Missing, "nothing_recorded", "nothing was recorded of the teacher")
	}
	return httpapi.ToResponse(a.jobs.Enqueue(ctx, playback.NewFilmJob(l, in.Body.Source, httpapi.CallerOf(ctx).User)))
}

func (a *reviewAPI) getFilm(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[playback.Film], error) {
	l, err := a.roster.Lesson(in.ID) // a known lesson makes the path below safe
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(a.recordings, l.ID)
	c, err := playback.Read(dir)
	if err == nil {
		var f playback.Film
		if f, err = playback.ReadFilm(dir, c); err == nil {
			return &httpapi.Body[playback.Film]{Body: f}, nil
		}
	}
	return nil, errs.NewCode("gateway.film", errs.Missing, "not_ready", "no film of this lesson has been made yet")
}
