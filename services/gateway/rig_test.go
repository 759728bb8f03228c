package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/intake"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Words that must never be in the log, and that nothing else has in it.
const (
	pin        = "canary-pin-7391"
	admin1     = "Canaryadmin"
	teacher1   = "Canaryteacher"
	pupil1     = "Canarypupil"
	pupil2     = "Secondpupil"
	pupil3     = "Thirdpupil"
	className1 = "Canaryclass"
)

// logged is a log that tests can read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// rig is a door with everything real behind it.
type rig struct {
	*Gateway
	t      testing.TB
	log    *logged
	claim  string            // the claim code
	tokens map[string]string // by role: "nobody", "pupil", "teacher", "admin"
	class  roster.Class      // with an open lesson; pupil1 has joined
	lesson roster.Lesson
	spare  roster.Class // without one
	other  roster.Staff // a teacher without a device
	letter string
	quiz   item.Quiz   // the sample's
	pass   roster.Pass // the teacher's, for a camera
	secret string      // its token
	page   string      // address of the sample deck's first page
}

func newRig(t testing.TB, change ...func(*Config, *Deps)) *rig {
	t.Helper()
	r := &rig{t: t, log: &logged{}, tokens: map[string]string{}}
	dir := t.TempDir()
	log := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := prometheus.NewRegistry()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	check(t, err)
	people, err := roster.Open(roster.Config{Path: filepath.Join(dir, "roster.db")}, log)
	check(t, err)
	shelf, err := library.Open(library.Config{Path: filepath.Join(dir, "library.db"), Folder: filepath.Join(dir, "library"), Secret: bytes.Repeat([]byte("s"), 32)}, log)
	check(t, err)
	clock := event.NewClock(1)
	letters := jobs.New(j, clock, log, reg, slidesOf(shelf), idle(ResultsKind), idle(EraseKind))
	reports := supervise.NewReports(log, reg)
	rooms := room.New(room.Config{}, room.Deps{
		Journal: j, Clock: clock, Bury: func(room.Letter) {}, Observe: reports.Add, Log: log, Metrics: reg,
	}, chat.Kind, hand.Kind, tap.Kind)
	hub := session.New(session.Config{}, session.Deps{
		Rooms: rooms, Exists: people.Exists, Observe: reports.Add, Log: log, Metrics: reg,
	})
	cfg := Config{HTTPS: "off"}
	deps := Deps{
		Roster: people, Rooms: rooms, Sessions: hub, Health: health.New(reg), History: health.NewHistory(clock, reg), Clock: clock, Jobs: letters, Reports: reports, Library: shelf,
		Tree: func() supervise.Status { return supervise.Status{Name: "box"} }, LogTail: func() []string { return []string{"a line"} },
		Intake: func(_ context.Context, name string, data []byte) (intake.Table, error) {
			return intake.Parse(name, data)
		},
		Backup: func(w io.Writer) error { _, err := io.WriteString(w, "a backup"); return err },
		Pages: fstest.MapFS{
			"index.html":       {Data: []byte("<!doctype html><title>LiveLearn Box</title>")},
			"assets/main-X.js": {Data: []byte(strings.Repeat("export const a = 1;\n", 200))},
		},
		WHIP: &carrier{}, Metrics: reg, Log: log, Version: "test", Data: dir, Results: filepath.Join(dir, "results"),
		Capsule: func(context.Context, roster.Lesson) (string, error) {
			return "", errs.Code("test", errs.Missing, "no_recording", "not recorded")
		}, Recordings: filepath.Join(dir, "recordings"),
		Export: func(_ context.Context, pupil string, w io.Writer) error {
			_, err := io.WriteString(w, `{"id":"`+pupil+`"}`)
			return err
		},
	}
	for _, f := range change {
		f(&cfg, &deps)
	}
	r.Gateway = New(cfg, deps)
	r.run(j, rooms, hub, letters)
	r.claim, err = people.ClaimCode()
	check(t, err)
	return r
}

