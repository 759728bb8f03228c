package pg_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

const (
	ada     = "box-ada" // a box of the school
	school  = "Hill School"
	started = 1790000000000 // 2026-09-21
)

// rig is a database with a school and its box.
type rig struct {
	t     testing.TB
	url   string
	store *pg.Store
	db    *pgx.Conn // for direct queries
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, url: cloudtest.Postgres(t)}
	r.store, r.db = openStore(t, r.url), connectRaw(t, r.url)
	r.must(r.store.AddSchool(t.Context(), school, cloud.Policy{Names: true, Chat: true}))
	r.enrol(school, ada)
	return r
}

func openStore(t testing.TB, url string) *pg.Store {
	t.Helper()
	open := pg.Open
	if *record != "" {
		open = func(ctx context.Context, url string) (*pg.Store, error) { return pg.OpenTraced(ctx, url, recorded) }
	}
	s, err := open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connectRaw(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) enrol(school, box string) ed25519.PublicKey {
	r.t.Helper()
	code, err := r.store.NewCode(r.t.Context(), school)
	r.must(err)
	key, _, err := ed25519.GenerateKey(nil)
	r.must(err)
	got, err := r.store.Enrol(r.t.Context(), pg.Enrolment{Code: code, Box: box, Name: "Room 12", Version: "1.0", Key: key})
	r.must(err)
	if got != school {
		r.t.Fatalf("enrolled at %q, want %q", got, school)
	}
	return key
}

// queryInt returns the first column of a query.
func (r *rig) queryInt(sql string, args ...any) int {
	r.t.Helper()
	var n int
	r.must(r.db.QueryRow(r.t.Context(), sql, args...).Scan(&n))
	return n
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.db.Exec(r.t.Context(), sql, args...)
	r.must(err)
}

func (r *rig) put(b *batch.Batch) cloud.Receipt {
	r.t.Helper()
	got, err := r.store.Ingest(r.t.Context(), b.Box, b)
	r.must(err)
	return got
}

// boxWriter makes the batches of one incarnation of a box.
type boxWriter struct {
	id          string
	incarnation uint64
	boot        uint64
	pos         uint64
	sent        uint64
	seqs        map[string]uint64
	mono        int64
	untrusted   bool
	facts       []batch.Fact
}

func newBox(id string, incarnation uint64) *boxWriter {
	return &boxWriter{id: id, incarnation: incarnation, boot: 1<<63 + incarnation, seqs: map[string]uint64{}}
}

// addFact adds a fact. The streams of the box itself have the names that they have in a batch.
func (b *boxWriter) addFact(stream, by, kind string, payload any) batch.Fact {
	data, ok := payload.(string)
	if !ok {
		raw, err := json.Marshal(payload)
		if err != nil {
			panic(err)
		}
		data = string(raw)
	}
	b.pos++
	b.mono += 1000
	b.seqs[stream]++
	f := batch.Fact{
		Pos: b.pos, Stream: stream, Epoch: 1, Seq: b.seqs[stream], Kind: kind, Version: 1, By: by, ID: fmt.Sprintf("c%d", b.pos),
		Boot: b.boot, Mono: b.mono, Wall: started + b.mono, Trusted: !b.untrusted, Data: json.RawMessage(data),
	}
	b.facts = append(b.facts, f)
	return f
}

// addReport adds a fact that the box writes about itself.
func (b *boxWriter) addReport(kind string, payload any) batch.Fact {
	return b.addFact("report@"+b.id, "", kind, payload)
}

// takeBatch returns the facts since the last batch.
func (b *boxWriter) takeBatch() *batch.Batch {
	out := &batch.Batch{Box: b.id, Incarnation: b.incarnation, From: b.sent, To: b.pos, Mark: int64(b.pos) * 7}
	for _, f := range b.facts {
		if f.Pos > b.sent {
			out.Facts = append(out.Facts, f)
		}
	}
	b.sent = b.pos
	return out
}

// addAnswers adds n answers of 30 pupils.
func (b *boxWriter) addAnswers(n int) {
	for i := range n {
		b.addFact("room:r1", fmt.Sprintf("u_pupil%02d", i%30), "quiz.answered", map[string]any{
			"round": i / 300, "item": fmt.Sprintf("q%d", i/30%10), "response": map[string]any{"choices": []string{"a"}}, "took": 900 + i%5000,
		})
	}
}

func wantError(t testing.TB, err error, kind errs.Kind, code string) {
	t.Helper()
	if err == nil || errs.KindOf(err) != kind || errs.BodyOf(err).Code != code {
		t.Fatalf("got %v (%s, %q), want %s, %q", err, errs.KindOf(err), errs.BodyOf(err).Code, kind, code)
	}
}

func dayAfter(n int) time.Time { return time.UnixMilli(started).Add(time.Duration(n) * 24 * time.Hour) }
