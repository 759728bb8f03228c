package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/privacy"
	"github.com/livelearn/box/firmware/resultsjob"
	"github.com/livelearn/box/firmware/retention"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/timetest"
)

// Words that must be gone after an erasure.
const (
	canaryName = "Canaryname"
	canaryText = "canary-text"
)

// pastLesson is a data folder with a class that has held a lesson, and what works on it.
type pastLesson struct {
	t       *testing.T
	dir     string
	journal *journal.Journal
	roster  *roster.Roster
	jobs    *jobs.Jobs
	rooms   *room.Rooms
	class   roster.Class
	lesson  roster.Lesson
	cursor  journal.Cursor
	end     func()
}

// openPast opens the databases of a folder and serves the journal and the queue.
func openPast(t *testing.T, dir string) *pastLesson {
	t.Helper()
	p := &pastLesson{t: t, dir: dir}
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	var err error
	if p.journal, err = journal.Open(journal.Config{Path: filepath.Join(dir, datafolder.JournalFile), NoBallast: true, Pace: -1}, log, nil); err != nil {
		t.Fatal(err)
	}
	if p.roster, err = roster.Open(roster.Config{Path: filepath.Join(dir, datafolder.RosterFile)}, log); err != nil {
		t.Fatal(err)
	}
	clock := event.NewClock(1)
	p.jobs = jobs.New(p.journal, clock, log, nil, jobs.Kind{Name: results.JobKind, Run: p.report().Run})
	p.rooms = room.New(room.Config{}, room.Deps{Journal: p.journal, Clock: clock, Log: log, Metrics: reg}, listFeatures(nil)...)
	ctx, cancel := context.WithCancel(context.Background())
	ends := make(chan error, 2)
	go func() { ends <- p.journal.Serve(ctx) }()
	go func() { ends <- p.jobs.Serve(ctx) }()
	p.end = func() {
		cancel()
		if err := <-ends; err != nil {
			t.Error(err)
		}
		if err := <-ends; err != nil {
			t.Error(err)
		}
		if err := p.journal.Close(); err != nil {
			t.Error(err)
		}
		if err := p.roster.Close(); err != nil {
			t.Error(err)
		}
	}
	return p
}

func (p *pastLesson) report() *resultsjob.Job {
	worker := jobs.Worker{Command: func() *exec.Cmd { return exec.Command("false") }}
	return &resultsjob.Job{Journal: p.journal, Roster: p.roster, Folder: filepath.Join(p.dir, datafolder.ResultsDir), Worker: worker}
}

func (p *pastLesson) privacy() *privacy.Service {
	return &privacy.Service{
		Journal: p.journal, JournalPath: filepath.Join(p.dir, datafolder.JournalFile), Roster: p.roster, Jobs: func() *jobs.Jobs { return p.jobs },
		EventDef: p.def, Results: filepath.Join(p.dir, datafolder.ResultsDir), Recordings: filepath.Join(p.dir, datafolder.RecordingsDir), Log: slog.New(slog.DiscardHandler),
	}
}

// def is how facts of a kind are treated, as the box knows it.
func (p *pastLesson) def(kind event.Kind) (event.Def, bool) {
	if i := slices.IndexFunc(cloud.Events(), func(d event.Def) bool { return d.Kind == kind }); i >= 0 {
		return cloud.Events()[i], true
	}
	return p.rooms.Def(kind)
}

// note makes one fact of the box's own durable.
func (p *pastLesson) note(kind event.Kind, payload any) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := cloud.NewLedger(p.journal, event.NewClock(1), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx) }()
	err := l.AppendFact(ctx, kind, payload)
	cancel()
	if err := errors.Join(err, <-done); err != nil {
		p.t.Fatal(err)
	}
}

// tellAll makes facts that tell the cloud of the class and of the lesson.
func (p *pastLesson) tellAll() {
	p.t.Helper()
	l, g := cloud.Listing{Class: p.class.ID}, cloud.Grades{Lesson: p.lesson.ID}
	for _, pupil := range p.class.Pupils {
		l.Pupils = append(l.Pupils, cloud.ListedPupil{ID: pupil.ID, Name: pupil.Name})
		g.Pupils = append(g.Pupils, cloud.PupilGrades{Pupil: pupil.ID})
	}
	p.note(cloud.Listed, l)
	p.note(cloud.Graded, g)
}