// run serves what is behind the door until the test ends.
func (r *rig) run(j *journal.Journal, rooms *room.Rooms, hub *session.Hub, letters *jobs.Jobs) {
	root := supervise.New(supervise.Spec{Name: "box", Children: []supervise.Child{
		supervise.Run("journal", j), supervise.Run("letters", letters), supervise.Run("rooms", rooms), hub.Child(),
		supervise.Run("lanes", letters.Lanes()),
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- root.Serve(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		<-done
		check(r.t, j.Close())
		check(r.t, r.Roster.Close())
		check(r.t, r.Library.Close())
	})
}

// school claims the box and fills it: an admin, a teacher, a class with an open lesson
// that a pupil has joined, a class without, and a dead letter.
func (r *rig) school() *rig {
	r.t.Helper()
	ctx := r.t.Context()
	var err error
	if _, r.tokens["admin"], err = r.Roster.Claim(ctx, roster.Claimant{Code: r.claim, Box: "Box", Name: admin1, PIN: pin}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.Roster.AddStaff(ctx, teacher1, pin, false); err != nil {
		r.t.Fatal(err)
	}
	if _, r.tokens["teacher"], err = r.Roster.SignIn(ctx, teacher1, pin); err != nil {
		r.t.Fatal(err)
	}
	if r.other, err = r.Roster.AddStaff(ctx, "Other", pin, false); err != nil {
		r.t.Fatal(err)
	}
	r.class, r.spare = r.addClass(className1, pupil1+"\n"+pupil2+"\n"+pupil3), r.addClass("Spare", "Sparepupil")
	var l roster.Lesson
	r.ok("admin", "POST", "/api/lessons", map[string]string{"class": r.class.ID, "title": "Fractions"}, &l)
	r.lesson = l
	if _, r.tokens["pupil"], _, err = r.Roster.Join(roster.Ref{Code: l.Code}, r.class.Pupils[0].ID, ""); err != nil {
		r.t.Fatal(err)
	}
	r.Jobs.Bury(jobs.Letter{Room: r.class.ID, Kind: "chat.say", By: r.class.Pupils[0].ID, Role: event.Pupil, Cmd: "c1", Data: []byte(`{"id":"c1","text":"hello","to":"all"}`)})
	r.pass, r.secret = r.addPass("whip")
	r.letter = r.waitLetter()
	deck, quiz, err := r.Library.AddSample("en")
	check(r.t, err)
	r.quiz, r.page = quiz, "/slides/"+deck.ID+"/"+deck.Pages[0].Key+"-640.png"
	return r
}

func (r *rig) addClass(name, pupils string) roster.Class {
	r.t.Helper()
	c, err := r.Roster.AddClass(name)
	check(r.t, err)
	_, err = r.Roster.AddNames(c.ID, pupils, false)
	check(r.t, err)
	c, err = r.Roster.Class(c.ID)
	check(r.t, err)
	return c
}

func (r *rig) waitLetter() string {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if list := r.Jobs.List(); len(list) > 0 {
			return list[0].ID
		}
		tick := time.NewTimer(time.Millisecond)
		<-tick.C
	}
	r.t.Fatal("the letter was not written")
	return ""
}

// request makes a request of a role, as a browser on the box's own page would.
func (r *rig) request(role, method, path string, in any) *http.Request {
	r.t.Helper()
	var body io.Reader
	if in != nil {
		data, ok := in.(string)
		if !ok {
			raw, err := json.Marshal(in)
			check(r.t, err)
			data = string(raw)
		}
		body = strings.NewReader(data)
	}
	req := httptest.NewRequestWithContext(r.t.Context(), method, "http://192.168.1.5:8080"+path, body)
	req.RemoteAddr = "192.168.1.77:4000"
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := r.tokens[role]; token != "" {
		req.AddCookie(&http.Cookie{Name: "ll", Value: token})
	}
	return req
}

func (r *rig) do(req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

func (r *rig) ok(role, method, path string, in, out any) {
	r.t.Helper()
	w := r.do(r.request(role, method, path, in))
	if w.Code/100 != 2 {
		r.t.Fatalf("%s %s by %s: %d %s", method, path, role, w.Code, w.Body)
	}
	if out != nil {
		check(r.t, json.Unmarshal(w.Body.Bytes(), out))
	}
}

// refused reads a refusal and checks that it is a problem.
func refused(t testing.TB, w *httptest.ResponseRecorder) (b errs.Body) {
	t.Helper()
	if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%d is %q: %s", w.Code, kind, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || b.Reason == "" {
		t.Errorf("%d is no problem: %s", w.Code, w.Body)
	}
	return b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
