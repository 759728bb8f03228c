package gift

import (
	"strings"
	"unicode"
)

// cell is one character with its line. One that was escaped is never taken for syntax.
type cell struct {
	r    rune // with the bit escaped
	line int32
}

const escaped rune = 1 << 24 // above all of Unicode

type cells []cell

// scan undoes the escapes: \~ \= \# \{ \} \: \\ and \n. A backslash before anything else
// is a backslash, as in \(x^2\).
func scan(lines []line) cells {
	n := 0
	for _, l := range lines {
		n += len(l.text) + 1
	}
	c := make(cells, 0, n)
	for i, l := range lines {
		if i > 0 {
			c = append(c, cell{'\n', int32(l.n - 1)})
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
				c = append(c, cell{'\\' | escaped, int32(l.n)})
			}
			slash = false
			c = append(c, cell{r, int32(l.n)})
		}
		if slash {
			c = append(c, cell{'\\' | escaped, int32(l.n)})
		}
	}
	return c
}

// escape is the way back, on one line.
var escape = strings.NewReplacer(`\`, `\\`, "~", `\~`, "=", `\=`, "#", `\#`, "{", `\{`, "}", `\}`, ":", `\:`, "\n", `\n`).Replace

func (c cells) String() string {
	var b strings.Builder
	for _, x := range c {
		b.WriteRune(x.r &^ escaped)
	}
	return strings.TrimSpace(b.String())
}

func (c cells) trim() cells {
	for len(c) > 0 && unicode.IsSpace(c[0].r) {
		c = c[1:]
	}
	for len(c) > 0 && unicode.IsSpace(c[len(c)-1].r) {
		c = c[:len(c)-1]
	}
	return c
}

// line is where c begins, or other when it is empty.
func (c cells) line(other int) int {
	if c = c.trim(); len(c) > 0 {
		return int(c[0].line)
	}
	return other
}

func (c cells) starts(s string) bool {
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

// index is where the syntax s (ASCII) is first, or -1.
func (c cells) index(s string) int {
	for i := range c {
		if c[i:].starts(s) {
			return i
		}
	}
	return -1
}

func (c cells) cut(s string) (before, after cells, found bool) {
	if i := c.index(s); i >= 0 {
		return c[:i], c[i+len(s):], true
	}
	return c, nil, false
}

// cutLast cuts at the last s.
func (c cells) cutLast(s string) (before, after cells, found bool) {
	for i := len(c) - 1; i >= 0; i-- {
		if c[i:].starts(s) {
			return c[:i], c[i+len(s):], true
		}
	}
	return c, nil, false
}

// part is one answer: what follows "=" or "~". Mark is 0 for what is before the first.
type part struct {
	mark rune
	cells
}

// maxParts is more than any kind of question takes, so that too many are too many.
const maxParts = 100

// parts cuts an answer section into its answers.
func (c cells) parts() (list []part) {
	at := part{cells: c[:0]}
	from := 0
	end := func(to int) {
		at.cells = c[from:to].trim()
		if at.mark == 0 && len(at.cells) == 0 || at.mark == '~' && to == from && to < len(c) && c[to].r == '=' {
			return // nothing before the first, or "~=", which is "="
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
