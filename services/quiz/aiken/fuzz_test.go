package aiken

import (
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Which?\nA. a\nB. b\nANSWER: A\n", "ANSWER: B", "A. x\nANSWER: A, B", "x\nA) y\nFEEDBACK: z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := draft.Collector{Op: "fuzz"}
		Parse(&c, text)
		checkQuestions(t, c.Questions)
	})
}

// checkQuestions fails if a question has neither an item nor a fault, or both.
func checkQuestions(t *testing.T, list []draft.Question) {
	t.Helper()
	if len(list) > draft.MaxQuestions+1 {
		t.Fatalf("%d questions", len(list))
	}
	for _, q := range list {
		if (q.Item == nil) == (q.Fault == nil) || q.Fault != nil && (q.Fault.Code == "" || q.Fault.Message == "") {
			t.Fatalf("%+v", q)
		}
	}
}
