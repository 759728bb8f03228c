package moodle

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

// Write writes questions as Moodle XML. open returns the file of a picture. It returns what each
// question loses, by its place.
func Write(items []item.Authored, open func(id string) ([]byte, error)) ([]byte, []draft.Question) {
	var b strings.Builder
	b.WriteString(xml.Header + "<quiz>\n")
	notes := []draft.Question{}
	for i, a := range items {
		w := writer{Authored: a, open: open, q: draft.Question{Line: i + 1, Text: draft.CutText(a.Text)}}
		w.writeQuestion()
		notes = append(notes, w.q)
		if w.q.Fault == nil {
			b.WriteString(w.String())
		}
	}
	b.WriteString("</quiz>\n")
	return []byte(b.String()), notes
}

// writer writes one question.
type writer struct {
	strings.Builder
	item.Authored
	open     func(id string) ([]byte, error)
	q        draft.Question
	settings []string
}

var typeNames = map[item.Kind]string{
	item.Single: "multichoice", item.Multi: "multichoice", item.Poll: "multichoice", item.TrueFalse: "truefalse", item.Text: "shortanswer",
	item.Numeric: "numerical", item.Match: "matching", item.Order: "ordering", item.Gaps: "cloze", item.Slide: "description",
}

func (w *writer) writeQuestion() {
	kind, ok := typeNames[w.Kind]
	if !ok {
		w.q.Fault = &draft.Note{Code: "no_such_kind", Value: string(w.Kind), Message: fmt.Sprintf("Moodle XML has no questions of the kind %q", w.Kind)}
		return
	}
	if w.Kind == item.Text && len(w.Key.Texts) == 0 {
		kind = "essay"
		w.addSetting("text")
	}
	if w.Seconds > 0 {
		w.addSetting("seconds=%d", w.Seconds)
	}
	fmt.Fprintf(w, "<question type=%q>\n", kind)
	w.writePlain("name", w.Title)
	if w.Kind == item.Gaps {
		fmt.Fprintf(w, "<questiontext format=\"html\">%s</questiontext>\n", w.makeHTML("<p>"+w.makeCloze()+"</p>", w.Image))
	} else {
		w.writeRich("questiontext", w.Text, w.Image)
	}
	w.writeRich("generalfeedback", w.Key.General, nil)
	fmt.Fprintf(w, "<defaultgrade>%d</defaultgrade>\n<penalty>0</penalty>\n<hidden>0</hidden>\n<idnumber>%s</idnumber>\n", w.Points, escapeXML(w.ID))
	switch w.Kind {
	case item.Single, item.Multi, item.Poll:
		w.writeChoice()
	case item.TrueFalse:
		w.writeAnswer(w.Key.Weights["t"], "true", "t", "")
		w.writeAnswer(w.Key.Weights["f"], "false", "f", "")
	case item.Text:
		w.writeTexts()
	case item.Numeric:
		w.writeNumbers()
	case item.Match:
		w.writeMatch()
	case item.Order:
		w.writeOrder()
	}
	if len(w.settings) > 0 {
		w.WriteString("<!-- " + settingsPrefix + " " + strings.Join(w.settings, " ") + " -->\n")
	}
	w.WriteString("</question>\n")
}

