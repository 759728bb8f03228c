package screen

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/livelearn/box/hal"
)

// layout is the page in rows of so many columns.
func layout(p hal.Page, columns int) []string {
	head, foot := title(p.Title, columns), ""
	if narrow := columns < Width/advance; narrow && p.State != "" {
		head = p.State
	} else {
		foot = p.State
	}
	list := []string{cut(plain(head), columns)}
	for _, l := range pick(p.Lines) {
		list = append(list, wrap(l, columns)...)
		if len(list) >= rows {
			break
		}
	}
	list = list[:min(len(list), rows)]
	if foot != "" && len(list) < rows {
		list = append(list, cut(plain(foot), columns))
	}
	return list
}

// title is the part of a title that says most where all of it does not fit: the box's name,
// behind the product's.
func title(s string, columns int) string {
	if _, name, ok := strings.Cut(s, " · "); ok && len(plain(s)) > columns {
		return name
	}
	return s
}

// pick is the lines as fields: the columns of a line stand two blanks or more apart. Of the
// lines that begin with the same label, as those of several addresses, the first is taken:
// what comes after is worth more than another address. An address needs no label.
func pick(lines []string) (list [][]string) {
	var seen []string
	for _, l := range lines {
		f := fields(l)
		if len(f) > 1 {
			if slices.Contains(seen, f[0]) {
				continue
			}
			seen = append(seen, f[0])
			if a, ok := strings.CutPrefix(f[1], "http://"); ok {
				f = append([]string{a}, f[2:]...)
			}
		}
		list = append(list, f)
	}
	return list
}

// fields are what two blanks or more hold apart.
func fields(l string) (list []string) {
	for f := range strings.SplitSeq(plain(l), "  ") {
		if f = strings.TrimSpace(f); f != "" {
			list = append(list, f)
		}
	}
	return list
}

// wrap sets fields in rows. A field that does not fit behind the one before begins a row, a
// word that does not fit in a row is broken where an address is read out in parts.
func wrap(fields []string, columns int) (list []string) {
	row := ""
	for _, f := range fields {
		for i, w := range strings.Fields(f) {
			whole := w
			if i == 0 {
				whole = f // a field stays together if it can
			}
			if row != "" && len(row)+1+len(whole) > columns && (i == 0 || len(row)+1+len(w) > columns) {
				list, row = append(list, row), ""
			}
			if row != "" {
				row += " "
			}
			for row += w; len(row) > columns; {
				n := fold(row, columns)
				list, row = append(list, row[:n]), row[n:]
			}
		}
	}
	if row != "" {
		list = append(list, row)
	}
	return list
}

// fold is where a word is broken: behind the last mark that fits, else where the row ends.
func fold(w string, columns int) int {
	if n := strings.LastIndexAny(w[:columns], ".:/-"); n > 0 {
		return n + 1
	}
	return columns
}

func cut(s string, columns int) string { return s[:min(len(s), columns)] }

// plain is s in the characters that the font has: accents go, and a sign without a likeness
// is a question mark.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= ' ' && r <= '~':
			return r
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == '·' || r == '–' || r == '—':
			return '-'
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		}
		return '?'
	}, norm.NFKD.String(s))
}
