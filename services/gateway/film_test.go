package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/services/playback"
	"github.com/livelearn/box/services/roster"
)

func TestAFilmIsMadeByAJobAndDownloadsInParts(t *testing.T) {
	dir := ""
	r := newRig(t, func(_ *Config, d *Deps) {
		d.Capsule = func(_ context.Context, l roster.Lesson) (string, error) {
			return filepath.Join(d.Recordings, l.ID), nil
		}
		dir = d.Recordings
	}).school()
	dir = filepath.Join(dir, r.lesson.ID)
	write := func(name string, v any) {
		t.Helper()
		b, err := json.Marshal(v)
		if s, ok := v.(string); ok {
			b = []byte(s)
		}
		checkError(t, err)
		checkError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	checkError(t, os.MkdirAll(dir, 0o700))
	part := playback.Part{File: "0-camera-t.mp4", User: "t", Role: "teacher", Source: "camera", Type: `video/mp4; codecs="avc1.42e01f, opus"`, DurationMS: 1000}
	write("capsule.json", playback.Capsule{Parts: []playback.Part{part}})
	write("film.mp4", "0123456789")
	write("film.info.json", playback.Film{File: "film.mp4", Bytes: 10, Parts: []string{part.File}})
	api, file := "/api/lessons/"+r.lesson.ID+"/film", "/recordings/"+r.lesson.ID+"/film.mp4"

	if b := readRefusal(t, r.do(r.request("teacher", "POST", api, map[string]string{}))); b.Code != "running" {
		t.Errorf("while the lesson is open: %+v", b)
	}
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil)
	if w := r.do(r.request("teacher", "POST", api, map[string]string{"source": "window"})); w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown source: %d", w.Code)
	}
	r.ok("teacher", "POST", api, map[string]string{"source": "camera"}, nil)
	if list := r.jobsOf(playback.FilmJob); len(list) != 1 || list[0].Lesson != r.lesson.ID {
		t.Errorf("jobs: %+v", list)
	}
	var film playback.Film
	r.ok("teacher", "GET", api, nil, &film)
	if film.File != "film.mp4" || film.Bytes != 10 {
		t.Errorf("film: %+v", film)
	}
	w := r.do(r.request("teacher", "GET", file, nil))
	if name := w.Header().Get("Content-Disposition"); w.Body.String() != "0123456789" || !strings.HasPrefix(name, "attachment") || !strings.Contains(name, "Fractions") || !strings.Contains(name, ".mp4") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	rest := r.request("teacher", "GET", file, nil)
	rest.Header.Set("Range", "bytes=4-")
	rest.Header.Set("If-Range", w.Header().Get("ETag"))
	if w := r.do(rest); w.Code != http.StatusPartialContent || w.Body.String() != "456789" {
		t.Errorf("a resumed download: %d %q", w.Code, w.Body)
	}
	write("film.mp4", "abcdefghijk") // made again
	rest = r.request("teacher", "GET", file, nil)
	rest.Header.Set("Range", "bytes=4-")
	rest.Header.Set("If-Range", w.Header().Get("ETag"))
	if w := r.do(rest); w.Code != http.StatusOK || w.Body.String() != "abcdefghijk" {
		t.Errorf("a download that began with another film: %d %q", w.Code, w.Body)
	}
	for _, role := range []string{"pupil", ""} {
		if w := r.do(r.request(role, "GET", file, nil)); w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized {
			t.Errorf("role %q: %d", role, w.Code)
		}
	}
	for _, other := range []string{"film.info.json", "film.webm", "capsule.json"} {
		if w := r.do(r.request("teacher", "GET", "/recordings/"+r.lesson.ID+"/"+other, nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", other, w.Code)
		}
	}
	write("capsule.json", playback.Capsule{Parts: []playback.Part{}}) // the person was removed since
	for _, path := range []string{api, file} {
		if w := r.do(r.request("teacher", "GET", path, nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s after its part is gone: %d", path, w.Code)
		}
	}
	if b := readRefusal(t, r.do(r.request("teacher", "POST", api, map[string]string{}))); b.Code != "nothing_recorded" {
		t.Errorf("without a part: %+v", b)
	}
}
