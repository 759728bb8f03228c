package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

// Parse reads the rows below the headings into c.
func Parse(c *draft.Collector, h Head, rows []Row) {
	c.Format = h.Format
	for _, r := range rows[h.row+1:] {
		if c.IsFull() {
			return
		}
		h.readRow(c, r)
	}
}

// readRow reads one question. A row without a question and answers is none.
func (h Head) readRow(c *draft.Collector, r Row) {
	q := draft.Question{Line: r.Line, Text: r.cell(h.question)}
	answers, places := h.listAnswers(r)
	if q.Text == "" && len(answers) == 0 {
		return
	}
	a := item.Authored{Item: item.Item{Text: q.Text, Points: 1, Seconds: h.readSeconds(&q, r)}}
	a.Key.General = r.cell(h.remark)
	if r.cell(h.picture) != "" {
		q.Lose(markup.LostPicture, "", "the picture is an address, and the box fetches nothing")
	}
	if q.Text == "" {
		c.Refuse(q, "no_question", "", "the row has answers and no question")
		return
	}
	kind := foldHeading(r.cell(h.kind))
	switch kind {
	case "", "multiple choice", "multiplechoice", "checkbox", "poll", "mcq", "msq", "true false", "quiz":
		h.readChoice(c, q, a, r, kind, answers, places)
	case "fill in the blank", "fill in the blanks", "fill in":
		a.Kind = item.Text
		for _, o := range answers {
			a.Key.Texts = append(a.Key.Texts, item.Accepted{Text: strings.ReplaceAll(o.Text, "*", `\*`), Weight: 1})
		}
		if len(a.Key.Texts) == 0 {
			c.Refuse(q, "no_options", "", "a text to write needs an accepted answer")
			return
		}
		c.Add(q, a)
	case "open ended", "openended", "open":
		a.Kind, a.Points = item.Text, 0
		c.Add(q, a)
	case "draw":
		a.Kind = item.Draw
		c.Add(q, a)
	default:
		c.Refuse(q, draft.UnknownKind, r.cell(h.kind), "no questions of the kind %q are asked here", r.cell(h.kind))
	}
}

// listAnswers returns the answers that are not empty and their numbers in the row.
func (h Head) listAnswers(r Row) (list []item.Option, numbers []int) {
	for i, at := range h.answers {
		if s := r.cell(at); s != "" {
			list = append(list, item.Option{ID: strconv.Itoa(i + 1), Text: s})
			numbers = append(numbers, i+1)
		}
	}
	return list, numbers
}

func (h Head) readSeconds(q *draft.Question, r Row) int {
	s := r.cell(h.seconds)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	n := int(v)
	if err != nil || math.Abs(v) > 1e6 || float64(n) != v || n < item.MinSeconds || n > item.MaxSeconds {
		if v != 0 || err != nil {
			q.Lose(draft.LostTime, s, fmt.Sprintf("the time limit %q is none of %d to %d seconds", s, item.MinSeconds, item.MaxSeconds))
		}
		return 0
	}
	return n
}

func (h Head) readChoice(c *draft.Collector, q draft.Question, a item.Authored, r Row, kind string, answers []item.Option, numbers []int) {
	a.Options = answers
	if kind == "poll" {
		a.Kind, a.Points = item.Poll, 0
		c.Add(q, a)
		return
	}
	right, bad := readRight(r.cell(h.right), answers, numbers)
	switch {
	case bad != "":
		c.Refuse(q, "bad_right", bad, "the right answer %q is no answer of this row", bad)
		return
	case len(right) == 0:
		c.Refuse(q, "no_right", "", "no answer is right")
		return
	}
	a.Kind = item.Single
	if len(right) > 1 || kind == "checkbox" || kind == "msq" {
		a.Kind = item.Multi
	}
	a.Key.Weights = map[string]float64{}
	for _, n := range right {
		a.Key.Weights[strconv.Itoa(n)] = 1
	}
	makeTrueFalse(&a)
	c.Add(q, a)
}

// readRight reads "1,3": numbers of answers, or an answer itself.
func readRight(s string, answers []item.Option, numbers []int) (right []int, bad string) {
	for i, o := range answers {
		if strings.EqualFold(o.Text, s) && !isNumberList(s, numbers) {
			return []int{numbers[i]}, ""
		}
	}
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",;& ./", r) }) {
		n, err := strconv.Atoi(f)
		if err != nil && len(f) == 1 && f[0]|0x20 >= 'a' && f[0]|0x20 <= 'j' {
			n, err = int(f[0]|0x20-'a')+1, nil
		}
		if err != nil || !slices.Contains(numbers, n) {
			return nil, s
		}
		if !slices.Contains(right, n) {
			right = append(right, n)
		}
	}
	return right, ""
}

// isNumberList reports whether a text is the number of an answer. In such a column "2" is the second
// answer, even where an answer is "2".
func isNumberList(s string, numbers []int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && slices.Contains(numbers, n)
}

// makeTrueFalse makes a choice of the words "True" and "False" a question of that kind.
func makeTrueFalse(a *item.Authored) {
	if len(a.Options) != 2 || a.Kind != item.Single || !strings.EqualFold(a.Options[0].Text, "true") || !strings.EqualFold(a.Options[1].Text, "false") {
		return
	}
	w := map[string]float64{}
	if a.Key.Weights[a.Options[0].ID] > 0 {
		w["t"] = 1
	} else {
		w["f"] = 1
	}
	a.Kind, a.Options, a.Key.Weights = item.TrueFalse, nil, w
}
