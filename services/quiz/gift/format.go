package gift

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// Format writes questions as GIFT, one after the other with a blank line between.
func Format(items []item.Authored) string {
	var b strings.Builder
	for i, a := range items {
		if i > 0 {
			b.WriteByte('\n')
		}
		w := writer{Authored: a, form: moodle}
		w.question()
		for _, n := range w.notes() {
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
	form  form
	words []string // of our comment
}

func (w *writer) note(format string, args ...any) {
	w.words = append(w.words, fmt.Sprintf(format, args...))
}

// notes are the comments, known after the question was written.
func (w *writer) notes() (list []string) {
	if w.ID != "" {
		list = append(list, "[id:"+strings.ReplaceAll(w.ID, "]", `\]`)+"]")
	}
	if w.Points != 1 && w.Kind != item.Poll && w.Kind != item.Slide {
		w.note("points=%d", w.Points)
	}
	if w.Seconds != 0 {
		w.note("seconds=%d", w.Seconds)
	}
	if len(w.words) > 0 {
		list = append(list, ours+" "+strings.Join(w.words, " "))
	}
	if w.Kind == item.Slide && w.Key.General != "" {
		list = append(list, ourGeneral+" "+escape(w.Key.General))
	}
	return list
}

func (w *writer) question() {
	if w.Title != "" {
		w.WriteString("::" + escape(w.Title) + "::")
	}
	comment := w.Title == "" && (strings.HasPrefix(w.Text, "//") || strings.HasPrefix(w.Text, bom))
	w.form = w.text(w.Text, comment)
	switch w.Kind {
	case item.Slide:
		w.WriteString("\n")
		return
	case item.TrueFalse:
		w.truth()
	case item.Single, item.Multi, item.Poll:
		w.choice()
	case item.Text:
		w.texts()
	case item.Numeric:
		w.numbers()
	case item.Match:
		w.match()
	case item.Order:
		w.order()
	}
	w.WriteString("}\n")
}

// text writes a text, with its form where it would be read as another text without, or
// where the caller says so.
func (w *writer) text(s string, marked bool) form {
	for _, f := range forms {
		marked = marked || strings.HasPrefix(s, f.mark())
	}
	if marked || w.form.strip(s) != s {
		w.WriteString(plain.mark() + escape(s))
		return plain
	}
	w.WriteString(escape(s))
	return w.form
}

// arrowless writes a text where "->" would be taken for syntax.
func (w *writer) arrowless(s string) {
	if strings.Contains(s, "->") {
		w.WriteString(rich.mark() + escape(asHTML(s)))
	} else {
		w.text(s, false)
	}
}

// general is the last thing in an answer section.
func (w *writer) general(before, after string) {
	if w.Key.General != "" {
		w.WriteString(before + "####")
		w.text(w.Key.General, false)
		w.WriteString(after)
	}
}

func (w *writer) feedback(to string) {
	if s := w.Key.Feedback[to]; s != "" {
		w.WriteString("#")
		w.text(s, false)
	}
}

func (w *writer) truth() {
	right, wrong, word := "t", "f", "{TRUE"
	if w.Key.Weights["t"] <= 0 {
		right, wrong, word = "f", "t", "{FALSE"
	}
	for _, id := range []string{right, wrong} {
		if v := w.Key.Weights[id]; id == right && v != 1 || id == wrong && v != 0 {
			w.note("%s=%s", id, inPercent(v))
		}
	}
	w.WriteString(word)
	w.feedback(wrong)
	if w.Key.Feedback[right] != "" && w.Key.Feedback[wrong] == "" {
		w.WriteString("#")
	}
	w.feedback(right)
	w.general("", "")
}

// shares are the weights as other programs understand them: what the box makes of "right"
// and nothing else is written out.
func (w *writer) shares() map[string]float64 {
	right := 0
	for _, v := range w.Key.Weights {
		if v != 1 {
			return w.Key.Weights
		}
		right++
	}
	w.note("equal")
	list := map[string]float64{}
	for _, o := range w.Options {
		list[o.ID] = -1 / float64(max(right, 1))
		if w.Key.Weights[o.ID] > 0 {
			list[o.ID] = -list[o.ID]
		}
		list[o.ID] = math.Round(list[o.ID]*1e7) / 1e7 // as in Moodle's list: 33.33333
	}
	return list
}

func (w *writer) choice() {
	weights := w.Key.Weights
	switch w.Kind {
	case item.Poll:
		w.note("poll")
	case item.Multi:
		weights = w.shares()
	case item.Single:
		if !slices.ContainsFunc(w.Options, func(o item.Option) bool { return weights[o.ID] == 1 }) {
			w.note("single")
		}
	}
	w.WriteString("{\n")
	written := false // a "~" must be, or these are short answers
	for i, o := range w.Options {
		mark := "~"
		switch v := weights[o.ID]; {
		case v == 1 && w.Kind == item.Single && (written || i < len(w.Options)-1):
			mark = "="
		case v != 0:
			mark = "~%" + inPercent(v) + "%"
		}
		written = written || mark != "="
		w.WriteString("\t" + mark)
		w.text(o.Text, mark[len(mark)-1] != '%' && strings.HasPrefix(o.Text, "%"))
		w.feedback(o.ID)
		w.WriteString("\n")
	}
	w.general("\t", "\n")
}

func (w *writer) texts() {
	if len(w.Key.Texts) == 0 {
		w.note("text")
		w.WriteString("{")
		w.general("", "")
		return
	}
	arrow := false
	w.WriteString("{\n")
	for _, a := range w.Key.Texts {
		arrow = arrow || strings.Contains(a.Text, "->")
		w.WriteString("\t=%" + inPercent(a.Weight) + "%")
		w.accepted(a.Text)
		if s := w.Key.Feedback[a.Text]; s != "" {
			w.WriteString("#")
			w.arrowless(s)
		}
		w.WriteString("\n")
	}
	if arrow { // no pairs
		w.note("text")
	}
	w.general("\t", "\n")
}

// accepted writes a text that is compared, and so never has markup.
func (w *writer) accepted(s string) {
	f := w.form
	w.form = plain
	w.text(s, false)
	w.form = f
}

func (w *writer) numbers() {
	list, any := w.Key.Numbers, w.Key.Feedback[item.AnyNumber] != ""
	w.WriteString("{#")
	if len(list) == 1 && list[0].Weight == 1 && !any && w.Key.General == "" {
		w.number(list[0])
		return
	}
	w.WriteString("\n")
	for _, r := range list {
		w.WriteString("\t=%" + inPercent(r.Weight) + "%")
		w.number(r)
		w.WriteString("\n")
	}
	if any {
		w.WriteString("\t~")
		w.feedback(item.AnyNumber)
		w.WriteString("\n")
	}
	w.general("\t", "\n")
}

func (w *writer) number(r item.Range) {
	w.WriteString(digits(r.Value))
	if r.Tolerance != 0 {
		w.WriteString(":" + digits(r.Tolerance))
	}
	w.feedback(r.String())
}

// digits writes a number that is read as the same one.
func digits(v float64) string {
	if a := math.Abs(v); a != 0 && a < 1e-6 {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (w *writer) match() {
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
		w.arrowless(o.Text)
		w.WriteString(" -> " + escape(text[c]) + "\n")
	}
	for _, c := range w.Choices {
		if !used[c.ID] {
			w.WriteString("\t= -> " + escape(c.Text) + "\n")
		}
	}
	w.general("\t", "\n")
}

func (w *writer) order() {
	w.note("order")
	text := map[string]string{}
	for _, o := range w.Options {
		text[o.ID] = o.Text
	}
	w.WriteString("{\n")
	for i, id := range w.Key.Order {
		w.WriteString(fmt.Sprintf("\t=%d -> %s\n", i+1, escape(text[id])))
	}
	w.general("\t", "\n")
}
