package gift

import (
	"strings"
	"testing"

	"github.com/livelearn/box/services/quiz/item"
)

func TestWhatGIFTCannotCarryIsLeftOutWithAWord(t *testing.T) {
	image := func(alt string) *item.Image {
		return &item.Image{ID: strings.Repeat("ab", 16) + ".png", Alt: alt, W: 8, H: 6}
	}
	items := []item.Authored{
		{Item: item.Item{ID: "q1", Kind: item.Pin, Text: "Where is\nDakar?", Image: image("A map")}},
		{Item: item.Item{ID: "q2", Kind: item.Poll, Text: "Which?", Image: image("A zoo"), Options: []item.Option{{ID: "a", Image: image("A lion")}, {ID: "b", Text: "none"}}}},
		{Item: item.Item{ID: "q3", Kind: item.Draw, Text: "Draw a leaf"}},
		{Item: item.Item{ID: "q4", Kind: item.Slide, Text: "The end"}},
	}
	text := Format(items)
	for _, want := range []string{
		`// LiveLearn left out: the question "Where is Dakar?", because GIFT has no questions of the kind "pin"`,
		`// LiveLearn left out: the picture of the question, because GIFT has no pictures: "A zoo"`,
		`// LiveLearn left out: the picture of an answer, because GIFT has no pictures: "A lion"`,
		`// LiveLearn left out: the question "Draw a leaf", because GIFT has no questions of the kind "draw"`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	back, problems := Parse(text)
	if len(back) != 2 || len(problems) != 0 || back[0].Kind != item.Poll || back[0].Options[0].Text != "A lion" || back[1].Text != "The end" {
		t.Errorf("read back as %+v, %+v", back, problems)
	}
	if items[1].Options[0].Image == nil {
		t.Error("the quiz itself lost its picture")
	}
}
