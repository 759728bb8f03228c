package h5p

import (
	"encoding/json"
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
)

func FuzzParse(f *testing.F) {
	f.Add("H5P.MultiChoice 1.16", `{"question":"x","answers":[{"text":"a","correct":true},{"text":"b"}]}`)
	f.Add("H5P.QuestionSet", `{"questions":[{"library":"H5P.Blanks 1.0","params":{"questions":["a *b/c:d* *e*"]}}]}`)
	f.Add("H5P.DragText", `{"textField":"*a* *b*","distractors":"*c*"}`)
	f.Fuzz(func(t *testing.T, library, content string) {
		var v value
		if json.Unmarshal([]byte(content), &v.v) != nil {
			return
		}
		r := reader{Collector: &draft.Collector{Op: "fuzz"}}
		r.readLibrary(library, "", v, 0)
		drafttest.CheckQuestions(t, r.Questions)
	})
}
