package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/playback"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/exchange"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/slides"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Words that must never be in the log. No other text contains them.
const (
	pin        = "canary-pin-7391"
	admin1     = "Canaryadmin"
	teacher1   = "Canaryteacher"
	pupil1     = "Canarypupil"
	pupil2     = "Secondpupil"
	pupil3     = "Thirdpupil"
	className1 = "Canaryclass"
)

// testLog is a log that tests can read while it is written.
type testLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// rig is a gateway with the real parts of the box behind it.
type rig struct {
	*Gateway
	t      testing.TB
	log    *testLog
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
	r := &rig{t: t, log: &testLog{}, tokens: map[string]string{}}
	dir := t.TempDir()
	log := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := prometheus.NewRegistry()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	checkError(t, err)
	people, err := roster.Open(roster.Config{Path: filepath.Join(dir, "roster.db")}, log)
	checkError(t, err)
	shelf, err := library.Open(library.Config{Path: filepath.Join(dir, "library.db"), Folder: filepath.Join(dir, "library"), Secret: bytes.Repeat([]byte("s"), 32)}, log)
	checkError(t, err)
	clock := event.NewClock(1)
	letters := jobs.New(j, clock, log, reg, slidesOf(shelf.Decks), idleKind(results.JobKind), idleKind("erase"), idleKind(playback.FilmJob))
	reports := supervise.NewReports(log, reg)
	rooms := room.New(room.Config{}, room.Deps{
		Journal: j, Clock: clock, OnDeadLetter: func(room.DeadLetter) {}, Observe: reports.Add, Log: log, Metrics: reg,
	}, chat.Kind, hand.Kind, reaction.Kind, quiz.Kind)
	hub := session.New(session.Config{}, session.Deps{
		Rooms: rooms, Exists: people.HasRoom, Observe: reports.Add, Log: log, Metrics: reg,
	})
	acts := audit.New(j, clock, log)
	cfg := Config{HTTPS: "off"}
	deps := Deps{
		Roster: people, Rooms: rooms, Sessions: hub, Health: health.New(reg), History: health.NewHistory(clock, reg), Clock: clock, Jobs: letters, Reports: reports, Library: shelf, Audit: acts,
		Tree: func() supervise.Status { return supervise.Status{Name: "box"} }, LogTail: func() []string { return []string{"a line"} },
		ReadClassList: func(_ context.Context, name string, data []byte, choice listimport.Choice) (listimport.Table, error) {
			return listimport.Read(name, data, choice)
		},
		MakePicture: func(_ context.Context, data []byte) (slides.Picture, error) { return slides.MakePicture(data) },
		ReadQuiz: func(_ context.Context, data []byte, keep func(slides.Picture) error) (draft.File, error) {
			f, pictures, err := exchange.Read(data, slides.MakePicture)
			if keep == nil {
				return f, err
			}
			for id, picture := range pictures {
				err = errors.Join(err, keep(slides.Picture{Ext: strings.TrimPrefix(filepath.Ext(id), "."), W: 1, H: 1, Data: picture}))
			}
			return f, err
		},
		Acknowledge: func(string) error { return nil },
		Backup: func(w io.Writer, _ string) error {
			_, err := io.WriteString(w, "a backup")
			return err
		},
		Restore: &fakeRestore{}, Network: quietNetwork{},
		Pages: fstest.MapFS{
			"index.html":       {Data: []byte("<!doctype html><title>LiveLearn Box</title>")},
			"assets/main-X.js": {Data: []byte(strings.Repeat("export const a = 1;\n", 200))},
		},
		WHIP: &fakeNode{}, Metrics: reg, Log: log, Version: "test", Data: dir, Results: filepath.Join(dir, "results"),
		Capsule: func(context.Context, roster.Lesson) (string, error) {
			return "", errs.NewCode("test", errs.Missing, "no_recording", "not recorded")
		}, Recordings: filepath.Join(dir, "recordings"),
		Erase: func(ctx context.Context, pupil, by string) (jobs.Job, error) {
			return letters.Enqueue(ctx, jobs.NewJob{Kind: "erase", By: by, Input: pupil})
		},
		Export: func(_ context.Context, pupil string, w io.Writer) error {
			_, err := io.WriteString(w, `{"id":"`+pupil+`"}`)
			return err
		},
	}
	for _, f := range change {
		f(&cfg, &deps)
	}
	r.Gateway = New(cfg, deps)
	r.run(j, rooms, hub, letters, acts)
	r.claim, err = people.ClaimCode()
	checkError(t, err)
	return r
}

