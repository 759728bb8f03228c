package pg_test

import (
	"encoding/json"
	"testing"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// FuzzIngest puts a fact of any shape between two good ones. It must be stored or become a dead
// letter, the others must be stored, and the watermark must move. A fact that stopped a batch
// would stop its box for good.
func FuzzIngest(f *testing.F) {
	r := newRig(f)
	for _, kind := range []string{"quiz.answered", "class.listed", "lesson.graded", "time.anchored", "pupil.erased", "x\x00", "\xff"} {
		f.Add(kind, "u_ben", "c1", []byte(`{"pupils":[{"id":"u_1","name":"\u0000"}],"pupil":"u_ben","lesson":"l","items":[{"id":"q","graded":"x","points":{}}],"started":"x","ended":1e300,"boot":"1","mono":1,"wall":2}`), int64(1), int64(started), 1)
		f.Add(kind, "", "", []byte(`{"pupils":null,"items":[],"boot":"99999999999999999999999","pupil":"p_\"\\.*"}`), int64(-1), int64(-1<<63), -7)
		f.Add(kind, "erased", "\x00", []byte("{\"a\":\"\xff\"}"), int64(1<<62), int64(1<<62), 1<<40)
	}
	f.Add("lesson.graded", "u_ben", "", []byte(`{"lesson":1,"pupils":[1,null,{"pupil":[],"came":"x","ms":1e99,"marks":[]},{"came":1,"marks":{"q":5}}],"items":[{"id":"q","graded":true},7]}`), int64(1), int64(0), 1)
	incarnation := uint64(0)
	f.Fuzz(func(t *testing.T, kind, by, id string, data []byte, mono, wall int64, version int) {
		if !json.Valid(data) || len(kind) > 255 || len(by) > 255 || len(id) > 255 {
			return // batch.Decode refuses such a fact
		}
		incarnation++
		if _, err := r.db.Exec(t.Context(), "truncate livelearn.facts, livelearn.streams, livelearn.anchors, livelearn.erased, livelearn.dead_letters"); err != nil {
			t.Fatal(err)
		}
		for n := range 2 { // first as new, then as known
			x := newBox(ada, 2*incarnation+uint64(n))
			x.boot = incarnation
			x.seqs["room:f"] = 3 * incarnation
			x.addAnswers(1)
			x.addFact("room:f", by, kind, string(data))
			x.addAnswers(1)
			x.facts[1].ID, x.facts[1].Mono, x.facts[1].Wall, x.facts[1].Version = id, mono, wall, version
			x.facts[0].Stream, x.facts[2].Stream = "room:f", "room:f"
			x.facts[0].Seq, x.facts[1].Seq, x.facts[2].Seq = 3*incarnation, 3*incarnation+1, 3*incarnation+2
			got, err := r.store.Ingest(t.Context(), ada, x.takeBatch())
			if err != nil {
				t.Fatalf("%v (%s)", err, errs.KindOf(err))
			}
			if got.Pos != 3 || got.Stored+got.Known+len(got.Dead) != 3 || len(got.Dead) > 1 || n == 0 && got.Stored < 2 || n == 1 && got.Stored > 0 {
				t.Fatalf("round %d: got %+v", n, got)
			}
		}
		for _, err := range r.store.Results(t.Context(), pg.Period{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range r.store.Attendance(t.Context(), pg.Period{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := r.store.Statements(t.Context(), pg.StatementQuery{}); err != nil {
			t.Fatal(err)
		}
		for _, view := range []string{"lessons", "answers", "pupils", "boxes_seen", "dead"} {
			if _, err := r.db.Exec(t.Context(), "select * from livelearn."+view); err != nil {
				t.Fatalf("%s: %v", view, err)
			}
		}
	})
}
