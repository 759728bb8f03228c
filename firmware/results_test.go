package firmware

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
)

// over waits until a job is over.
func over(t *testing.T, b *Box, id string) jobs.Job {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if j, err := b.letters.Job(id); err != nil || j.Over() {
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
	}
	t.Fatal("the job is not over")
	return jobs.Job{}
}

func TestResultsOfALessonAreWorkedOutByAProcessOfItsOwn(t *testing.T) {
	b, _ := run(t, config(t, t.TempDir()), Parts{Program: program(t)})
	c, err := b.roster.AddClass("7b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.roster.AddNames(c.ID, "Ben\nCleo", false); err != nil {
		t.Fatal(err)
	}
	if c, err = b.roster.Class(c.ID); err != nil {
		t.Fatal(err)
	}
	tell := func(user, name string, in any) {
		t.Helper()
		data, _ := json.Marshal(in)
		m := room.Message{Name: name, Data: data, By: event.Viewer{User: user, Role: event.Teacher}}
		if strings.HasPrefix(user, "p_") {
			m.By.Role = event.Pupil
		}
		if _, err := b.rooms.Call(t.Context(), c.ID, m); err != nil {
			t.Fatal(err)
		}
	}
	ben := c.Pupils[0].ID
	var lessons []string
	for _, title := range []string{"Before", "Fractions", "After"} { // facts of the others do not count
		l, err := b.roster.StartLesson("t_1", c.ID, title)
		if err != nil {
			t.Fatal(err)
		}
		lessons = append(lessons, l.ID)
		tell("t_1", "lesson.start", map[string]string{"lesson": l.ID, "title": title})
		tell(ben, "chat.say", map[string]string{"text": "in " + title, "to": "all"})
		tell(ben, "hand.raise", struct{}{})
		tell("t_1", "lesson.end", struct{}{})
		if _, _, err := b.roster.EndLesson(l.ID); err != nil {
			t.Fatal(err)
		}
	}
	l, err := b.roster.Lesson(lessons[1])
	if err != nil {
		t.Fatal(err)
	}
	job, err := b.letters.Add(t.Context(), gateway.ResultsJob(l, "t_1"))
	if err != nil {
		t.Fatal(err)
	}
	if job = over(t, b, job.ID); job.State != jobs.Finished {
		t.Fatalf("got %+v, %+v", job, job.Error)
	}
	var graded []cloud.Grades
	for e, err := range b.journal.Replay(cloud.Stream, 0) {
		var g cloud.Grades
		if err != nil || e.Kind != cloud.Graded || json.Unmarshal(e.Data, &g) != nil {
			t.Fatalf("%v %s", err, e.Data)
		}
		graded = append(graded, g)
	}
	if len(graded) != 1 || graded[0].Lesson != l.ID || len(graded[0].Pupils) != 2 {
		t.Errorf("the cloud is told %+v", graded)
	}
	dir := b.folder.Name(filepath.Join(resultsDir, l.ID))
	raw, err := os.ReadFile(filepath.Join(dir, results.FileJSON))
	if err != nil {
		t.Fatal(err)
	}
	var r results.Results
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Pupils) != 2 || r.Pupils[0].Name != "Ben" || r.Pupils[0].Chats != 1 || r.Pupils[0].Hands != 1 || r.Lesson.Title != "Fractions" {
		t.Errorf("got %s", raw)
	}
	for _, name := range []string{results.FileCSV, results.FileXLSX} {
		if f, err := os.Stat(filepath.Join(dir, name)); err != nil || f.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAWorkerThatDiesOverResultsIsAnError(t *testing.T) {
	p := openPast(t, t.TempDir())
	defer p.end()
	p.hold()
	input, _ := json.Marshal(gateway.ResultsInput{Lesson: p.lesson.ID})
	task := jobs.Task{Input: input, Progress: func(string, int64, int64) {}}
	if _, err := p.report().run(t.Context(), task); err == nil {
		t.Error("a worker that did nothing is taken for one that worked")
	}
	task.Input = json.RawMessage(`{"lesson":"l_none"}`)
	if _, err := p.report().run(t.Context(), task); err == nil {
		t.Error("no lesson")
	}
}

func TestAWorkerReadsAFactALine(t *testing.T) {
	want := errors.New("the disk")
	f := newFacts(func(yield func(event.Event, error) bool) {
		_ = yield(event.Event{Seq: 1, Data: json.RawMessage(`{}`)}, nil) && yield(event.Event{Seq: 2}, nil) && yield(event.Event{}, want)
	})
	text, err := io.ReadAll(f)
	if lines := strings.Count(string(text), "\n"); lines != 2 || !errors.Is(err, want) {
		t.Errorf("%d lines, %v: %s", lines, err, text)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