func (p *pastLesson) retention() *retention.Service {
	return &retention.Service{
		Journal: p.journal, Roster: p.roster, EventDef: p.rooms.Def, Results: filepath.Join(p.dir, datafolder.ResultsDir), Recordings: filepath.Join(p.dir, datafolder.RecordingsDir),
		Health: health.New(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
	}
}

// hold makes a class of two and starts a lesson.
func (p *pastLesson) hold() {
	p.t.Helper()
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
	}
	c, err := p.roster.AddClass("7b")
	must(err)
	_, err = p.roster.AddNames(c.ID, canaryName+"\nCleo", false)
	must(err)
	p.class, err = p.roster.Class(c.ID)
	must(err)
	p.lesson, err = p.roster.StartLesson("t_1", c.ID, "Fractions")
	must(err)
	p.cursor, err = p.journal.Raise(context.Background(), room.StreamOf(c.ID))
	must(err)
	p.add("t_1", room.LessonStarted, `{"lesson":"`+p.lesson.ID+`","title":"Fractions"}`)
}

// add makes one fact of the room durable.
func (p *pastLesson) add(by string, kind event.Kind, data string) {
	p.addAt(by, kind, data, time.Now())
}

func (p *pastLesson) addAt(by string, kind event.Kind, data string, at time.Time) {
	p.t.Helper()
	p.cursor.Seq++
	stream := room.StreamOf(p.class.ID)
	e := event.Event{
		Stream: stream, Epoch: p.cursor.Epoch, Seq: p.cursor.Seq, Kind: kind, By: by, Data: json.RawMessage(data),
		Stamp: event.Stamp{Boot: 1, Mono: at.UnixMilli(), Wall: at.UnixMilli()},
	}
	told := make(chan error, 1)
	p.journal.Append(journal.Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}}, func(err error) { told <- err })
	if err := <-told; err != nil {
		p.t.Fatal(err)
	}
}

func (p *pastLesson) facts() map[event.Kind]event.Event {
	p.t.Helper()
	out := map[event.Kind]event.Event{}
	for e, err := range p.journal.Replay(room.StreamOf(p.class.ID), 0) {
		if err != nil {
			p.t.Fatal(err)
		}
		out[e.Kind] = e
	}
	return out
}

// busy fills the lesson with what a pupil and others do.
func (p *pastLesson) busy() (pupil, other string) {
	pupil, other = p.class.Pupils[0].ID, p.class.Pupils[1].ID
	response := `"round":1,"item":"q1","response":{"text":"` + canaryText + `"}`
	p.add(pupil, room.Arrived, `{}`)
	p.add(pupil, "chat.said", `{"text":"`+canaryText+`","to":"all"}`)
	p.add(other, "chat.said", `{"text":"kept","to":"all"}`)
	p.add(pupil, "quiz.answered", `{`+response+`,"took":5}`)
	p.add("t_1", "quiz.starred", `{`+response+`,"n":1,"on":true}`)
	p.add("t_1", "room.muted", `{"user":"`+pupil+`","on":true}`)
	p.add("t_1", "quiz.revealed", `{"round":1,"shown":true,"marks":{"`+pupil+`":{"q1":1},"`+other+`":{"q1":0}},"scores":{"`+pupil+`":1,"`+other+`":0},"score":0,"max":0}`)
	return pupil, other
}

func TestAnExportTellsWhatThePupilDidAndCouldSee(t *testing.T) {
	p := openPast(t, t.TempDir())
	defer p.end()
	p.hold()
	pupil, other := p.busy()
	p.tellAll()
	var b bytes.Buffer
	if err := p.privacy().ExportPupil(t.Context(), pupil, &b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Pupil struct{ ID, Name string }
		Facts []privacy.Fact
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, &b)
	}
	var kinds []string
	for _, f := range got.Facts {
		kinds = append(kinds, string(f.Kind))
	}
	if k := strings.Join(kinds, " "); k != "class.listed lesson.graded room.came chat.said quiz.answered room.muted quiz.revealed" || got.Pupil.Name != canaryName {
		t.Errorf("of %+v: %s", got.Pupil, k)
	}
	if strings.Contains(b.String(), other) || strings.Contains(b.String(), p.class.Pupils[1].Name) || strings.Contains(b.String(), "kept") {
		t.Errorf("it tells of another pupil: %s", &b)
	}
	if err := p.privacy().ExportPupil(t.Context(), "p_none", &b); errs.KindOf(err) != errs.Missing {
		t.Errorf("nobody: %v", err)
	}
}

