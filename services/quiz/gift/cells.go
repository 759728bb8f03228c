package gift

import (
	"strings"
	"unicode"
)

// cell is one character with its line. An escaped character is never syntax.
type cell struct {
	r    rune // with the bit escaped
	line int32
}

const escaped rune = 1 << 24 // greater than all of Unicode

type cells []cell

// scanCells replaces the escapes: \~ \= \# \{ \} \: \\ and \n. A backslash before anything else
// stays a backslash, as in \(x^2\).
func scanCells(lines []line) cells {
	n := 0
	for _, l := range lines {
		n += len(l.text) + 1
	}
	c := make(cells, 0, n)
	for i, l := range lines {
		if i > 0 {
			c = append(c, cell{'\n', int32(l.number - 1)})
		}
		slash := false
		for _, r := range l.text {
			switch {
			case !slash && r == '\\':
				slash = true
				continue
			case slash && strings.ContainsRune(`~=#{}:\`, r):
				r |= escaped
			case slash && r == 'n':
				r = '\n' | escaped
			case slash:
				c = append(c, cell{'\\' | escaped, int32(l.number)})
			}
			slash = false
			c = append(c, cell{r, int32(l.number)})
		}
		if slash {
			c = append(c, cell{'\\' | escaped, int32(l.number)})
		}
	}
	return c
}

// escapeText is the inverse, on one line.
var escapeText = strings.NewReplacer(`\`, `\\`, "~", `\~`, "=", `\=`, "#", `\#`, "{", `\{`, "}", `\}`, ":", `\:`, "\n", `\n`).Replace

func (c cells) String() string {
	var b strings.Builder
	for _, x := range c {
		b.WriteRune(x.r &^ escaped)
	}
	return strings.TrimSpace(b.String())
}

func (c cells) trimSpace() cells {
	for len(c) > 0 && unicode.IsSpace(c[0].r) {
		c = c[1:]
	}
	for len(c) > 0 && unicode.IsSpace(c[len(c)-1].r) {
		c = c[:len(c)-1]
	}
	return c
}

// lineOf returns the line where c begins, or other if c is empty.
func (c cells) lineOf(other int) int {
	if c = c.trimSpace(); len(c) > 0 {
		return int(c[0].line)
	}
	return other
}

func (c cells) hasPrefix(s string) bool {
	if len(c) < len(s) {
		return false
	}
	for i := range len(s) {
		if c[i].r != rune(s[i]) {
			return false
		}
	}
	return true
}

// indexOf returns the place of the first syntax s (ASCII), or -1.
func (c cells) indexOf(s string) int {
	for i := range c {
		if c[i:].hasPrefix(s) {
			return i
		}
	}
	return -1
}

func (c cells) cutAt(s string) (before, after cells, found bool) {
	if i := c.indexOf(s); i >= 0 {
		return c[:i], c[i+len(s):], true
	}
	return c, nil, false
}

// cutLast cuts at the last s.
func (c cells) cutLast(s string) (before, after cells, found bool) {
	for i := len(c) - 1; i >= 0; i-- {
		if c[i:].hasPrefix(s) {
			return c[:i], c[i+len(s):], true
		}
	}
	return c, nil, false
}

// part is one answer: the text after "=" or "~". Mark is 0 for the text before the first.
type part struct {
	mark rune
	cells
}

// maxParts is greater than the limit of any kind of question, so that too many parts are an
// error.
const maxParts = 100

// splitParts cuts an answer section into its answers.
func (c cells) splitParts() (list []part) {
	at := part{cells: c[:0]}
	from := 0
	end := func(to int) {
		at.cells = c[from:to].trimSpace()
		if at.mark == 0 && len(at.cells) == 0 || at.mark == '~' && to == from && to < len(c) && c[to].r == '=' {
			return // the text before the first is empty, or "~=", which equals "="
		}
		if len(list) < maxParts {
			list = append(list, at)
		}
	}
	for i, x := range c {
		if x.r == '=' || x.r == '~' {
			end(i)
			at, from = part{mark: x.r}, i+1
		}
	}
	end(len(c))
	return list
}
