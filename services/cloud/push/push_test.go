package push_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/push"
	"github.com/livelearn/box/services/timetest"
)

const (
	box  = "box-ada"
	home = "https://cloud.example:8443"
)

// rig is a cloud with one box, and the log of its nodes.
type rig struct {
	cloudtest.Fixture
	t   *testing.T
	log lockedBuffer
	pos uint64
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, Fixture: cloudtest.NewFixture(t)}
	code, err := r.Store.NewCode(t.Context(), cloudtest.School)
	r.must(err)
	key, _, err := ed25519.GenerateKey(nil)
	r.must(err)
	_, err = r.Store.Enrol(t.Context(), pg.Enrolment{Code: code, Box: box, Name: "Room 12", Version: "1.0", Key: key})
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// grade brings the marks of a lesson with two pupils and two questions.
func (r *rig) grade(lesson string, fraction float64) {
	r.t.Helper()
	g := cloud.Grades{Class: "c_1", Title: "Fractions", Lesson: lesson, Started: 1_790_000_000_000, Ended: 1_790_000_900_000}
	for i := range 2 {
		g.Items = append(g.Items, cloud.GradedItem{ID: fmt.Sprint("q", i), Kind: "single", Title: "1/2 + 1/2", Points: 2, Graded: true})
	}
	for _, pupil := range []string{"p_mia", "p_leo"} {
		m := cloud.PupilGrades{Pupil: pupil, Came: g.Started + 1, MS: 900_000, Marks: map[string]cloud.Mark{}}
		for _, q := range g.Items {
			m.Marks[q.ID] = cloud.Mark{Fraction: fraction, Points: 2 * fraction}
		}
		g.Pupils = append(g.Pupils, m)
	}
	data, err := json.Marshal(g)
	r.must(err)
	b := &batch.Batch{Box: box, Incarnation: 7, From: r.pos, To: r.pos + 1, Facts: []batch.Fact{{
		Pos: r.pos + 1, Stream: "report@" + box, Epoch: 1, Seq: r.pos + 1, Kind: cloud.Graded, Version: 1,
		Boot: 1 << 63, Mono: int64(r.pos), Wall: g.Ended, Trusted: true, Data: data,
	}}}
	r.pos++
	_, err = r.Store.Ingest(r.t.Context(), box, b)
	r.must(err)
}

// startNodes runs two nodes until the test ends.
func (r *rig) startNodes() {
	ctx, stop := context.WithCancel(r.t.Context())
	var nodes sync.WaitGroup
	for range 2 {
		p := &push.Pusher{Store: r.Store, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Poll: 5 * time.Millisecond, Pause: 5 * time.Millisecond}
		p.OneRoster = r.writeRoster
		nodes.Go(func() { _ = p.Serve(ctx) })
	}
	r.t.Cleanup(func() { stop(); nodes.Wait() })
}

func (r *rig) pushTo(address string) {
	r.t.Helper()
	r.must(r.Store.SetPush(r.t.Context(), pg.PushSettings{
		School: cloudtest.School, Kind: pg.PushXAPI, Address: address, Login: storeKey, Secret: storeSecret, Home: home, Every: time.Minute,
	}))
}

// lookAgain makes the push due, as the passing of time does.
func (r *rig) lookAgain() {
	r.t.Helper()
	c, err := pgx.Connect(r.t.Context(), r.URL)
	r.must(err)
	_, err = c.Exec(r.t.Context(), `update livelearn.pushes set next = now()`)
	r.must(errors.Join(err, c.Close(r.t.Context())))
}

func (r *rig) state() pg.Push {
	r.t.Helper()
	list, err := r.Store.Pushes(r.t.Context(), "")
	r.must(err)
	if len(list) != 1 {
		r.t.Fatalf("got %d pushes", len(list))
	}
	return list[0]
}

// wantedIDs returns the ids of the node's own statements, as a push sends them.
func (r *rig) wantedIDs() (ids []string) {
	r.t.Helper()
	space := uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://livelearn.org/xapi/pushed"))
	list, next, err := r.Store.Statements(r.t.Context(), pg.StatementQuery{School: cloudtest.School, Home: home})
	r.must(err)
	if next != "" {
		r.t.Fatal("more than a page")
	}
	for _, raw := range list {
		var s struct{ ID string }
		r.must(json.Unmarshal(raw, &s))
		ids = append(ids, uuid.NewSHA1(space, []byte(s.ID)).String())
	}
	slices.Sort(ids)
	return ids
}

