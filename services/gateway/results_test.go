package gateway

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/services/gateway/httpapi"

	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/roster"
)

// idleKind is a kind of job that has nothing to do.
func idleKind(name string) jobs.Kind {
	return jobs.Kind{Name: name, Run: func(context.Context, jobs.Task) (any, error) { return nil, nil }}
}

func (r *rig) jobsOf(kind string) (list []jobs.Job) {
	for _, j := range r.Jobs.ListJobs() {
		if j.Kind == kind {
			list = append(list, j)
		}
	}
	return list
}

func TestTheEndOfALessonHasItsResultsWorkedOut(t *testing.T) {
	r := newRig(t).school()
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil)
	list := r.jobsOf(results.JobKind)
	if len(list) != 1 || list[0].Lesson != r.lesson.ID || list[0].Title != "Fractions" {
		t.Fatalf("the jobs are %+v", list)
	}
	var past []roster.Past
	r.ok("teacher", "GET", "/api/past", nil, &past)
	if len(past) != 1 || past[0].ID != r.lesson.ID || past[0].Pupils != 1 {
		t.Errorf("past lessons are %+v", past)
	}
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil)
	if n := len(r.jobsOf(results.JobKind)); n != 1 {
		t.Errorf("pressing twice makes %d jobs", n)
	}
}

func TestResultsAreThereWhenTheJobHasWrittenThem(t *testing.T) {
	r := newRig(t).school()
	path := "/api/lessons/" + r.lesson.ID + "/results"
	if b := readRefusal(t, r.do(r.request("teacher", "GET", path, nil))); b.Code != "not_ready" {
		t.Errorf("got %+v", b)
	}
	dir := filepath.Join(r.Results, r.lesson.ID)
	checkError(t, os.MkdirAll(dir, 0o700))
	for name, text := range map[string]string{results.FileJSON: `{"items":[]}`, results.FileXLSX: "PK"} {
		checkError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	w := r.do(r.request("teacher", "GET", path, nil))
	if w.Code != http.StatusOK || w.Body.String() != `{"items":[]}` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	for end, kind := range map[string]string{".csv": "text/csv", ".xlsx": "application/vnd.openxml"} {
		w := r.do(r.request("teacher", "GET", path+end, nil))
		name := w.Header().Get("Content-Disposition")
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) ||
			!strings.HasPrefix(name, "attachment") || !strings.Contains(name, "Fractions") || !strings.Contains(name, end) {
			t.Errorf("%s: %d %v", end, w.Code, w.Header())
		}
		if strings.Contains(w.Header().Get("Cache-Control"), "public") {
			t.Errorf("%s: anybody may keep it", end)
		}
	}
	if w := r.do(r.request("teacher", "GET", "/api/lessons/..%2f..%2froster.db/results.csv", nil)); w.Code != http.StatusNotFound {
		t.Errorf("another file: %d", w.Code)
	}
}

func TestFileNamesAreGoodOnAnySystem(t *testing.T) {
	for in, want := range map[string]string{"7b Fractions 1/2": "7b Fractions 1-2", ` a\b:c*?"<>|. `: "a-b-c------", "صف": "صف", "a\nb": "a-b"} {
		if got := httpapi.FileName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestErasingAsksForTheNameAndForAnEndOfTheLesson(t *testing.T) {
	r := newRig(t).school()
	path := "/api/pupils/" + r.class.Pupils[1].ID + "/erase"
	ask := func(name string) string {
		w := r.do(r.request("admin", "POST", path, map[string]string{"name": name}))
		if w.Code == http.StatusOK {
			return "ok"
		}
		return readRefusal(t, w).Code
	}
	if got := ask(pupil1); got != "other_name" {
		t.Errorf("another name: %s", got)
	}
	if got := ask(pupil2); got != "lesson_open" {
		t.Errorf("during the lesson: %s", got)
	}
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil)
	if got := ask(" " + pupil2 + " "); got != "ok" {
		t.Errorf("after it: %s", got)
	}
	list := r.jobsOf("erase")
	if len(list) != 1 || strings.Contains(list[0].Title, pupil2) {
		t.Errorf("the jobs are %+v", list)
	}
	if w := r.do(r.request("admin", "POST", "/api/pupils/p_none/erase", map[string]string{"name": "x"})); w.Code != http.StatusNotFound {
		t.Errorf("nobody: %d", w.Code)
	}
}

func TestAnExportIsADownload(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("admin", "GET", "/api/pupils/"+r.class.Pupils[0].ID+"/export", nil))
	if w.Code != http.StatusOK || w.Body.String() != `{"id":"`+r.class.Pupils[0].ID+`"}` || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
}
