package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// BenchmarkWork is a report of 100 pupils, at most of a year: 100,000 answers.
func BenchmarkWork(b *testing.B) {
	for _, answers := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("answers=%d", answers), func(b *testing.B) {
			spec, lines := tapeOf(b, answers)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := RunTask(b.Context(), spec, bytes.NewReader(lines), noProgress); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(b.N*answers), "us/answer")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// tapeOf returns a report's task and the lines of its facts.
func tapeOf(b *testing.B, answers int) (spec, lines []byte) {
	b.Helper()
	tp := newFactTape().lesson()
	m := testMeta()
	for i := range 100 {
		user := fmt.Sprintf("p%d", i)
		m.Names[user] = "Pupil " + user
		tp.came(user)
	}
	tp.load(true)
	n := 0
	for round := 1; n < answers; round++ {
		tp.open(round, single1, 20)
		for i := range 100 {
			for range 5 {
				tp.answer(fmt.Sprintf("p%d", i), round, "q1", []string{"a", "b"}[n%2], 900)
				n++
			}
		}
		tp.shut(round)
	}
	for _, e := range tp.end().facts {
		raw, err := json.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		lines = append(append(lines, raw...), '\n')
	}
	spec, err := json.Marshal(Spec{Meta: m, Out: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	return spec, lines
}
