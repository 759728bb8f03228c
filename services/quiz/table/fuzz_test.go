package table

import (
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
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
		drafttest.CheckQuestions(t, c.Questions)
	})
}
