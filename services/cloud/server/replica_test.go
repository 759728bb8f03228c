package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/timetest"
)

// TestExportsAreReadOnTheReplicaWhileItAnswers has a replica that follows, one that is behind, and
// one that is cut off and comes back.
func TestExportsAreReadOnTheReplicaWhileItAnswers(t *testing.T) {
	two := cloudtest.PostgresWithReplica(t)
	store, err := pg.Open(t.Context(), two.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if err := store.AddSchool(t.Context(), cloudtest.School, cloud.Policy{Names: true}); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, Fixture: cloudtest.Fixture{URL: two.URL, Store: store}, replica: two.Follow}
	r.startNode()
	addGradedLesson(t, r)
	two.WaitUntilEqual(t)
	token := r.newToken("", pg.MayRead, pg.MayXAPI)
	export := func(since string) (rows int, head http.Header, bytes int64) {
		t.Helper()
		before := two.Line.ByteCount()
		status, head, text := r.get(token, "/export/attendance.csv?since="+since)
		if status != 200 {
			t.Fatalf("got %d %s", status, text)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, "p_1,") {
				rows++
			}
		}
		return rows, head, two.Line.ByteCount() - before
	}
	// A replica that answers late on a busy machine is left out for a while.
	onReplica := func() (rows int, head http.Header) {
		t.Helper()
		timetest.WaitUntil(t, "an answer of the replica", func() bool {
			var bytes int64
			rows, head, bytes = export("")
			up, _ := r.srv.Replica()
			return bytes > 0 && up
		})
		return rows, head
	}
	rows, head := onReplica()
	if rows != 1 {
		t.Fatalf("%d rows", rows)
	}
	first := head.Get("X-Consistent-Through")

	// A replica that is behind says so, and who has read more is answered by the database.
	two.Pause(t)
	addSecondLesson(t, r)
	if rows, head := onReplica(); rows != 1 || head.Get("X-Consistent-Through") != first {
		t.Errorf("behind: %d rows through %s, want 1 through %s", rows, head.Get("X-Consistent-Through"), first)
	}
	through, err := store.ConsistentThrough(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rows, head, _ := export(through.UTC().Format("2006-01-02T15:04:05.999999999Z")); rows != 0 || head.Get("X-Consistent-Through") == first {
		t.Errorf("who has read all gets %d rows through %s", rows, head.Get("X-Consistent-Through"))
	}
	two.Resume(t)
	if rows, _ := onReplica(); rows != 2 {
		t.Errorf("after it went on: %d rows", rows)
	}
	if status, _, text := r.get(token, "/xapi/statements", "X-Experience-API-Version", "1.0.3"); status != 200 || !strings.Contains(text, `"statements":[{`) {
		t.Errorf("statements: %d %s", status, text)
	}

	// Cut off: the database answers. Back: the replica does.
	two.Line.SetDown(true)
	two.Line.DropAll()
	if rows, _, _ := export(""); rows != 2 {
		t.Errorf("cut off: %d rows", rows)
	}
	if n := r.readMetric(t, "livelearn_cloud_replica_up"); n != 0 {
		t.Errorf("the metric of one that is cut off is %v", n)
	}
	two.Line.SetDown(false)
	if rows, _ := onReplica(); rows != 2 {
		t.Errorf("back: %d rows", rows)
	}
	if n := r.readMetric(t, "livelearn_cloud_replica_up"); n != 1 {
		t.Errorf("the metric of one that is back is %v", n)
	}
}

// addSecondLesson adds another lesson of the same class.
func addSecondLesson(t *testing.T, r *rig) {
	t.Helper()
	now := time.Now().UnixMilli()
	data, err := json.Marshal(cloud.Grades{
		Lesson: "l2", Class: "c1", Title: "Two", Started: now - 3600_000, Ended: now,
		Items:  []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "One", Points: 2, Graded: true}},
		Pupils: []cloud.PupilGrades{{Pupil: "p_1", Came: now - 3000_000, MS: 2_700_000, Marks: map[string]cloud.Mark{"q1": {Fraction: 1, Points: 2}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := cloudtest.LessonFacts("b1", 1, 2, 1)
	b.Facts[0].Kind, b.Facts[0].Data, b.Facts[0].Stream, b.Facts[0].By, b.Facts[0].Wall = cloud.Graded, data, "report@b1", "", now
	if got, err := r.Store.Ingest(t.Context(), "b1", b); err != nil || got.Stored != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
}
