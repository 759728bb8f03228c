// Package gift reads and writes questions in GIFT, the text format that Moodle and most
// of its kin export. It is pure.
//
// Promises: Parse takes any text and never fails; a broken question is a Problem with its
// line, and the others are read. Parse(Format(x)) is x for everything that item.Normalise
// makes. What GIFT has no word for is kept in comments, which other programs skip:
//
//	// [id:q3]                              the question's id, as Moodle writes it
//	// livelearn: order points=2 seconds=30 its kind where GIFT cannot tell, and settings
//	// livelearn-general: ...               feedback to a slide
//
// The format is read as Moodle reads it (docs.moodle.org/en/GIFT_format), and a little
// more kindly: a blank line may be within an answer section, and {true} is {TRUE}.
package gift

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

const op = "gift.Parse"

// Codes of what there may be too many of. A question's own limits have a code apart: at
// tooMany the reading ends, after tooManyAnswers the next question is read.
const (
	tooMany        = "too_many"
	tooManyAnswers = "too_many_answers"
)

const (
	maxBlock    = 1 << 20 // bytes of one question with all its markup
	maxProblems = 500     // that are listed
	maxExcerpt  = 120     // characters of a problem's text
)

// Problem is a question that was not read, and why.
type Problem struct {
	Line    int    `json:"line"` // from 1
	Code    string `json:"code"` // a fixed word for the pages
	Message string `json:"message"`
	Text    string `json:"text"` // how the question begins
}

// Error is the message.
func (p *Problem) Error() string { return p.Message }

func problem(line int, code, format string, args ...any) error {
	return &Problem{Line: line, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Parse reads questions. Those that it gives are normalised, at most item.MaxItems; ids
// are those of the file where it has any. Neither list is nil.
func Parse(text string) (items []item.Authored, problems []Problem) {
	items, problems = []item.Authored{}, []Problem{}
	taken := map[string]bool{}
	for _, b := range blocks(text) {
		if len(items) == item.MaxItems || len(problems) == maxProblems {
			p := Problem{Line: b.line(), Code: tooMany, Text: b.excerpt()}
			p.Message = fmt.Sprintf("from here on nothing was read: at most %d questions, or %d problems", item.MaxItems, maxProblems)
			return items, append(problems, p)
		}
		a, err := b.read()
		if err != nil {
			problems = append(problems, b.problem(err))
			continue
		}
		if taken[a.ID] { // a copy of a question is another question
			a.ID = ""
		}
		taken[a.ID] = true
		items = append(items, a)
	}
	return items, problems
}

// problem is err with the line and the beginning of the question.
func (b block) problem(err error) Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Text = b.excerpt()
		return *p
	}
	p := Problem{Line: b.line(), Code: "invalid", Message: err.Error(), Text: b.excerpt()}
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