// TestEachStatementReachesTheRecordStore pushes with two nodes to a store that is away, busy and
// loses answers. What follows comes by itself, and a lesson that is graded again is voided there.
func TestEachStatementReachesTheRecordStore(t *testing.T) {
	r, s := newRig(t), newRecordStore(t)
	for i := range 20 {
		r.grade(fmt.Sprint("l_", i), 1)
	}
	status := func(code int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
		}
	}
	s.faults = []http.HandlerFunc{
		status(503), status(429, "Retry-After", "0"), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		status(302, "Location", "https://elsewhere.example/"), status(502),
	}
	s.lose = 2
	r.pushTo(s.URL + "/xapi/")
	r.startNodes()
	arrives := func(what string) {
		t.Helper()
		timetest.WaitUntil(t, what, func() bool { return slices.Equal(s.ids(), r.wantedIDs()) && r.state().Problem == "" })
	}
	arrives("the statements of 20 lessons")
	if n := len(s.ids()); n != 20*6 {
		t.Errorf("the store has %d statements", n)
	}
	r.grade("l_20", 1)
	r.lookAgain()
	arrives("a further lesson")
	before := s.ids()
	r.grade("l_3", 0.5)
	r.lookAgain()
	timetest.WaitUntil(t, "the new grades and the voids of the old ones", func() bool { return len(s.ids()) == len(before)+12 })
	timetest.WaitUntil(t, "the end of the run", func() bool { return r.state().Sent >= 21*6+12 })
	if got := r.state(); got.Refused != 0 || got.Failures != 0 || got.Succeeded == nil {
		t.Errorf("got %+v", got)
	}
	s.mu.Lock()
	calls := s.calls
	s.mu.Unlock()
	r.lookAgain()
	timetest.WaitUntil(t, "a run without news", func() bool { return r.state().Next.After(time.Now().Add(30 * time.Second)) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls != calls {
		t.Errorf("a run without news sent %d requests", s.calls-calls)
	}
}

// TestOnlyWhatTheRecordStoreRefusesIsLeftOut pushes to a store that refuses one pupil.
func TestOnlyWhatTheRecordStoreRefusesIsLeftOut(t *testing.T) {
	r, s := newRig(t), newRecordStore(t)
	s.refuse = "p_leo"
	r.grade("l_1", 1)
	r.grade("l_2", 1)
	r.pushTo(s.URL + "/xapi")
	r.startNodes()
	timetest.WaitUntil(t, "the end of the run", func() bool { return r.state().Succeeded != nil })
	if got := r.state(); got.Sent != 6 || got.Refused != 6 || len(s.ids()) != 6 {
		t.Errorf("got %+v, and %d statements", got, len(s.ids()))
	}
}

// TestARefusedKeyIsToldWithoutTheSecret pushes with a key that the store does not know. The answer
// of the store has the secret in it.
func TestARefusedKeyIsToldWithoutTheSecret(t *testing.T) {
	r, s := newRig(t), newRecordStore(t)
	r.grade("l_1", 1)
	const secret = "a secret that nobody may see"
	r.must(r.Store.SetPush(t.Context(), pg.PushSettings{
		School: cloudtest.School, Kind: pg.PushXAPI, Address: s.URL + "/xapi", Login: "wrong", Secret: secret, Home: home, Every: time.Minute,
	}))
	r.startNodes()
	timetest.WaitUntil(t, "two failures", func() bool { return r.state().Failures >= 2 })
	got := r.state()
	if !strings.Contains(got.Problem, "refuses the key: 401") || got.Succeeded != nil {
		t.Errorf("got %+v", got)
	}
	if text := fmt.Sprint(got) + r.log.String(); strings.Contains(text, secret) {
		t.Errorf("the secret is in %s", text)
	}
	r.pushTo(s.URL + "/xapi") // with the right key
	timetest.WaitUntil(t, "the statements", func() bool { return slices.Equal(s.ids(), r.wantedIDs()) })
}

// TestAStoreThatRefusesEverythingLosesNothing keeps the place of a push to an address that is no store.
func TestAStoreThatRefusesEverythingLosesNothing(t *testing.T) {
	r, s := newRig(t), newRecordStore(t)
	r.grade("l_1", 1)
	for range 3 * 11 { // a run of six statements sends eleven requests
		s.faults = append(s.faults, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "what is this?", http.StatusBadRequest) })
	}
	r.pushTo(s.URL + "/xapi")
	r.startNodes()
	timetest.WaitUntil(t, "the statements after the failures", func() bool { return slices.Equal(s.ids(), r.wantedIDs()) && r.state().Problem == "" })
}
