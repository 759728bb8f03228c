package table

import (
	"fmt"
	"math"
	"regexp"
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
	if q.Text == "" && len(answers) == 0 || h.explains(r) {
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
	case "", "multiple choice", "multiplechoice", "single choice", "single select", "checkbox", "multiple select", "multi select", "multiselect", "poll", "mcq", "msq", "true false", "quiz":
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

// explains reports a row of the template that says what its columns are for.
func (h Head) explains(r Row) bool {
	return h.kind >= 0 && slices.Contains(kindWords, foldHeading(r.cell(h.kind)))
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
	v, err := parseSeconds(s)
	n := int(v)
	if err != nil || math.Abs(v) > 1e6 || float64(n) != v || n < item.MinSeconds || n > item.MaxSeconds {
		if v != 0 || err != nil {
			q.Lose(draft.LostTime, s, fmt.Sprintf("the time limit %q is none of %d to %d seconds", s, item.MinSeconds, item.MaxSeconds))
		}
		return 0
	}
	return n
}

// timePattern matches "20", "20 sec", "2 min" and "1:30".
var timePattern = regexp.MustCompile(`^(?:(\d{1,3}):(\d{2})|([+-]?[\d.,]{1,12}) ?(s|sec|secs|seconds?|secondes?|segundos?|sekunden|ثانية|m|min|mins|minutes?|minutos?|minuten|دقيقة)?\.?)$`)

func parseSeconds(s string) (float64, error) {
	m := timePattern.FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return 0, strconv.ErrSyntax
	}
	if m[1] != "" {
		minutes, _ := strconv.Atoi(m[1])
		seconds, _ := strconv.Atoi(m[2])
		return float64(60*minutes + seconds), nil
	}
	v, err := strconv.ParseFloat(strings.Replace(m[3], ",", ".", 1), 64)
	if strings.HasPrefix(m[4], "m") || m[4] == "دقيقة" {
		v *= 60
	}
	return v, err
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
	if len(right) > 1 || slices.Contains([]string{"checkbox", "msq", "multiple select", "multi select", "multiselect"}, kind) {
		a.Kind = item.Multi
	}
	a.Key.Weights = map[string]float64{}
	for _, n := range right {
		a.Key.Weights[strconv.Itoa(n)] = 1
	}
	makeTrueFalse(&a)
	c.Add(q, a)
}

// words before the number of an answer, and between two of them.
var (
	numberPrefix = regexp.MustCompile(`(?i)^(?:answer|option|choice|réponse|respuesta|opción|antwort|الإجابة|الخيار|#|no\.?|n°)\s*#?\s*`)
	andPattern   = regexp.MustCompile(`(?i)\s(?:and|et|y|und|e|و)\s`)
)

// readRight reads the right answers: their numbers ("1,3", "Answer 1 and 3"), their letters or
// themselves.
func readRight(s string, answers []item.Option, numbers []int) (right []int, bad string) {
	for i, o := range answers {
		if strings.EqualFold(o.Text, s) && !isNumberList(s, numbers) {
			return []int{numbers[i]}, ""
		}
	}
	parts := strings.FieldsFunc(andPattern.ReplaceAllString(s, ","), func(r rune) bool { return strings.ContainsRune(",;&/|\n،؛", r) })
	if right, ok := findAnswers(parts, answers, numbers); ok {
		return right, ""
	}
	if right, ok := findAnswers(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",;& ./", r) }), answers, numbers); ok {
		return right, ""
	}
	return nil, s
}

// findAnswers returns the number of each answer that is named, or not ok.
func findAnswers(names []string, answers []item.Option, numbers []int) (right []int, ok bool) {
	for _, name := range names {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(numberPrefix.ReplaceAllString(name, ""), ".0"))
		same := slices.IndexFunc(answers, func(o item.Option) bool { return strings.EqualFold(o.Text, name) })
		switch letter := name[0] | 0x20; {
		case err == nil:
		case same >= 0:
			n = numbers[same]
		case len(name) == 1 && letter >= 'a' && letter <= 'j':
			n = int(letter-'a') + 1
		default:
			return nil, false
		}
		if !slices.Contains(numbers, n) {
			return nil, false
		}
		if !slices.Contains(right, n) {
			right = append(right, n)
		}
	}
	return right, true
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
