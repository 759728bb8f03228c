package exchange

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/item/itemtest"
)

// withoutPictures opens no picture.
func withoutPictures(id string) ([]byte, error) {
	return nil, errs.NewField("test", id, "missing", 0, "no picture")
}

// TestWhatAFormatHoldsIsReadAsItWas writes any questions in each format and reads them. A question
// about which nothing is noted is the same, and one with a fault is not in the file.
func TestWhatAFormatHoldsIsReadAsItWas(t *testing.T) {
	kinds := []item.Kind{item.Single, item.Multi, item.TrueFalse, item.Text, item.Numeric, item.Order, item.Match, item.Gaps, item.Poll, item.Slide, item.Draw}
	const rounds = 400 // the same questions each time
	for _, f := range Formats {
		t.Run(f.Name, func(t *testing.T) {
			same := map[item.Kind]int{}
			for seed := range rounds {
				r := rand.New(rand.NewPCG(uint64(seed), 7))
				var q item.Quiz
				q.Title = "Quiz"
				for i := range 1 + r.IntN(4) {
					a := itemtest.MakeItem(r, kinds[r.IntN(len(kinds))])
					a.ID = fmt.Sprintf("q%d", i+1)
					if f.Name == "kahoot" && r.IntN(3) > 0 {
						makeSimple(r, &a)
					}
					if a.Normalise("t") == nil {
						q.Items = append(q.Items, a)
					}
				}
				checkSame(t, f, q, seed, same)
			}
			t.Log(same)
			for _, k := range kinds {
				held := f.Name != "kahoot" || k == item.Single || k == item.Multi || k == item.TrueFalse
				held = held && k != item.Draw && !(f.Name == "moodle" && k == item.Poll) // noted: Moodle has no polls
				held = held && !(f.Name == "gift" && k == item.Gaps)                     // noted: others do not read it
				if held && same[k] < rounds/80 {
					t.Errorf("only %d of %s came back without a note", same[k], k)
				}
			}
		})
	}
}

// makeSimple leaves what a spreadsheet holds.
func makeSimple(r *rand.Rand, a *item.Authored) {
	a.Title, a.Points, a.Seconds, a.Key.General, a.Key.Feedback = "", 1, []int{5, 10, 20, 30, 60, 90, 120, 240}[r.IntN(8)], "", nil
	a.Options = a.Options[:min(len(a.Options), 4)]
	kept := map[string]float64{}
	for _, o := range append(a.Options, item.Option{ID: "t"}, item.Option{ID: "f"}) {
		if w, ok := a.Key.Weights[o.ID]; ok && (w > 0 || a.Kind == item.TrueFalse && o.ID == "t") {
			kept[o.ID] = 1
		}
	}
	if a.Kind == item.TrueFalse && len(kept) > 1 {
		delete(kept, "f")
	}
	if a.Kind == item.Single {
		kept = map[string]float64{a.Options[0].ID: 1}
	}
	a.Key.Weights = kept
}

func checkSame(t *testing.T, f Format, q item.Quiz, seed int, same map[item.Kind]int) {
	t.Helper()
	data, notes, err := Write(f, q, withoutPictures)
	if err != nil || len(notes) != len(q.Items) {
		t.Fatalf("seed %d: %d notes, %v", seed, len(notes), err)
	}
	held := 0
	for _, n := range notes {
		if n.Fault == nil {
			held++
		}
	}
	if held == 0 {
		return
	}
	file, _, err := Read(data, nil)
	back := file.Items()
	if err != nil || len(back) != held {
		t.Fatalf("seed %d: %d of %d questions, %v\n%+v\n%s", seed, len(back), held, err, file.Questions, data)
	}
	for i, a := range q.Items {
		if notes[i].Fault != nil {
			continue
		}
		got := back[0]
		back = back[1:]
		if f.Name == "kahoot" {
			got.ID = a.ID // the spreadsheet has none, and the quiz gives new ones
		}
		if len(notes[i].Losses) > 0 {
			continue
		}
		if diff := cmp.Diff(a, got); diff != "" {
			t.Fatalf("seed %d: -want +got\n%s\n%s", seed, diff, data)
		}
		same[a.Kind]++
	}
}