// recorded makes a recording of two people, with its capsule. It gives the files of each.
func (p *pastLesson) recorded(users ...string) (files [][]string) {
	p.t.Helper()
	dir := filepath.Join(p.dir, datafolder.RecordingsDir, p.lesson.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	write := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	write("capsule.json", canaryName)
	write("events.json", canaryText)
	for _, u := range users {
		side := `{"file":"` + u + `.webm","user":"` + u + `","source":"camera","duration_ms":1000}`
		files = append(files, []string{write(u+".webm", "media"), write(u+".webm.json", side)})
	}
	return files
}

func TestAfterAnErasureNoByteOfTheBoxHoldsNameOrText(t *testing.T) {
	dir := t.TempDir()
	p := openPast(t, dir)
	p.hold()
	pupil, other := p.busy()
	p.tellAll()
	folder := filepath.Join(dir, datafolder.ResultsDir, p.lesson.ID)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, results.FileJSON), []byte(`{"pupils":[{"user":"`+pupil+`","name":"`+canaryName+`"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := p.recorded(pupil, other)
	p.jobs.AddDeadLetter(jobs.DeadLetter{Room: p.class.ID, Kind: "chat.say", By: pupil, Data: json.RawMessage(`{"text":"` + canaryText + `"}`)})
	timetest.WaitUntil(t, "the dead letter", func() bool { return len(p.jobs.ListDeadLetters()) > 0 })
	told := make(chan error, 1)
	p.journal.SaveSnapshot(room.StreamOf(p.class.ID), p.cursor.Epoch, p.cursor.Seq, []byte(canaryText), func(err error) { told <- err })
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	task := jobs.Task{Job: jobs.Job{By: "t_1"}, Input: json.RawMessage(`{"pupil":"` + pupil + `"}`), Progress: func(string, int64, int64) {}}
	if _, err := p.privacy().JobKind().Run(t.Context(), task); errs.KindOf(err) != errs.Stale {
		t.Fatalf("while the lesson is open: %v", err)
	}
	if _, _, err := p.roster.EndLesson(p.lesson.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more, as after a crash
		if _, err := p.privacy().JobKind().Run(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	if list := p.jobs.ListJobs(); len(list) != 1 || list[0].Lesson != p.lesson.ID {
		t.Errorf("the results are not made anew: %+v", list)
	}
	if len(p.jobs.ListDeadLetters()) != 0 {
		t.Error("the pupil's letter is still on the list")
	}
	for i, list := range taken {
		for _, f := range list {
			if _, err := os.Stat(f); errors.Is(err, fs.ErrNotExist) != (i == 0) {
				t.Errorf("%s: %v", filepath.Base(f), err)
			}
		}
	}
	f := p.facts()
	if e := f["quiz.answered"]; e.By != cloud.ErasedID || string(e.Data) != "null" {
		t.Errorf("the answer: %+v", e)
	}
	if e := f["quiz.revealed"]; !bytes.Contains(e.Data, []byte(other)) || !json.Valid(e.Data) {
		t.Errorf("the others' marks: %s", e.Data)
	}
	p.end()
	p = openPast(t, dir)
	p.end()
	for path, data := range readFiles(t, dir) {
		for _, word := range []string{canaryName, canaryText, pupil} {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%s holds %q", path, word)
			}
		}
	}
}

func TestTheCloudIsToldOfAnErasureWhenItDidNotAskForIt(t *testing.T) {
	p := openPast(t, t.TempDir())
	defer p.end()
	p.hold()
	pupil, _ := p.busy()
	if _, _, err := p.roster.EndLesson(p.lesson.ID); err != nil {
		t.Fatal(err)
	}
	var told []string
	work := p.privacy()
	fault := errs.Newf("test", errs.Down, "the disk")
	work.ReportErasure = func(_ context.Context, id string) error {
		if told = append(told, id); len(told) == 1 {
			return fault
		}
		if e := p.facts()["quiz.answered"]; e.By != cloud.ErasedID {
			t.Error("it is told before the pupil is gone")
		}
		return nil
	}
	task := jobs.Task{Job: jobs.Job{By: "t_1"}, Input: json.RawMessage(`{"pupil":"` + pupil + `"}`), Progress: func(string, int64, int64) {}}
	if _, err := work.JobKind().Run(t.Context(), task); !errors.Is(err, fault) {
		t.Errorf("the job is done though the cloud was not told: %v", err)
	}
	if _, err := work.JobKind().Run(t.Context(), task); err != nil {
		t.Error(err)
	}
	task.Job.By = privacy.ByCloud
	if _, err := work.JobKind().Run(t.Context(), task); err != nil {
		t.Error(err)
	}
	if len(told) != 2 || told[1] != pupil {
		t.Errorf("told %q", told)
	}
}

// readFiles are the bytes of every file in a folder.
func readFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(all) < 2 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}
