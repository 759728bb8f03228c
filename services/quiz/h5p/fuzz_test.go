package h5p

import (
	"encoding/json"
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
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
		checkQuestions(t, r.Questions)
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
