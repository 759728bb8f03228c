package gateway

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/capsule"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

// Capsule makes the capsule of a lesson, anew, and gives its folder. errs.Missing, code
// no_recording: the lesson was not recorded.
type Capsule func(ctx context.Context, l roster.Lesson) (dir string, err error)

func (g *Gateway) capsuleAPI(api huma.API) {
	const one = "/api/lessons/{id}/capsule"
	add(g, api, http.MethodGet, one, "capsule", "What was recorded of a lesson; 404 (no_recording) when nothing was", staff, g.capsuleIndex)
	add(g, api, http.MethodDelete, one, "dropCapsule", "Delete what was recorded of a lesson, for good", staff, g.dropCapsule)
}

func (g *Gateway) capsuleIndex(ctx context.Context, in *idPath) (*body[capsule.Capsule], error) {
	l, err := g.Roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	dir, err := g.Capsule(ctx, l)
	if err != nil {
		return nil, err
	}
	g.Log.Info("recording read", "user", callerOf(ctx).User, "lesson", l.ID)
	c, err := capsule.Read(dir)
	if err != nil {
		return nil, errs.New("gateway.capsule", errs.Down, err)
	}
	return &body[capsule.Capsule]{c}, nil
}

func (g *Gateway) dropCapsule(ctx context.Context, in *idPath) (*struct{}, error) {
	const op = "gateway.dropCapsule"
	l, err := g.Roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	if l.Ended == 0 {
		return nil, errs.Code(op, errs.Busy, "running", "the lesson goes on; its recording can be deleted when it has ended")
	}
	root, err := os.OpenRoot(g.Recordings)
	if err == nil {
		defer func() { _ = root.Close() }()
		err = root.RemoveAll(l.ID)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(op, errs.Down, err)
	}
	g.Log.Info("recording deleted", "user", callerOf(ctx).User, "lesson", l.ID)
	return nil, nil
}

// recording serves a file of a capsule, in ranges, to staff. Only what the index names is
// there for anybody: files of who was erased are not.
func (g *Gateway) recording(w http.ResponseWriter, r *http.Request) {
	who := g.who(r)
	if err := who.may(staff); err != nil {
		deny(w, who.status(err), err)
		return
	}
	f, err := g.recorded(r.PathValue("lesson"), r.PathValue("file"))
	if err != nil {
		deny(w, http.StatusNotFound, errs.Code("gateway.recording", errs.Missing, "no_recording", "no such file in a recording"))
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		deny(w, http.StatusServiceUnavailable, errs.New("gateway.recording", errs.Down, err))
		return
	}
	w.Header().Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, r.PathValue("file"), info.ModTime(), f)
}

func (g *Gateway) recorded(lesson, file string) (*os.File, error) {
	l, err := g.Roster.Lesson(lesson) // so that the folder is ours
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(g.Recordings)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	folder, err := root.OpenRoot(l.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	c, err := capsule.Read(folder.Name())
	if err != nil {
		return nil, err
	}
	named := file == c.Events || slices.ContainsFunc(c.Parts, func(p capsule.Part) bool { return p.File == file })
	if !named {
		return nil, fs.ErrNotExist
	}
	return folder.Open(file)
}
