package gift

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

// Format writes questions as GIFT, with a blank line between them.
func Format(items []item.Authored) string {
	var b strings.Builder
	for i, a := range items {
		if i > 0 {
			b.WriteByte('\n')
		}
		plain, notes := dropPictures(a)
		for _, n := range notes {
			b.WriteString(commentLine + leftOut + n + "\n")
		}
		if plain.Kind == item.Pin || plain.Kind == item.Draw {
			continue
		}
		w := writer{Authored: plain, form: formMoodle}
		w.writeQuestion()
		for _, n := range w.commentLines() {
			b.WriteString(commentLine + n + "\n")
		}
		b.WriteString(w.String())
	}
	return b.String()
}

// writer writes one question.
type writer struct {
	strings.Builder
	item.Authored
	form     textForm
	settings []string // of our own comment
}

func (w *writer) addSetting(format string, args ...any) {
	w.settings = append(w.settings, fmt.Sprintf(format, args...))
}

// commentLines returns the comments, which are complete after the question is written.
func (w *writer) commentLines() (list []string) {
	if w.ID != "" {
		list = append(list, "[id:"+strings.ReplaceAll(w.ID, "]", `\]`)+"]")
	}
	if w.Points != 1 && w.Kind != item.Poll && w.Kind != item.Slide {
		w.addSetting("points=%d", w.Points)
	}
	if w.Seconds != 0 {
		w.addSetting("seconds=%d", w.Seconds)
	}
	if len(w.settings) > 0 {
		list = append(list, settingsPrefix+" "+strings.Join(w.settings, " "))
	}
	if w.Kind == item.Slide && w.Key.General != "" {
		list = append(list, generalPrefix+" "+escapeText(w.Key.General))
	}
	return list
}

func (w *writer) writeQuestion() {
	if w.Title != "" {
		w.WriteString("::" + escapeText(w.Title) + "::")
	}
	comment := w.Title == "" && (strings.HasPrefix(w.Text, "//") || strings.HasPrefix(w.Text, byteOrderMark))
	text := w.Text
	if w.Kind == item.Gaps {
		text = item.MarkBlanks(text)
	}
	w.form = w.writeText(text, comment)
	switch w.Kind {
	case item.Slide:
		w.WriteString("\n")
		return
	case item.TrueFalse:
		w.writeTrueFalse()
	case item.Single, item.Multi, item.Poll:
		w.writeChoice()
	case item.Text:
		w.writeTexts()
	case item.Numeric:
		w.writeNumbers()
	case item.Match:
		w.writeMatch()
	case item.Order:
		w.writeOrder()
	case item.Gaps:
		w.writeGaps()
		return
	}
	w.WriteString("}\n")
}

// writeText writes a text. It adds the form if the text would be read as another one without it,
// or if the caller asks for it.
func (w *writer) writeText(s string, marked bool) textForm {
	for _, f := range allForms {
		marked = marked || strings.HasPrefix(s, f.inBrackets())
	}
	if marked || w.form.stripMarkup(s) != s {
		w.WriteString(formPlain.inBrackets() + escapeText(s))
		return formPlain
	}
	w.WriteString(escapeText(s))
	return w.form
}

// writeArrowless writes a text in which "->" would be syntax.
func (w *writer) writeArrowless(s string) {
	if strings.Contains(s, "->") {
		w.WriteString(formHTML.inBrackets() + escapeText(markup.HTMLFromText(s)))
	} else {
		w.writeText(s, false)
	}
}

// writeGeneral writes the last part of an answer section.
func (w *writer) writeGeneral(before, after string) {
	if w.Key.General != "" {
		w.WriteString(before + "####")
		w.writeText(w.Key.General, false)
		w.WriteString(after)
	}
}

func (w *writer) writeFeedback(to string) {
	if s := w.Key.Feedback[to]; s != "" {
		w.WriteString("#")
		w.writeText(s, false)
	}
}

func (w *writer) writeTrueFalse() {
	right, wrong, word := "t", "f", "{TRUE"
	if w.Key.Weights["t"] <= 0 {
		right, wrong, word = "f", "t", "{FALSE"
	}
	for _, id := range []string{right, wrong} {
		if v := w.Key.Weights[id]; id == right && v != 1 || id == wrong && v != 0 {
			w.addSetting("%s=%s", id, item.FormatPercent(v))
		}
	}
	w.WriteString(word)
	w.writeFeedback(wrong)
	if w.Key.Feedback[right] != "" && w.Key.Feedback[wrong] == "" {
		w.WriteString("#")
	}
	w.writeFeedback(right)
	w.writeGeneral("", "")
}

