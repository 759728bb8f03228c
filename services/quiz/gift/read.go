package gift

import (
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// question is the state of reading one question.
type question struct {
	item.Authored
	settings settings
	line     int
	form     textForm // of the question's text, and of all texts in it that name no other
}

// readQuestion reads one question and normalises it.
func (b block) readQuestion() (item.Authored, error) {
	q := question{settings: parseComments(b.comments), line: b.firstLine()}
	if n := b.byteSize(); n > maxBlock {
		return q.Authored, newProblem(q.line, "too_long", "%d bytes, at most %d; is an image in it?", n, maxBlock)
	}
	q.ID, q.Points, q.Seconds = q.settings.id, q.settings.getNumber("points", 1), q.settings.getNumber("seconds", 0)
	c := scanCells(b.lines)
	if c.hasPrefix("::") {
		c = c[2:]
		if title, rest, ok := c.cutAt("::"); ok {
			q.Title, c = title.String(), rest.trimSpace()
		}
	}
	parts, sections, err := splitSections(c)
	switch {
	case err != nil:
		return q.Authored, err
	case len(sections) == 0:
		q.Text, q.form = c.plainText(formMoodle)
		q.Kind, q.Key.General = item.Slide, q.settings.general
		return q.Authored, q.Normalise(parseOp)
	case q.isGapText(sections):
		if err := q.readGaps(parts, sections); err != nil {
			return q.Authored, err
		}
		return q.Authored, q.Normalise(parseOp)
	}
	stem := parts[0]
	if len(parts[1].trimSpace()) > 0 { // the missing word format
		stem = joinParts(parts, func(int) string { return item.Blank })
	}
	q.Text, q.form = stem.plainText(formMoodle)
	answers := sections[0]
	if rest, general, ok := answers.cutLast("####"); ok {
		answers = rest
		q.Key.General, _ = general.plainText(q.form)
	}
	if err := q.readAnswers(answers.trimSpace()); err != nil {
		return q.Authored, err
	}
	return q.Authored, q.Normalise(parseOp)
}

// splitSections separates the answer sections from the parts of the text before, between and after
// them.
func splitSections(c cells) (parts, sections []cells, err error) {
	for {
		from, to := c.indexOf("{"), c.indexOf("}")
		switch {
		case from < 0 && to < 0:
			return append(parts, c), sections, nil
		case to < 0:
			return nil, nil, newProblem(int(c[from].line), "unclosed", "the answers begin with { and have no } at the end")
		case from < 0 || to < from:
			return nil, nil, newProblem(int(c[to].line), "unopened", "the answers end with } and have no { at the beginning; an ordinary } is written \\}")
		}
		parts, sections = append(parts, c[:from:from]), append(sections, c[from+1:to])
		c = c[to+1:]
	}
}

// joinParts joins the parts of a text, with what fill returns between two of them.
func joinParts(parts []cells, fill func(n int) string) (c cells) {
	for i, p := range parts {
		c = append(c, p...)
		if i == len(parts)-1 {
			break
		}
		line := int32(0)
		if len(c) > 0 {
			line = c[len(c)-1].line
		}
		for _, r := range fill(i + 1) {
			c = append(c, cell{r | escaped, line})
		}
	}
	return c
}

// readAnswers reads the answer section, without the general feedback.
func (q *question) readAnswers(c cells) error {
	kind := q.settings.kind
	switch {
	case len(c) == 0:
		if q.Kind = item.Text; kind != item.Text { // an essay: people read the words, and no points are given
			q.Points = 0
		}
		return nil
	case c.hasPrefix("#"):
		q.Kind = item.Numeric
		return q.readNumbers(c[1:])
	case c.indexOf("~") >= 0:
		return q.readChoice(c.splitParts())
	case kind != item.Text && c.indexOf("=") >= 0 && c.indexOf("->") >= 0:
		return q.readMatch(c.splitParts())
	}
	answer, said, _ := c.cutAt("#")
	switch strings.ToUpper(answer.String()) {
	case "T", "TRUE":
		q.readTrueFalse("t", "f", said)
		return nil
	case "F", "FALSE":
		q.readTrueFalse("f", "t", said)
		return nil
	}
	return q.readTexts(c.splitParts())
}

// readTrueFalse reads {TRUE#feedback to the wrong answer#feedback to the right one}.
func (q *question) readTrueFalse(right, wrong string, said cells) {
	q.Kind = item.TrueFalse
	no, yes, _ := said.cutAt("#")
	q.setFeedback(wrong, no)
	q.setFeedback(right, yes)
	q.Key.Weights = map[string]float64{right: 1}
	for _, id := range []string{"t", "f"} {
		if w, ok := item.ParsePercent(q.settings.words[id]); ok {
			q.Key.Weights[id] = w
		}
	}
}

// setFeedback stores the feedback to one answer.
func (q *question) setFeedback(to string, c cells) {
	s, _ := c.plainText(q.form)
	if s == "" {
		return
	}
	if q.Key.Feedback == nil {
		q.Key.Feedback = map[string]string{}
	}
	q.Key.Feedback[to] = s
}

// readWeight reads the %50% at the beginning of an answer.
func (p part) readWeight() (w float64, rest cells, found bool, err error) {
	c := p.trimSpace()
	if !c.hasPrefix("%") {
		return 0, c, false, nil
	}
	share, rest, ok := c[1:].cutAt("%")
	if !ok || len(share) > maxWeight {
		return 0, c, false, nil
	}
	w, ok = item.ParsePercent(share.String())
	switch {
	case !ok:
		return 0, c, false, nil
	case w < -1 || w > 1:
		return 0, c, false, newProblem(c.lineOf(0), "bad_weight", "%%%s%%: must be -100 to 100", share)
	}
	return w, rest, true, nil
}

const maxWeight = 400 // characters: the smallest float64 has 330
