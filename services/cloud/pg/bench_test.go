package pg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
