package roster

import (
	"errors"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/listimport"
)

// Line is one name of a pasted list.
type Line struct {
	Number int    // from 1, as the editor counts
	Name   string // cleaned
}

// BadLine is a line of a pasted list that is left out, with the reason.
type BadLine struct {
	Line    int    `json:"line"`    // from 1
	Text    string `json:"text"`    // the line, at most 80 characters of it
	Code    string `json:"code"`    // too_long, bad_text, duplicate, too_many or class_full
	Message string `json:"message"` // in English
}

// ParseNames reads a typed or pasted list of names, one a line. It drops a leading number or
// bullet and skips empty lines. A name that the list has already is a problem. It returns at most
// MaxPupils names.
func ParseNames(text string) (names []Line, problems []BadLine) {
	seen := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(names) == MaxPupils {
			problems = append(problems, newBadLine(number, line, "too_many", "a list has at most 200 names; this one and the rest were left out"))
			return names, problems
		}
		name, err := cleanName("roster.ParseNames", "text", listimport.StripListMark(line), MaxName)
		if err != nil {
			if e, ok := errors.AsType[*errs.Error](err); ok && e.Code != "empty" {
				problems = append(problems, newBadLine(number, line, e.Code, e.Err.Error()))
			}
			continue
		}
		if _, twice := seen[foldName(name)]; twice {
			problems = append(problems, newBadLine(number, line, "duplicate", "this name is in the list already"))
			continue
		}
		seen[foldName(name)] = number
		names = append(names, Line{number, name})
	}
	return names, problems
}

func newBadLine(number int, line, code, message string) BadLine {
	line = strings.TrimSpace(strings.ToValidUTF8(line, "\ufffd"))
	if r := []rune(line); len(r) > 80 {
		line = string(r[:80])
	}
	return BadLine{Line: number, Text: line, Code: code, Message: message}
}
