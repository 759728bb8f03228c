package gift

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/item/itemtest"
)

func TestWhatIsWrittenIsReadAsItWas(t *testing.T) {
	kinds := []item.Kind{item.Single, item.Multi, item.TrueFalse, item.Text, item.Numeric, item.Order, item.Match, item.Gaps, item.Poll, item.Slide}
	const rounds = 1000 // the same questions each time
	made, said := map[item.Kind]int{}, map[item.Kind]int{}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		want := []item.Authored{}
		taken := map[string]bool{"": true}
		for range 1 + r.IntN(3) {
			a := itemtest.MakeItem(r, kinds[r.IntN(len(kinds))])
			if a.Normalise("t") != nil || taken[a.ID] && a.ID != "" {
				continue
			}
			taken[a.ID] = true
			made[a.Kind]++
			said[a.Kind] += len(a.Key.Feedback)
			want = append(want, a)
		}
		text := Format(want)
		got, problems := Parse(text)
		if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
			t.Fatalf("seed %d: -want +got\n%s\n%v\n%s", seed, diff, problems, text)
		}
	}
	for _, k := range kinds {
		if made[k] < rounds/20 {
			t.Errorf("only %d of %s in %d rounds", made[k], k, rounds)
		}
		if none := k == item.Order || k == item.Match || k == item.Gaps || k == item.Slide; none != (said[k] == 0) {
			t.Errorf("%d times feedback to %s", said[k], k)
		}
	}
}
