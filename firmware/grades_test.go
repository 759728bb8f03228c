package firmware

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/resultsjob"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/results"
)

// outcome is what came of the lesson of a past.
func (p *pastLesson) outcome() results.Results {
	ada, cleo := p.class.Pupils[0], p.class.Pupils[1]
	return results.Results{
		Attendance: []results.Presence{{User: ada.ID, Name: ada.Name, Came: 7, MS: 60_000}, {User: cleo.ID, Name: cleo.Name, Absent: true}},
		Items: []results.Question{
			{ID: "q1", Kind: item.Single, Text: "How many?", Points: 2, Graded: true},
			{ID: "q2", Kind: item.Poll, Title: "Mood", Text: "How are you?"},
			{ID: "q3", Kind: item.Text, Text: strings.Repeat("ä", 500), Points: 1, Graded: true},
		},
		Pupils: []results.Pupil{
			{User: ada.ID, Name: ada.Name, Items: map[string]results.Answer{
				"q1": {Fraction: 0.5, Points: 1, Response: item.Response{Text: canaryText}}, "q2": {Response: item.Response{Options: []string{"a"}}},
			}},
			{User: cleo.ID, Name: cleo.Name, Items: map[string]results.Answer{}},
		},
	}
}

// write puts results where the worker does.
func (p *pastLesson) write(r results.Results) {
	p.t.Helper()
	dir := filepath.Join(p.dir, datafolder.ResultsDir, p.lesson.ID)
	data, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, results.FileJSON), data, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestGradesHoldMarksAndPresenceAndNeitherNamesNorAnswers(t *testing.T) {
	p := openPast(t, t.TempDir())
	defer p.end()
	p.hold()
	got := resultsjob.BuildGrades(p.lesson, p.outcome())
	want := cloud.Grades{
		Lesson: p.lesson.ID, Class: p.class.ID, Title: "Fractions", Started: p.lesson.Started,
		Items: []cloud.GradedItem{
			{ID: "q1", Kind: "single", Title: "How many?", Points: 2, Graded: true},
			{ID: "q2", Kind: "poll", Title: "Mood"},
			{ID: "q3", Kind: "text", Title: strings.Repeat("ä", 200), Points: 1, Graded: true},
		},
		Pupils: []cloud.PupilGrades{
			{Pupil: p.class.Pupils[0].ID, Came: 7, MS: 60_000, Marks: map[string]cloud.Mark{"q1": {Fraction: 0.5, Points: 1}}},
			{Pupil: p.class.Pupils[1].ID, Marks: map[string]cloud.Mark{}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	data, _ := json.Marshal(got)
	for _, word := range []string{canaryName, canaryText, "Cleo"} {
		if strings.Contains(string(data), word) {
			t.Errorf("they hold %q: %s", word, data)
		}
	}
}

func TestGradesAreToldOnceALessonHasEndedAndAgainWhenTheyChange(t *testing.T) {
	p := openPast(t, t.TempDir())
	defer p.end()
	p.hold()
	r := p.outcome()
	p.write(r)
	var told []cloud.Grades
	fault := errs.Newf("test", errs.Down, "the disk")
	work := p.report()
	work.ReportGrades = func(_ context.Context, g cloud.Grades) error {
		if told = append(told, g); len(told) == 1 {
			return fault
		}
		return nil
	}
	tell := func(want int) {
		t.Helper()
		l, err := p.roster.Lesson(p.lesson.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := work.ReportToCloud(t.Context(), l); (err != nil) != (want == 1) {
			t.Error(err)
		}
		if len(told) != want {
			t.Errorf("told %d times, want %d", len(told), want)
		}
	}
	tell(0) // it is open
	if _, _, err := p.roster.EndLesson(p.lesson.ID); err != nil {
		t.Fatal(err)
	}
	tell(1) // and was not written
	tell(2)
	tell(2)
	r.Pupils[0].Items["q1"] = results.Answer{Fraction: 1, Points: 2} // regraded
	p.write(r)
	tell(3)
	if told[2].Pupils[0].Marks["q1"].Points != 2 {
		t.Errorf("told %+v", told[2])
	}
}
