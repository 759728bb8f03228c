package aiken

import (
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Which?\nA. a\nB. b\nANSWER: A\n", "ANSWER: B", "A. x\nANSWER: A, B", "x\nA) y\nFEEDBACK: z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := draft.Collector{Op: "fuzz"}
		Parse(&c, text)
		drafttest.CheckQuestions(t, c.Questions)
	})
}
