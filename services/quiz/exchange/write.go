package exchange

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/moodle"
	"github.com/livelearn/box/services/quiz/qti"
	"github.com/livelearn/box/services/quiz/table"
)

// Format is a format to write.
type Format struct {
	Name string // in addresses
	Ext  string // of the file, with its dot
	Type string // of the content
}

// Formats are the formats to write.
var Formats = []Format{
	{"gift", ".gift", "text/plain; charset=utf-8"},
	{"moodle", ".xml", "application/xml"},
	{"qti", ".zip", "application/zip"},
	{"kahoot", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
}

// FindFormat returns a format by its name.
func FindFormat(op, name string) (Format, error) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, errs.NewField(op, "format", "unknown", 0, "must be gift, moodle, qti or kahoot")
	}
	return Formats[i], nil
}

// Write writes a quiz. open returns the file of a picture. For each question it returns a note: a
// fault for one that is not in the file, and losses.
func Write(f Format, q item.Quiz, open func(id string) ([]byte, error)) ([]byte, []draft.Question, error) {
	switch f.Name {
	case "moodle":
		data, notes := moodle.Write(q.Items, open)
		return data, notes, nil
	case "qti":
		return qti.Write(q.Title, q.Items, open)
	case "kahoot":
		return table.WriteKahoot(q.Items)
	}
	return []byte(gift.Format(q.Items)), noteGIFT(q.Items), nil
}

// noteGIFT returns what questions lose in GIFT.
func noteGIFT(items []item.Authored) []draft.Question {
	notes := []draft.Question{}
	for i, a := range items {
		q := draft.Question{Line: i + 1, Text: draft.CutText(a.Text)}
		if a.Kind == item.Pin || a.Kind == item.Draw {
			q.Fault = &draft.Note{Code: "no_such_kind", Value: string(a.Kind), Message: "GIFT has no questions of the kind " + string(a.Kind)}
		} else if len(a.Images()) > 0 {
			q.Lose("lost_picture", "", "GIFT has no pictures")
		}
		if a.Kind == item.Gaps {
			q.Lose("gift_gaps", "", "other programs do not read several gaps in GIFT")
		}
		if a.Kind == item.Text && slices.ContainsFunc(a.Key.Texts, func(t item.Accepted) bool { return strings.Contains(t.Text, "->") }) {
			q.Lose("gift_arrow", "", "other programs read -> in an answer as a pair")
		}
		notes = append(notes, q)
	}
	return notes
}