func (w *writer) writeChoice() {
	weights := w.Key.Weights
	switch w.Kind {
	case item.Poll:
		w.addSetting("poll")
	case item.Multi:
		var changed bool
		if weights, changed = w.SpellOutWeights(); changed {
			w.addSetting("equal")
		}
	case item.Single:
		if !slices.ContainsFunc(w.Options, func(o item.Option) bool { return weights[o.ID] == 1 }) {
			w.addSetting("single")
		}
	}
	w.WriteString("{\n")
	written := false // without a "~" these are short answers
	for i, o := range w.Options {
		mark := "~"
		switch v := weights[o.ID]; {
		case v == 1 && w.Kind == item.Single && (written || i < len(w.Options)-1):
			mark = "="
		case v != 0:
			mark = "~%" + item.FormatPercent(v) + "%"
		}
		written = written || mark != "="
		w.WriteString("\t" + mark)
		w.writeText(o.Text, mark[len(mark)-1] != '%' && strings.HasPrefix(o.Text, "%"))
		w.writeFeedback(o.ID)
		w.WriteString("\n")
	}
	w.writeGeneral("\t", "\n")
}

func (w *writer) writeTexts() {
	if len(w.Key.Texts) == 0 {
		w.addSetting("text")
		w.WriteString("{")
		w.writeGeneral("", "")
		return
	}
	arrow := false
	w.WriteString("{\n")
	for _, a := range w.Key.Texts {
		arrow = arrow || strings.Contains(a.Text, "->")
		w.WriteString("\t=%" + item.FormatPercent(a.Weight) + "%")
		w.writeAccepted(a.Text)
		if s := w.Key.Feedback[a.Text]; s != "" {
			w.WriteString("#")
			w.writeArrowless(s)
		}
		w.WriteString("\n")
	}
	if arrow { // there are no pairs
		w.addSetting("text")
	}
	w.writeGeneral("\t", "\n")
}

// writeAccepted writes a text that is compared, so it never has markup.
func (w *writer) writeAccepted(s string) {
	f := w.form
	w.form = formPlain
	w.writeText(s, false)
	w.form = f
}

func (w *writer) writeNumbers() {
	list, any := w.Key.Numbers, w.Key.Feedback[item.AnyNumber] != ""
	w.WriteString("{#")
	if len(list) == 1 && list[0].Weight == 1 && !any && w.Key.General == "" {
		w.writeNumber(list[0])
		return
	}
	w.WriteString("\n")
	for _, r := range list {
		w.WriteString("\t=%" + item.FormatPercent(r.Weight) + "%")
		w.writeNumber(r)
		w.WriteString("\n")
	}
	if any {
		w.WriteString("\t~")
		w.writeFeedback(item.AnyNumber)
		w.WriteString("\n")
	}
	w.writeGeneral("\t", "\n")
}

func (w *writer) writeNumber(r item.Range) {
	w.WriteString(formatNumber(r.Value))
	if r.Tolerance != 0 {
		w.WriteString(":" + formatNumber(r.Tolerance))
	}
	w.writeFeedback(r.String())
}

// formatNumber writes a number so that reading gives the same number.
func formatNumber(v float64) string {
	if a := math.Abs(v); a != 0 && a < 1e-6 {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (w *writer) writeMatch() {
	text := map[string]string{}
	for _, c := range w.Choices {
		text[c.ID] = c.Text
	}
	used := map[string]bool{}
	w.WriteString("{\n")
	for _, o := range w.Options {
		c := w.Key.Pairs[o.ID]
		used[c] = true
		w.WriteString("\t=")
		w.writeArrowless(o.Text)
		w.WriteString(" -> " + escapeText(text[c]) + "\n")
	}
	for _, c := range w.Choices {
		if !used[c.ID] {
			w.WriteString("\t= -> " + escapeText(c.Text) + "\n")
		}
	}
	w.writeGeneral("\t", "\n")
}

func (w *writer) writeOrder() {
	w.addSetting("order")
	text := map[string]string{}
	for _, o := range w.Options {
		text[o.ID] = o.Text
	}
	w.WriteString("{\n")
	for i, id := range w.Key.Order {
		w.WriteString(fmt.Sprintf("\t=%d -> %s\n", i+1, escapeText(text[id])))
	}
	w.writeGeneral("\t", "\n")
}
