package table

import (
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Question,Answer 1,Answer 2,Correct answer\nx,a,b,1\n", "Question Text;Question Type;Option 1;Option 2;Correct Answer\nx;Checkbox;a;b;1,2\n", "\"", "Question #,Question Text,Answer 1,Answer 2,Correct Answer(s)\n1,x,a,b,9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows := ReadCSV(text)
		h, ok := FindHead(rows)
		if !ok {
			return
		}
		c := draft.Collector{Op: "fuzz"}
		Parse(&c, h, rows)
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
