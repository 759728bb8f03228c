package gift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// leftOut begins a comment that names a part of a question which the file does not have.
const leftOut = "LiveLearn left out: "

// dropPictures returns a question as GIFT can carry it, and in words what is missing. An option that
// is only a picture gets the words for the picture.
func dropPictures(a item.Authored) (item.Authored, []string) {
	var notes []string
	if a.Kind == item.Pin || a.Kind == item.Draw {
		return a, []string{fmt.Sprintf("the question %q, because GIFT has no questions of the kind %q", oneLine(a.Text), a.Kind)}
	}
	if a.Image != nil {
		notes = append(notes, "the picture of the question, because GIFT has no pictures"+quoteAlt(*a.Image))
	}
	a.Image = nil
	a.Options, notes = dropFromOptions(a.Options, notes)
	a.Choices, notes = dropFromOptions(a.Choices, notes)
	return a, notes
}

func dropFromOptions(list []item.Option, notes []string) ([]item.Option, []string) {
	list = slices.Clone(list)
	for i, o := range list {
		if o.Image == nil {
			continue
		}
		notes = append(notes, "the picture of an answer, because GIFT has no pictures"+quoteAlt(*o.Image))
		if o.Text == "" {
			list[i].Text = o.Image.Alt
		}
		list[i].Image = nil
	}
	return list, notes
}

func quoteAlt(m item.Image) string {
	if m.Alt == "" {
		return ""
	}
	return fmt.Sprintf(": %q", oneLine(m.Alt))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
