// Package aiken reads Aiken, the format of multiple choice questions in plain text. It is pure.
//
//	Which of these is a planet?
//	A. Mars
//	B. The Moon
//	ANSWER: A
//
// Parse accepts any text. It reads the format like Moodle, and accepts a little more: small letters,
// a question of several lines, and several right answers ("ANSWER: A, C").
package aiken

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
)

var (
	optionPattern = regexp.MustCompile(`^\s*([A-Za-z])[.)][ \t]+(.*)$`)
	answerPattern = regexp.MustCompile(`^\s*(?i:answers?)\s*:\s*(.*)$`)
	letters       = regexp.MustCompile(`^[A-Za-z](\s*(,|;|&|\band\b)?\s*[A-Za-z]\b)*\.?$`)
	remarkPattern = regexp.MustCompile(`^\s*(?i:feedback|explanation)\s*:\s*(.*)$`)
)

// IsAiken reports whether a text looks like Aiken: an option, and a line with the answer.
func IsAiken(text string) bool {
	option := false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case optionPattern.MatchString(line):
			option = true
		case option && answerPattern.MatchString(line):
			return true
		}
	}
	return false
}

// block is a question during the reading.
type block struct {
	line    int
	text    []string
	options []string
	letters string // of the options
}

// Parse reads questions into c.
func Parse(c *draft.Collector, text string) {
	var b block
	n := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		n++
		line = strings.TrimSpace(line)
		if c.IsFull() {
			return
		}
		option := optionPattern.FindStringSubmatch(line)
		answer := answerPattern.FindStringSubmatch(line)
		remark := remarkPattern.FindStringSubmatch(line)
		switch {
		case line == "":
		case remark != nil && len(b.text) == 0 && addRemark(c, remark[1]):
		case answer != nil:
			b.finish(c, answer[1])
			b = block{}
		case option != nil && len(b.text) > 0 && b.isNext(option[1]):
			b.options = append(b.options, option[2])
			b.letters += strings.ToUpper(option[1])
		case len(b.options) > 0: // the answer is missing, and the next question begins
			b.refuse(c, "no_answer_line", "after the options comes a line ANSWER: and a letter")
			b = block{line: n, text: []string{line}}
		default:
			if b.line == 0 {
				b.line = n
			}
			b.text = append(b.text, line)
		}
	}
	if len(b.text) > 0 {
		b.refuse(c, "no_answer_line", "after the options comes a line ANSWER: and a letter")
	}
}

// isNext reports whether a letter continues the options.
func (b *block) isNext(letter string) bool {
	return strings.ToUpper(letter) == fmt.Sprintf("%c", 'A'+len(b.options))
}

func (b *block) question() draft.Question {
	return draft.Question{Line: max(b.line, 1), Text: strings.Join(b.text, " ")}
}

func (b *block) refuse(c *draft.Collector, code, message string) {
	c.Refuse(b.question(), code, "", "%s", message)
}

// finish makes a question of a block.
func (b *block) finish(c *draft.Collector, answer string) {
	answer = strings.TrimSpace(answer)
	switch {
	case len(b.text) == 0:
		b.refuse(c, "no_question", "an answer without a question")
		return
	case len(b.options) == 0:
		b.refuse(c, "no_options", "options are written A. and B. at the beginning of a line")
		return
	case !letters.MatchString(answer):
		b.refuse(c, "bad_answer_line", "after ANSWER: comes the letter of an option")
		return
	}
	a := item.Authored{Item: item.Item{Kind: item.Single, Text: strings.Join(b.text, "\n"), Points: 1}}
	for i, o := range b.options {
		a.Options = append(a.Options, item.Option{ID: b.letters[i : i+1], Text: o})
	}
	a.Key.Weights = map[string]float64{}
	for _, f := range strings.FieldsFunc(strings.ToUpper(answer), func(r rune) bool { return strings.ContainsRune(" ,;&.\t", r) }) {
		if f == "AND" {
			continue
		}
		for _, r := range f {
			if !strings.ContainsRune(b.letters, r) {
				b.refuse(c, "bad_answer_line", fmt.Sprintf("there is no option %c", r))
				return
			}
			a.Key.Weights[string(r)] = 1
		}
	}
	if len(a.Key.Weights) > 1 {
		a.Kind = item.Multi
	}
	q := b.question()
	c.Add(q, a)
}

// addRemark makes a remark below a question its general feedback.
func addRemark(c *draft.Collector, remark string) bool {
	i := len(c.Questions) - 1
	if i < 0 || c.Questions[i].Item == nil || strings.TrimSpace(remark) == "" {
		return false
	}
	a := *c.Questions[i].Item
	a.Options = slices.Clone(a.Options)
	a.Key.General = strings.TrimSpace(a.Key.General + "\n" + remark)
	if a.Normalise(c.Op) != nil {
		return false
	}
	c.Questions[i].Item = &a
	return true
}
