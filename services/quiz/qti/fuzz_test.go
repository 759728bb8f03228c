package qti

import (
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
	"github.com/livelearn/box/services/quiz/pack"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<assessmentItem identifier="a"><responseDeclaration identifier="R" cardinality="single"><correctResponse><value>A</value></correctResponse></responseDeclaration><itemBody><choiceInteraction responseIdentifier="R"><simpleChoice identifier="A">a</simpleChoice><simpleChoice identifier="B">b</simpleChoice></choiceInteraction></itemBody></assessmentItem>`,
		`<qti-assessment-item><qti-item-body>x <qti-text-entry-interaction response-identifier="R"/> y</qti-item-body></qti-assessment-item>`,
		`<questestinterop><item ident="a"><presentation><material><mattext>x</mattext></material><response_lid ident="r"><render_choice><response_label ident="a"/></render_choice></response_lid></presentation><resprocessing><respcondition><conditionvar><varequal respident="r">a</varequal></conditionvar><setvar>1</setvar></respcondition></resprocessing></item></questestinterop>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := pack.ReadXML("fuzz", []byte(text))
		if err != nil {
			return
		}
		c := draft.Collector{Op: "fuzz"}
		ParseFile(&c, root)
		drafttest.CheckQuestions(t, c.Questions)
	})
}
