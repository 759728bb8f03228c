package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// BenchmarkWork is a year's report: 100,000 answers of 100 pupils.
func BenchmarkWork(b *testing.B) {
	tp := newFactTape().lesson()
	m := testMeta()
	for i := range 100 {
		user := fmt.Sprintf("p%d", i)
		m.Names[user] = "Pupil " + user
		tp.came(user)
	}
	tp.load(true)
	n := 0
	for round := 1; n < 100_000; round++ {
		tp.open(round, single1, 20)
		for i := range 100 {
			for range 5 {
				tp.answer(fmt.Sprintf("p%d", i), round, "q1", []string{"a", "b"}[n%2], 900)
				n++
			}
		}
		tp.shut(round)
	}
	var lines []byte
	for _, e := range tp.end().facts {
		raw, err := json.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		lines = append(append(lines, raw...), '\n')
	}
	spec, _ := json.Marshal(Spec{Meta: m, Out: b.TempDir()})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := RunTask(b.Context(), spec, bytes.NewReader(lines), noProgress); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}
