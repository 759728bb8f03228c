package ink

import (
	"strings"
	"testing"
)

func TestPointsAreCountedWhereTheyLieOnTheSurface(t *testing.T) {
	for text, want := range map[string]int{
		"0 0 0": 1, "7ps 7ps 2s": 1, "0 0 0 a b 1 -a -b -1": 3, "7pt 0 0": -1, "0 0 2t": -1, "0 0 -1": -1, "0 0": -1, "": -1, "+1 0 0": -1, "0  0 0": -1, "0 0 0 -1 0 0": -1,
	} {
		n, ok := CountPoints(text)
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %v", text, n, ok)
		}
	}
}

func FuzzCountPoints(f *testing.F) {
	f.Add("0 0 0 5 5 0")
	f.Add("zzzzzz -zzzzzz 2s")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := CountPoints(text); ok && n != (strings.Count(text, " ")+1)/3 {
			t.Errorf("%q: %d points", text, n)
		}
	})
}
