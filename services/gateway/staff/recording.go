package staff

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/playback"
	"github.com/livelearn/box/services/roster"
)

// Capsule builds the files that play a recorded lesson again and returns their folder. If the
// lesson was not recorded, the error is errs.Missing with the code no_recording.
type Capsule func(ctx context.Context, l roster.Lesson) (dir string, err error)

func (a *reviewAPI) registerRecording(ops httpapi.Operations) {
	const one = "/api/lessons/{id}/capsule"
	httpapi.Add(ops, http.MethodGet, one, "capsule", "What was recorded of a lesson; 404 (no_recording) when nothing was", httpapi.Staff, a.getRecording, httpapi.Audited("recording.opened", "id"))
	httpapi.Add(ops, http.MethodDelete, one, "dropCapsule", "Delete what was recorded of a lesson, for good", httpapi.Staff, a.deleteRecording, httpapi.Audited("recording.deleted", "id"))
}

func (a *reviewAPI) getRecording(ctx context.Context, in *httpapi.IDPath) (*httpapi.Body[playback.Capsule], error) {
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	dir, err := a.capsule(ctx, l)
	if err != nil {
		return nil, err
	}
	a.log.Info("recording read", "user", httpapi.CallerOf(ctx).User, "lesson", l.ID)
	c, err := playback.Read(dir)
	if err != nil {
		return nil, errs.New("gateway.capsule", errs.Down, err)
	}
	return &httpapi.Body[playback.Capsule]{Body: c}, nil
}

func (a *reviewAPI) deleteRecording(ctx context.Context, in *httpapi.IDPath) (*struct{}, error) {
	const op = "gateway.dropCapsule"
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	if l.Ended == 0 {
		return nil, errs.NewCode(op, errs.Busy, "running", "the lesson goes on; its recording can be deleted when it has ended")
	}
	root, err := os.OpenRoot(a.recordings)
	if err == nil {
		defer func() { _ = root.Close() }()
		err = root.RemoveAll(l.ID)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(op, errs.Down, err)
	}
	a.log.Info("recording deleted", "user", httpapi.CallerOf(ctx).User, "lesson", l.ID)
	return nil, nil
}

// serveRecording serves a file of a recording to staff, in ranges. It serves only files that
// the index names, so the files of an erased person are out of reach.
func (a *reviewAPI) serveRecording(w http.ResponseWriter, r *http.Request) {
	caller := a.callers.Identify(r)
	err := caller.CheckLevel(httpapi.Staff)
	if err == nil {
		err = a.roster.CheckTeachesLesson(caller.Person, r.PathValue("lesson"))
	}
	if err != nil && errs.KindOf(err) == errs.Denied {
		httpapi.WriteError(w, caller.StatusFor(err), err)
		return
	}
	f, name, err := a.openRecording(r.PathValue("lesson"), r.PathValue("file"))
	if err != nil {
		httpapi.WriteError(w, http.StatusNotFound, errs.NewCode("gateway.recording", errs.Missing, "no_recording", "no such file in a recording"))
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		httpapi.WriteError(w, http.StatusServiceUnavailable, errs.New("gateway.recording", errs.Down, err))
		return
	}
	w.Header().Set("Cache-Control", "private, no-store")
	if name != "" {
		a.audit.Record(r, caller, audit.Entry{Action: "recording.opened", Target: r.PathValue("lesson"), Detail: "film"})
		a.log.Info("recording downloaded", "user", caller.User, "lesson", r.PathValue("lesson"))
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size())) // a download resumes only in the same film
	}
	http.ServeContent(w, r, r.PathValue("file"), info.ModTime(), f)
}

// openRecording opens a file that the index of the recording names, or its film. A film is a
// download and has the name of its lesson.
func (a *reviewAPI) openRecording(lesson, file string) (opened *os.File, download string, err error) {
	l, err := a.roster.Lesson(lesson) // a known lesson makes the path safe
	if err != nil {
		return nil, "", err
	}
	root, err := os.OpenRoot(a.recordings)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = root.Close() }()
	folder, err := root.OpenRoot(l.ID)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = folder.Close() }()
	c, err := playback.Read(folder.Name())
	if err != nil {
		return nil, "", err
	}
	if film, err := playback.ReadFilm(folder.Name(), c); err == nil && film.File == file {
		f, err := folder.Open(file)
		return f, lessonFileName(l, a.roster.Zone()) + filepath.Ext(file), err
	}
	named := file == c.Events || slices.ContainsFunc(c.Parts, func(p playback.Part) bool { return p.File == file })
	if !named {
		return nil, "", fs.ErrNotExist
	}
	f, err := folder.Open(file)
	return f, "", err
}