func (w *writer) addSetting(format string, args ...any) {
	w.settings = append(w.settings, fmt.Sprintf(format, args...))
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

func (w *writer) writePlain(name, s string) {
	fmt.Fprintf(w, "<%s><text>%s</text></%s>\n", name, escapeXML(s), name)
}

// writeRich writes a text as HTML, and a picture below it.
func (w *writer) writeRich(name, s string, m *item.Image) {
	fmt.Fprintf(w, "<%s format=\"html\">%s</%s>\n", name, w.makeRich(s, m), name)
}

func (w *writer) makeRich(s string, m *item.Image) string {
	if s != "" {
		s = "<p>" + markup.HTMLFromText(s) + "</p>"
	}
	return w.makeHTML(s, m)
}

// makeHTML returns the elements of a text in HTML, with a picture below it.
func (w *writer) makeHTML(html string, m *item.Image) string {
	file := ""
	if m != nil {
		data, err := w.open(m.ID)
		if err != nil {
			w.q.Lose(markup.LostPicture, m.ID, "the file of a picture is not there")
		} else {
			html += fmt.Sprintf(`<img src="@@PLUGINFILE@@/%s" alt="%s">`, m.ID, markup.HTMLFromText(m.Alt))
			file = fmt.Sprintf("<file name=%q path=\"/\" encoding=\"base64\">%s</file>", m.ID, base64.StdEncoding.EncodeToString(data))
		}
	}
	return "<text>" + escapeXML(html) + "</text>" + file
}

// writeAnswer writes an answer with plain text, and its feedback.
func (w *writer) writeAnswer(weight float64, text, feedback, more string) {
	fmt.Fprintf(w, "<answer fraction=%q format=\"plain_text\"><text>%s</text>%s", item.FormatPercent(weight), escapeXML(text), more)
	w.writeRich("feedback", w.Key.Feedback[feedback], nil)
	w.WriteString("</answer>\n")
}

func (w *writer) writeChoice() {
	weights := w.Key.Weights
	single := w.Kind != item.Multi
	switch w.Kind {
	case item.Multi:
		var changed bool
		if weights, changed = w.SpellOutWeights(); changed {
			w.addSetting("equal")
		}
	case item.Poll:
		w.addSetting("poll")
		w.q.Lose("poll_in_moodle", "", "Moodle has no polls: it shows a question without a right answer")
	}
	fmt.Fprintf(w, "<single>%t</single>\n<shuffleanswers>false</shuffleanswers>\n<answernumbering>ABCD</answernumbering>\n", single)
	for _, o := range w.Options {
		fmt.Fprintf(w, "<answer fraction=%q format=\"html\">%s", item.FormatPercent(weights[o.ID]), w.makeRich(o.Text, o.Image))
		w.writeRich("feedback", w.Key.Feedback[o.ID], nil)
		w.WriteString("</answer>\n")
	}
}

func (w *writer) writeTexts() {
	if len(w.Key.Texts) == 0 {
		w.WriteString("<responseformat>plain</responseformat>\n<responserequired>1</responserequired>\n<responsefieldlines>5</responsefieldlines>\n<attachments>0</attachments>\n")
		return
	}
	w.WriteString("<usecase>0</usecase>\n")
	for _, a := range w.Key.Texts {
		w.writeAnswer(a.Weight, a.Text, a.Text, "")
	}
}

func (w *writer) writeNumbers() {
	for _, r := range w.Key.Numbers {
		more := "<tolerance>" + strconv.FormatFloat(r.Tolerance, 'g', -1, 64) + "</tolerance>"
		w.writeAnswer(r.Weight, strconv.FormatFloat(r.Value, 'g', -1, 64), r.String(), more)
	}
	if w.Key.Feedback[item.AnyNumber] != "" {
		w.writeAnswer(0, item.AnyNumber, item.AnyNumber, "<tolerance>0</tolerance>")
	}
}

func (w *writer) writeMatch() {
	used := map[string]bool{}
	w.WriteString("<shuffleanswers>true</shuffleanswers>\n")
	find := func(id string) item.Option {
		return w.Choices[slices.IndexFunc(w.Choices, func(o item.Option) bool { return o.ID == id })]
	}
	for _, o := range w.Options {
		c := w.Key.Pairs[o.ID]
		used[c] = true
		w.writePair(w.makeRich(o.Text, o.Image), find(c))
	}
	for _, c := range w.Choices {
		if !used[c.ID] {
			w.writePair("<text></text>", c)
		}
	}
}

func (w *writer) writePair(left string, right item.Option) {
	if right.Image != nil {
		w.q.Lose(markup.LostPicture, "", "the right sides of pairs have no pictures in Moodle")
		if right.Text == "" {
			right.Text = right.Image.Alt
		}
	}
	fmt.Fprintf(w, "<subquestion format=\"html\">%s<answer><text>%s</text></answer></subquestion>\n", left, escapeXML(right.Text))
}

func (w *writer) writeOrder() {
	w.WriteString("<layouttype>VERTICAL</layouttype>\n<selecttype>ALL</selecttype>\n<selectcount>0</selectcount>\n<gradingtype>ABSOLUTE_POSITION</gradingtype>\n<showgrading>SHOW</showgrading>\n<numberingstyle>none</numberingstyle>\n")
	for i, id := range w.Key.Order {
		o := w.Options[slices.IndexFunc(w.Options, func(o item.Option) bool { return o.ID == id })]
		fmt.Fprintf(w, "<answer fraction=\"%d.0000000\" format=\"html\">%s</answer>\n", i+1, w.makeRich(o.Text, o.Image))
	}
}
