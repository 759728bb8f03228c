package roster

import (
	"errors"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/intake"
)

// Line is one name of a pasted list.
type Line struct {
	Number int    // from 1, as the editor counts
	Name   string // cleaned
}

// BadLine is why a line of a pasted list was not taken.
type BadLine struct {
	Line    int    `json:"line"`    // from 1
	Text    string `json:"text"`    // the line, at most 80 characters of it
	Code    string `json:"code"`    // too_long, bad_text, duplicate, too_many or class_full
	Message string `json:"message"` // in English
}

// ParseNames reads a list of names, one a line, as typed or pasted from elsewhere. A
// leading number or bullet is dropped, empty lines are passed over, and a name that the
// list has already is a problem. At most MaxPupils names are taken.
func ParseNames(text string) (names []Line, problems []BadLine) {
	seen := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(names) == MaxPupils {
			problems = append(problems, problem(number, line, "too_many", "a list has at most 200 names; this one and the rest were left out"))
			return names, problems
		}
		name, err := cleanName("roster.ParseNames", "text", intake.Unnumber(line), MaxName)
		if err != nil {
			if e, ok := errors.AsType[*errs.Error](err); ok && e.Code != "empty" {
				problems = append(problems, problem(number, line, e.Code, e.Err.Error()))
			}
			continue
		}
		if _, twice := seen[fold(name)]; twice {
			problems = append(problems, problem(number, line, "duplicate", "this name is in the list already"))
			continue
		}
		seen[fold(name)] = number
		names = append(names, Line{number, name})
	}
	return names, problems
}

func problem(number int, line, code, message string) BadLine {
	line = strings.TrimSpace(strings.ToValidUTF8(line, "\ufffd"))
	if r := []rune(line); len(r) > 80 {
		line = string(r[:80])
	}
	return BadLine{Line: number, Text: line, Code: code, Message: message}
}
