package e2e

import (
	"fmt"
	"testing"
)

// TestTheTurnsTogetherLookAtEverything goes through the turns of scripts/test. Each has every choice, and
// all have every combination that scripts/pictures looks at.
func TestTheTurnsTogetherLookAtEverything(t *testing.T) {
	const turns = 12 // as scripts/check draws them
	t.Setenv("LIVELEARN_PICTURES", "a folder")
	want := map[any]bool{}
	for _, v := range viewers() {
		want[v] = true
	}
	t.Setenv("LIVELEARN_PICTURES", "")
	got, pairs, languages, sizes := map[any]bool{}, map[[2]int]bool{}, map[string]bool{}, map[[2]int64]bool{}
	for n := range turns {
		t.Setenv("LIVELEARN_TURN", fmt.Sprint(n))
		choices := map[any]bool{}
		for _, v := range viewers() {
			got[v] = true
			choices[v.size], choices[v.lang], choices[v.theme] = true, true, true
		}
		if len(choices) != 6 {
			t.Errorf("turn %d has %v", n, choices)
		}
		for i := range 9 {
			if inTurn(3, i/3, i%3) {
				pairs[[2]int{i / 3, i % 3}] = true
			}
		}
		languages[directions()[0]] = true
		for s := (&stage{}); s.looks < turns; {
			for _, size := range s.sizes() {
				sizes[size] = true
			}
		}
	}
	if len(got) != len(want) || len(want) != 8 || len(pairs) != 9 || len(languages) != 2 || len(sizes) != len(projectors) {
		t.Errorf("%d of %d viewers, %v, %v, %v", len(got), len(want), pairs, languages, sizes)
	}
}