// run serves the parts behind the gateway until the test ends.
func (r *rig) run(j *journal.Journal, rooms *room.Rooms, hub *session.Hub, letters *jobs.Jobs, acts *audit.Log) {
	root := supervise.New(supervise.Spec{Name: "box", Children: []supervise.Child{
		supervise.Run("journal", j), supervise.Run("jobs", letters), supervise.Run("audit", acts), supervise.Run("rooms", rooms), hub.Child(),
		supervise.Run("job workers", letters.Workers()),
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- root.Serve(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		<-done
		checkError(r.t, j.Close())
		checkError(r.t, r.Roster.Close())
		checkError(r.t, r.Library.Close())
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
	r.callers.MarkFresh(r.tokens["admin"])
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
	if _, r.tokens["pupil"], _, err = r.Roster.JoinLesson(roster.Ref{Code: l.Code}, r.class.Pupils[0].ID, ""); err != nil {
		r.t.Fatal(err)
	}
	r.Jobs.AddDeadLetter(jobs.DeadLetter{Room: r.class.ID, Kind: "chat.say", By: r.class.Pupils[0].ID, Role: event.Pupil, Cmd: "c1", Data: []byte(`{"id":"c1","text":"hello","to":"all"}`)})
	r.pass, r.secret = r.addPass("whip")
	r.letter = r.waitLetter()
	deck, quiz, err := r.Library.AddSample("en")
	checkError(r.t, err)
	r.quiz, r.page = quiz, "/slides/"+deck.ID+"/"+deck.Pages[0].Key+"-640.png"
	return r
}

func (r *rig) addClass(name, pupils string) roster.Class {
	r.t.Helper()
	c, err := r.Roster.AddClass(name)
	checkError(r.t, err)
	_, err = r.Roster.AddNames(c.ID, pupils, false)
	checkError(r.t, err)
	c, err = r.Roster.Class(c.ID)
	checkError(r.t, err)
	return c
}

func (r *rig) waitLetter() string {
	r.t.Helper()
	timetest.WaitUntil(r.t, "the dead letter", func() bool { return len(r.Jobs.ListDeadLetters()) > 0 })
	return r.Jobs.ListDeadLetters()[0].ID
}

// request makes a request of a role over HTTPS, as a browser on the box's own page would.
func (r *rig) request(role, method, path string, in any) *http.Request {
	r.t.Helper()
	var body io.Reader
	if in != nil {
		data, ok := in.(string)
		if !ok {
			raw, err := json.Marshal(in)
			checkError(r.t, err)
			data = string(raw)
		}
		body = strings.NewReader(data)
	}
	req := httptest.NewRequestWithContext(r.t.Context(), method, "https://192.168.1.5:8080"+path, body)
	req.RemoteAddr = "192.168.1.77:4000"
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := r.tokens[role]; token != "" {
		req.AddCookie(&http.Cookie{Name: "__Host-ll", Value: token})
	}
	return req
}

// plainRequest makes a request of a role over plain HTTP, from an address.
func (r *rig) plainRequest(role, from, method, path string, in any) *http.Request {
	r.t.Helper()
	req := r.request(role, method, path, in)
	req.TLS, req.URL.Scheme, req.RemoteAddr = nil, "http", from
	req.Header.Del("Cookie")
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
		checkError(r.t, json.Unmarshal(w.Body.Bytes(), out))
	}
}

// readRefusal reads a refusal and checks that it is a problem.
func readRefusal(t testing.TB, w *httptest.ResponseRecorder) (b errs.Body) {
	t.Helper()
	if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%d is %q: %s", w.Code, kind, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || b.Reason == "" {
		t.Errorf("%d is no problem: %s", w.Code, w.Body)
	}
	return b
}

func checkError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
