package gift

import (
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// question is one question while it is read.
type question struct {
	item.Authored
	marks marks
	line  int
	form  form // of the question's text, and of all texts in it that name no other
}

// read reads one question and normalises it.
func (b block) read() (item.Authored, error) {
	q := question{marks: marked(b.notes), line: b.line()}
	if n := b.size(); n > maxBlock {
		return q.Authored, problem(q.line, "too_long", "%d bytes, at most %d; is an image in it?", n, maxBlock)
	}
	q.ID, q.Points, q.Seconds = q.marks.id, q.marks.number("points", 1), q.marks.number("seconds", 0)
	c := scan(b.lines)
	if c.starts("::") {
		c = c[2:]
		if title, rest, ok := c.cut("::"); ok {
			q.Title, c = title.String(), rest.trim()
		}
	}
	stem, answers, found, err := sections(c)
	if err != nil {
		return q.Authored, err
	}
	q.Text, q.form = stem.text(moodle)
	if !found {
		q.Kind, q.Key.General = item.Slide, q.marks.general
		return q.Authored, q.Normalise(op)
	}
	if rest, general, ok := answers.cutLast("####"); ok {
		answers = rest
		q.Key.General, _ = general.text(q.form)
	}
	if err := q.answers(answers.trim()); err != nil {
		return q.Authored, err
	}
	return q.Authored, q.Normalise(op)
}

// sections tells the answer section from the rest. In the middle of a sentence it leaves
// a gap: the missing word format.
func sections(c cells) (stem, answers cells, found bool, err error) {
	from, to := c.index("{"), c.index("}")
	switch {
	case from < 0 && to < 0:
		return c, nil, false, nil
	case to < 0:
		return nil, nil, false, problem(int(c[from].line), "unclosed", "the answers begin with { and have no } at the end")
	case from < 0 || to < from:
		return nil, nil, false, problem(int(c[to].line), "unopened", "the answers end with } and have no { at the beginning; an ordinary } is written \\}")
	}
	stem, answers = c[:from:from], c[from+1:to]
	if after := c[to+1:]; len(after.trim()) > 0 {
		for _, x := range after {
			if x.r == '{' || x.r == '}' {
				return nil, nil, false, problem(int(x.line), "two_sections", "a question has one pair of braces; ordinary ones are written \\{ and \\}")
			}
		}
		for range 5 {
			stem = append(stem, cell{'_' | escaped, c[to].line})
		}
		stem = append(stem, after...)
	}
	return stem, answers, true, nil
}

// answers reads the answer section, without the general feedback.
func (q *question) answers(c cells) error {
	kind := q.marks.kind
	switch {
	case len(c) == 0 && kind == item.Text:
		q.Kind = item.Text
		return nil
	case len(c) == 0:
		return problem(q.line, "essay_unsupported", "an essay cannot be asked here")
	case c.starts("#"):
		q.Kind = item.Numeric
		return q.numbers(c[1:])
	case c.index("~") >= 0:
		return q.choice(c.parts())
	case kind != item.Text && c.index("=") >= 0 && c.index("->") >= 0:
		return q.match(c.parts())
	}
	answer, said, _ := c.cut("#")
	switch strings.ToUpper(answer.String()) {
	case "T", "TRUE":
		q.truth("t", "f", said)
		return nil
	case "F", "FALSE":
		q.truth("f", "t", said)
		return nil
	}
	return q.words(c.parts())
}

// truth reads {TRUE#feedback to the wrong answer#feedback to the right one}.
func (q *question) truth(right, wrong string, said cells) {
	q.Kind = item.TrueFalse
	no, yes, _ := said.cut("#")
	q.say(wrong, no)
	q.say(right, yes)
	q.Key.Weights = map[string]float64{right: 1}
	for _, id := range []string{"t", "f"} {
		if w, ok := percent(q.marks.words[id]); ok {
			q.Key.Weights[id] = w
		}
	}
}

// say keeps the feedback to one answer.
func (q *question) say(to string, c cells) {
	s, _ := c.text(q.form)
	if s == "" {
		return
	}
	if q.Key.Feedback == nil {
		q.Key.Feedback = map[string]string{}
	}
	q.Key.Feedback[to] = s
}

// weight reads the %50% that an answer may begin with.
func (p part) weight() (w float64, rest cells, found bool, err error) {
	c := p.trim()
	if !c.starts("%") {
		return 0, c, false, nil
	}
	share, rest, ok := c[1:].cut("%")
	if !ok || len(share) > maxWeight {
		return 0, c, false, nil
	}
	w, ok = percent(share.String())
	switch {
	case !ok:
		return 0, c, false, nil
	case w < -1 || w > 1:
		return 0, c, false, problem(c.line(0), "bad_weight", "%%%s%%: must be -100 to 100", share)
	}
	return w, rest, true, nil
}

const maxWeight = 400 // characters; the smallest number of all has 330

// percent reads a number of percent. It moves the point in the text: a division would
// not give back what was written.
func percent(s string) (float64, bool) {
	digits, minus := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(digits, ".")
	if whole+part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, false
	}
	whole = "00" + whole
	at := len(whole) - 2
	v, err := strconv.ParseFloat(whole[:at]+"."+whole[at:]+part, 64)
	if minus {
		v = -v
	}
	return v, err == nil
}

// inPercent is the way back.
func inPercent(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	s, minus := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(s, ".")
	part += strings.Repeat("0", max(0, 2-len(part)))
	s = strings.TrimLeft(whole+part[:2], "0")
	if s == "" {
		s = "0"
	}
	if part[2:] != "" {
		s += "." + part[2:]
	}
	if minus {
		s = "-" + s
	}
	return s
}
