// Package gift reads and writes questions in GIFT, the text format that Moodle and most
// similar programs export. It is pure.
//
// Promises: Parse accepts any text and never fails. A broken question is a Problem with its
// line, and Parse reads the others. Parse(Format(x)) is x for every result of
// item.Normalise. Comments keep the settings that GIFT cannot express, and other programs
// skip them:
//
//	// [id:q3]                              the question's id, as Moodle writes it
//	// livelearn: order points=2 seconds=30 its kind where GIFT cannot tell, and settings
//	// livelearn-general: ...               feedback to a slide
//
// The package reads the format like Moodle (docs.moodle.org/en/GIFT_format), and accepts a
// little more: a blank line inside an answer section, and {true} for {TRUE}.
package gift

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

const parseOp = "gift.Parse"

// Codes for exceeded limits. The limits of a question have a code of their own: reading ends at
// tooMany, but after tooManyAnswers the next question is read.
const (
	tooMany        = "too_many"
	tooManyAnswers = "too_many_answers"
)

const (
	maxBlock    = 1 << 20 // bytes of one question with all its markup
	maxProblems = 500     // listed
	maxExcerpt  = 120     // characters of a problem's text
)

// Problem is a question that was not read, with the reason.
type Problem struct {
	Line    int    `json:"line"` // from 1
	Code    string `json:"code"` // a fixed word that the pages translate
	Message string `json:"message"`
	Text    string `json:"text"` // the beginning of the question
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

func newProblem(line int, code, format string, args ...any) error {
	return &Problem{Line: line, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Parse reads questions. It returns normalised ones, at most item.MaxItems. They have the ids of
// the file if it has any. Neither list is nil.
func Parse(text string) (items []item.Authored, problems []Problem) {
	items, problems = []item.Authored{}, []Problem{}
	Walk(text, func(b Block, a item.Authored, p *Problem) {
		if p != nil {
			problems = append(problems, *p)
		} else {
			items = append(items, a)
		}
	})
	return items, problems
}

// Block is the text of one question.
type Block struct {
	Line int // from 1
	Text string
}

// Walk reads questions like Parse, and calls take for each in the order of the text, with the
// question or with its problem.
func Walk(text string, take func(Block, item.Authored, *Problem)) {
	taken := map[string]bool{}
	read, faults := 0, 0
	for _, b := range splitBlocks(text) {
		if read == item.MaxItems || faults == maxProblems {
			p := Problem{Line: b.firstLine(), Code: tooMany, Text: b.excerpt()}
			p.Message = fmt.Sprintf("from here on nothing was read: at most %d questions, or %d problems", item.MaxItems, maxProblems)
			take(b.toBlock(), item.Authored{}, &p)
			return
		}
		a, err := b.readQuestion()
		if err != nil {
			p := b.toProblem(err)
			take(b.toBlock(), item.Authored{}, &p)
			faults++
			continue
		}
		if taken[a.ID] { // a copy of a question is another question
			a.ID = ""
		}
		taken[a.ID] = true
		read++
		take(b.toBlock(), a, nil)
	}
}

func (b block) toBlock() Block {
	lines := make([]string, len(b.lines))
	for i, l := range b.lines {
		lines[i] = l.text
	}
	return Block{b.firstLine(), strings.Join(lines, "\n")}
}

// signPattern matches what only GIFT has: an answer section, a title, a category, a form or our
// comment.
var signPattern = regexp.MustCompile(`(?m)(^|[^\\])\{\s*([=~#%}]|(?i:t|f|true|false)\s*[}#]|\d*:(?i:MC|MR|SA|NM|MULTI|SHORT|NUM)|\[(html|moodle|plain|markdown)\])|^\s*::[^:\n]*::|^\s*\$CATEGORY:|^\s*\[(html|moodle|plain|markdown)\]|^\s*// (livelearn|question: \d|\[id:)`)

// IsGIFT reports whether a text looks like GIFT.
func IsGIFT(text string) bool { return signPattern.MatchString(text) }

// toProblem adds the line and the beginning of the question to err.
func (b block) toProblem(err error) Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Text = b.excerpt()
		return *p
	}
	p := Problem{Line: b.firstLine(), Code: "invalid", Message: err.Error(), Text: b.excerpt()}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		p.Code, p.Message = e.Code, e.Field+": "+e.Err.Error()
		if p.Code == tooMany {
			p.Code = tooManyAnswers
		}
	}
	return p
}

func (b block) excerpt() string {
	s := b.lines[0].text
	if utf8.RuneCountInString(s) <= maxExcerpt {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:maxExcerpt])) + "…"
}
