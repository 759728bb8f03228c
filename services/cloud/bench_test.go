package cloud_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
)

// backlogSize returns the number of facts that wait. The promise is about a million.
func backlogSize(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("LIVELEARN_BACKLOG"))
	if err != nil {
		n = 1_000_000
	}
	return n
}

// BenchmarkBacklog empties a backlog over lines with several round-trip times, by both ways, from
// the journal to the rows. For comparison it copies as many rows of the same size into a bare
// table over the same line with COPY, without conflicts, watermark or dead letters.
func BenchmarkBacklog(b *testing.B) {
	for _, rtt := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond} {
		var floor float64
		for _, way := range []string{"copy", "postgres", "https"} {
			b.Run(fmt.Sprintf("%s/%v", way, rtt), func(b *testing.B) {
				n, took, bytes := backlogSize(b), time.Duration(0), int64(0)
				for b.Loop() {
					d, bytesOf := newDirectLink(b), func() int64 { return 0 }
					switch way {
					case "copy":
						d.line.SetDelay(rtt)
						took += d.copyRows(b, n)
						bytesOf = d.line.ByteCount
					case "postgres":
						took += drainBacklog(b, d, n, func() { d.line.SetDelay(rtt) })
						bytesOf = d.line.ByteCount
					case "https":
						w := newWebLink(b, d)
						took += drainBacklog(b, w, n, func() { w.line.SetDelay(rtt) })
						bytesOf = w.line.ByteCount
					}
					bytes += bytesOf()
				}
				rate := float64(n) * float64(b.N) / took.Seconds()
				if way == "copy" {
					floor = rate
				}
				b.ReportMetric(rate, "facts/s")
				b.ReportMetric(took.Seconds()/float64(b.N), "s")
				b.ReportMetric(float64(bytes)/float64(n)/float64(b.N), "B/fact")
				b.ReportMetric(rate/floor, "xCOPY")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

const answerJSON = `{"id":"%016x","round":%d,"item":"i_%d","response":{"options":["o%d"]},"took":%d}`

// drainBacklog fills a box's journal and links the box. It returns the time until the cloud has
// everything.
func drainBacklog(b *testing.B, way cloud.Transport, n int, line func()) time.Duration {
	b.Helper()
	x := startBoxWith(b, b.TempDir(), cloud.Config{}, way)
	defer x.stop()
	for i := range n / 500 {
		x.writeEach(fmt.Sprint("room:c_", i%30), "quiz.answered", 500, func(k int) string {
			k += 500 * i
			return fmt.Sprintf(answerJSON, rand.Uint64(), k/30%20, k/30%20, k%4, rand.IntN(60_000))
		})
	}
	line()
	began := time.Now()
	if err := x.Link(context.Background(), "cloud"); err != nil {
		b.Fatal(err)
	}
	waitFor(b, 10*time.Minute, "all is in the cloud", func() bool { _, left := x.Waiting(); return left == 0 })
	return time.Since(began)
}

// copyRows measures the floor: the time that the line and Postgres take for the rows alone.
func (d *directLink) copyRows(b *testing.B, n int) time.Duration {
	b.Helper()
	d.execSQL(b, `create table bare (box text, pos bigint, stream text, epoch bigint, seq bigint, kind text, author text, command text,
		boot bigint, mono bigint, wall timestamptz, trusted bool, payload jsonb, primary key (box, pos));
		grant all on bare to public`)
	conn, err := pgx.Connect(b.Context(), d.url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
	const size = 10_000
	began := time.Now()
	for from := 0; from < n; from += size {
		_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"bare"}, []string{
			"box", "pos", "stream", "epoch", "seq", "kind", "author", "command", "boot", "mono", "wall", "trusted", "payload",
		}, pgx.CopyFromSlice(size, func(i int) ([]any, error) {
			i += from
			return []any{
				"b_1", int64(i), fmt.Sprint("room:c_", i/500%30), int64(1), int64(i), "quiz.answered", fmt.Sprintf("p_%013d", i%30), "", int64(77), int64(i), time.UnixMilli(1_790_000_000_000 + int64(i)), true,
				fmt.Appendf(nil, answerJSON, rand.Uint64(), i/30%20, i/30%20, i%4, rand.IntN(60_000)),
			}, nil
		}))
		if err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}
