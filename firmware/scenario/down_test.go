package scenario

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/timetest"
)

// classList is a class list as the box shows it.
type classList struct {
	ID, Name, Source string
	Pupils           []struct{ ID, Name, Source string }
}

func (l *linkedBox) classes() (list []classList) {
	l.t.Helper()
	l.do("GET", "/api/classes", nil, &list)
	return list
}

// queryCount is one number of the database.
func queryCount(t *testing.T, db, sql string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhatASchoolDecidesComesDown pushes class lists, quizzes and an erasure to a box that
// has a class of its own.
func TestWhatASchoolDecidesComesDown(t *testing.T) {
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.ClaimBox("Ada")
	c := newCloud(t)
	own := ada.AddClass("7B", 2) // Pupil A1, Pupil B2
	l := linkBox(t, ada, c)
	c.RunCommand("push", "class", hillSchool, writeFile(t, "7b.csv", "name,id\nPupil A1,s-1\nCleo,s-3\n"))
	c.RunCommand("push", "quiz", hillSchool, writeFile(t, "planets.gift", "Which is the largest? {=Jupiter ~Mars}\n"), "--title", "Canary planets")
	l.do("POST", "/api/admin/cloud/sync", nil, nil)
	timetest.WaitUntil(t, "the class is on the box", func() bool {
		return slices.ContainsFunc(l.classes(), func(x classList) bool { return len(x.Pupils) >= 2 && (x.ID != own || len(x.Pupils) == 3) })
	})
	for _, x := range l.classes() {
		t.Logf("%+v", x)
	}
	if list := l.classes(); !slices.ContainsFunc(list, func(x classList) bool {
		return x.ID == own && slices.ContainsFunc(x.Pupils, func(p struct{ ID, Name, Source string }) bool { return p.Name == "Pupil B2" })
	}) {
		t.Errorf("who was on the box and not on the school's list is gone: %+v", list)
	}
	var quizzes []struct{ ID, Title string }
	timetest.WaitUntil(t, "the quiz is on the box", func() bool {
		l.do("GET", "/api/quizzes", nil, &quizzes)
		return slices.ContainsFunc(quizzes, func(q struct{ ID, Title string }) bool { return q.Title == "Canary planets" })
	})
	if notes := l.status().Notes; !slices.ContainsFunc(notes, func(n cloud.Note) bool { return n.Code == cloud.NoteLeftPupils && n.N == 1 }) {
		t.Errorf("the admin is not told who is not on the school's list: %+v", notes)
	}
	box.Stop()
	if opened := readValues(t, dir, datafolder.LibraryFile); !bytes.Contains(opened, []byte("Canary planets")) || bytes.Contains(opened, []byte(`"weights"`)) {
		t.Error("the answer key lies open in the values of library.db")
	}
	if raw, err := os.ReadFile(filepath.Join(dir, datafolder.LibraryFile)); err != nil || bytes.Contains(raw, []byte("Canary planets")) {
		t.Errorf("the title lies open in library.db: %v", err)
	}
}

// TestAnErasureReachesTheOtherSide erases one pupil on the box and another in the cloud.
func TestAnErasureReachesTheOtherSide(t *testing.T) {
	dir := t.TempDir()
	l := newLinked(t, dir)
	box, ada, c := l.Box, l.Person, l.cloud
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	joinPupils(box, lesson, 3).chat(3)
	l.do("POST", "/api/lessons/"+lesson.ID+"/end", nil, nil)
	l.arrived()
	here, there := lesson.Names[0], lesson.Names[1]
	timetest.WaitUntil(t, "the names are in the cloud", func() bool {
		l.do("POST", "/api/admin/cloud/sync", nil, nil)
		return queryCount(t, c.DB, "select count(*) from livelearn.pupils where name = $1", here.Name) == 1
	})
	said := func(id string) int {
		return queryCount(t, c.DB, "select count(*) from livelearn.facts where author = $1 or payload::text like '%' || $1 || '%'", id)
	}
	if said(here.ID) == 0 || said(there.ID) == 0 {
		t.Fatal("nothing is known of them in the cloud")
	}
	l.do("POST", "/api/pupils/"+here.ID+"/erase", map[string]string{"name": here.Name}, nil)
	timetest.WaitUntil(t, "who was erased on the box is unreadable in the cloud", func() bool {
		return queryCount(t, c.DB, `select count(*) from livelearn.facts where kind <> 'pupil.erased' and (author = $1 or payload::text like '%' || $1 || '%' or payload::text like '%' || $2 || '%')`, here.ID, here.Name) == 0
	})
	c.RunCommand("erase", "--yes", hillSchool, there.ID)
	l.do("POST", "/api/admin/cloud/sync", nil, nil)
	timetest.WaitUntil(t, "who was erased in the cloud is gone from the box", func() bool {
		return !slices.ContainsFunc(l.classes(), func(x classList) bool {
			return slices.ContainsFunc(x.Pupils, func(p struct{ ID, Name, Source string }) bool { return p.ID == there.ID })
		})
	})
	timetest.WaitUntil(t, "the job is done", func() bool {
		var list []struct{ Kind, State string }
		l.do("GET", "/api/jobs", nil, &list)
		return !slices.ContainsFunc(list, func(j struct{ Kind, State string }) bool { return j.Kind == "erase" && j.State != "done" })
	})
	l.arrived()
	if n := said(there.ID); n > 1 { // the wish itself names whom it is about
		t.Errorf("%d facts of who was erased are in the cloud", n)
	}
	if n := said(lesson.Names[2].ID); n == 0 {
		t.Error("who was not erased is gone, too")
	}
}

// TestAStickCarriesALesson links a box to nothing: its facts go by a file, and what the
// school decided comes back by another.
func TestAStickCarriesALesson(t *testing.T) {
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.ClaimBox("Ada")
	db := cloudtest.Postgres(t)
	c := &boxtest.Cloud{T: t, Dir: t.TempDir(), DB: db, Addr: "https://cloud.example"} // no node runs
	c.RunCommand("school", "add", hillSchool, "--names", "--chat")
	c.RunCommand("push", "class", hillSchool, writeFile(t, "9c.csv", "name,id\nZoe,s-9\n"))
	l := &linkedBox{ada, t, c}
	pupils := joinPupils(box, ada.OpenLesson(ada.AddClass("7B", 3), "Planets"), 3)
	for i := range 3 {
		pupils.chat(2)
		file := filepath.Join(t.TempDir(), "box.llcloud")
		l.download("/api/admin/cloud/export", file)
		args := []string{"import", file, "--school", hillSchool, "--reply", file + ".reply"}
		c.RunCommand(args...)
		out := c.RunCommand(args...)
		if !strings.Contains(out, " 0 are new") && !strings.Contains(out, "0 facts") {
			t.Errorf("taken in twice: %s", out)
		}
		l.upload("/api/admin/cloud/reply", file+".reply")
		s := l.status()
		if s.Way != cloud.WayStick || s.School != hillSchool {
			t.Errorf("round %d: %+v", i, s)
		}
	}
	if !slices.ContainsFunc(l.classes(), func(x classList) bool { return x.Name == "9c" || len(x.Pupils) == 1 && x.Pupils[0].Name == "Zoe" }) {
		t.Errorf("the class did not come back: %+v", l.classes())
	}
	file := filepath.Join(t.TempDir(), "last.llcloud")
	box.Stop()
	box = box.Restart()
	ada.Box = box
	l.download("/api/admin/cloud/export", file)
	c.RunCommand("import", file, "--school", hillSchool)
	box.Stop()
	here := onBox(t, dir)
	there := inCloud(t, db)
	missing := 0
	for f := range here {
		if there[f] != 1 && f.kind != "chat.said" { // the first file left before the policy was known
			missing++
			t.Logf("%d times: %+v", there[f], f)
		}
	}
	if missing > 0 || len(there) == 0 {
		t.Errorf("%d of %d facts are not in the cloud once", missing, len(here))
	}
}

func (l *linkedBox) request(method, path string, body io.Reader) *http.Response {
	l.t.Helper()
	req, err := http.NewRequest(method, "http://"+l.Box.HTTP+path, body)
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Cookie", l.Cookie)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp
}

func (l *linkedBox) download(path, file string) {
	l.t.Helper()
	if err := l.ConfirmPIN(); err != nil {
		l.t.Fatal(err)
	}
	resp := l.request("GET", path, nil)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		l.t.Fatalf("%s: %d %s %v", path, resp.StatusCode, data, err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *linkedBox) upload(path, file string) {
	l.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	resp := l.request("POST", path, bytes.NewReader(data))
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(resp.Body)
		l.t.Fatalf("%s: %d %s", path, resp.StatusCode, text)
	}
}
