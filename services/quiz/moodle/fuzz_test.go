package moodle

import (
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
	"github.com/livelearn/box/services/quiz/pack"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<quiz><question type="multichoice"><questiontext><text>x</text></questiontext><answer fraction="100"><text>a</text></answer><answer><text>b</text></answer></question></quiz>`,
		`<quiz><question type="cloze"><questiontext><text>a {1:SA:=b~%50%c#d} {2:NM:=3:1}</text></questiontext></question></quiz>`,
		`<quiz><question type="numerical"><questiontext><text>x</text></questiontext><answer fraction="1e999"><text>NaN</text></answer></question></quiz>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := pack.ReadXML("fuzz", []byte(text))
		if err != nil {
			return
		}
		c := draft.Collector{Op: "fuzz"}
		Parse(&c, root)
		drafttest.CheckQuestions(t, c.Questions)
	})
}
