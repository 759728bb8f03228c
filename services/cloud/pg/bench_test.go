package pg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
)

const bareTable = `create table bare (box text, pos bigint, stream text, epoch bigint, seq bigint, kind text, version int, author text, command text,
	boot bigint, mono bigint, wall bigint, trusted bool, payload jsonb, primary key (box, pos))`

// BenchmarkIngest stores batches of answers, and in turn copies the same rows into a bare table
// with a primary key. The ratio is the cost of all promises.
func BenchmarkIngest(b *testing.B) {
	for _, size := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := newRig(b)
			_, err := r.db.Exec(b.Context(), bareTable)
			r.must(err)
			x := newBox(ada, 1)
			var ours, raw time.Duration
			rows := 0
			for b.Loop() {
				x.facts = x.facts[:0]
				x.addAnswers(size)
				in := x.takeBatch()
				began := time.Now()
				if got := r.put(in); got.Stored != size {
					b.Fatalf("stored %d of %d", got.Stored, size)
				}
				ours += time.Since(began)
				began = time.Now()
				r.copy(in)
				raw += time.Since(began)
				rows += size
			}
			b.ReportMetric(float64(rows)/ours.Seconds(), "rows/s")
			b.ReportMetric(float64(rows)/raw.Seconds(), "copied/s")
			b.ReportMetric(100*raw.Seconds()/ours.Seconds(), "%ofcopy")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func (r *rig) copy(in *batch.Batch) {
	r.t.Helper()
	_, err := r.db.CopyFrom(r.t.Context(), pgx.Identifier{"bare"}, []string{
		"box", "pos", "stream", "epoch", "seq", "kind", "version", "author", "command", "boot", "mono", "wall", "trusted", "payload",
	}, pgx.CopyFromSlice(len(in.Facts), func(i int) ([]any, error) {
		f := &in.Facts[i]
		return []any{
			in.Box, int64(f.Pos), f.Stream, int64(f.Epoch), int64(f.Seq), f.Kind, f.Version, f.By, f.ID, int64(f.Boot), f.Mono, f.Wall, f.Trusted, f.Data,
		}, nil
	}))
	r.must(err)
}

// BenchmarkIngestLessons stores whole lessons, a batch each: 300 answers of 30 pupils and the marks. It
// has the cost of the tables that are made from facts.
func BenchmarkIngestLessons(b *testing.B) {
	r := newRig(b)
	x := newBox(ada, 1)
	var took time.Duration
	lessons, rows := 0, 0
	for b.Loop() {
		x.facts = x.facts[:0]
		x.addAnswers(300)
		x.addGrades(lessons)
		lessons++
		in := x.takeBatch()
		began := time.Now()
		if got := r.put(in); got.Stored != len(in.Facts) {
			b.Fatalf("stored %d of %d", got.Stored, len(in.Facts))
		}
		took += time.Since(began)
		rows += len(in.Facts)
	}
	b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
	b.ReportMetric(took.Seconds()*1000/float64(lessons), "ms/lesson")
	b.ReportMetric(0, "ns/op")
}

// addGrades adds the marks of lesson n of a class of 30, with 10 questions. A week has six lessons.
func (b *boxWriter) addGrades(n int) {
	began := int64(started) + int64(n/6)*7*24*hour
	g := cloud.Grades{Class: "c_" + b.id, Title: "Fractions", Lesson: fmt.Sprintf("l_%s_%d", b.id, n), Started: began, Ended: began + hour}
	for i := range 10 {
		g.Items = append(g.Items, cloud.GradedItem{ID: fmt.Sprint("q", i), Kind: "single", Title: "What is the capital?", Points: 1, Graded: true})
	}
	for i := range 30 {
		p := cloud.PupilGrades{Pupil: fmt.Sprintf("u_pupil%02d", i), Came: began + 1, MS: hour, Marks: map[string]cloud.Mark{}}
		for _, q := range g.Items {
			p.Marks[q.ID] = cloud.Mark{Fraction: 1, Points: 1}
		}
		g.Pupils = append(g.Pupils, p)
	}
	b.addReport(cloud.Graded, g)
}
