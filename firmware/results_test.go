package firmware

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/timetest"
)

// waitOver waits until a job is over.
func waitOver(t *testing.T, b *Box, id string) (job jobs.Job) {
	t.Helper()
	timetest.WaitUntil(t, "the end of the job", func() bool {
		var err error
		if job, err = b.jobs.GetJob(id); err != nil {
			t.Fatal(err)
		}
		return job.IsOver()
	})
	return job
}

func TestResultsOfALessonAreWorkedOutByAProcessOfItsOwn(t *testing.T) {
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{Program: testProgram(t)})
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
	job, err := b.jobs.Enqueue(t.Context(), results.NewJob(l, "t_1"))
	if err != nil {
		t.Fatal(err)
	}
	if job = waitOver(t, b, job.ID); job.State != jobs.Finished {
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
	dir := b.folder.PathOf(filepath.Join(datafolder.ResultsDir, l.ID))
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
	if f, err := os.Stat(filepath.Join(dir, results.FileXLSX)); err != nil || f.Size() == 0 {
		t.Error(err)
	}
}

func TestAWorkerThatDiesOverResultsIsAnError(t *testing.T) {
	p := openPast(t, t.TempDir())
	defer p.end()
	p.hold()
	input, _ := json.Marshal(results.JobInput{Lesson: p.lesson.ID})
	task := jobs.Task{Input: input, Progress: func(string, int64, int64) {}}
	if _, err := p.report().Run(t.Context(), task); err == nil {
		t.Error("a worker that did nothing is taken for one that worked")
	}
	task.Input = json.RawMessage(`{"lesson":"l_none"}`)
	if _, err := p.report().Run(t.Context(), task); err == nil {
		t.Error("no lesson")
	}
}
