package screen

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/livelearn/box/hal"
)

// layOutPage returns the page as rows with this number of columns.
func layOutPage(p hal.Page, columns int) []string {
	head, foot := fitTitle(p.Title, columns), ""
	if narrow := columns < Width/glyphWidth; narrow && p.State != "" {
		head = p.State
	} else {
		foot = p.State
	}
	list := []string{cutColumns(toASCII(head), columns)}
	for _, l := range pickFields(p.Lines) {
		list = append(list, wrapFields(l, columns)...)
		if len(list) >= rowCount {
			break
		}
	}
	list = list[:min(len(list), rowCount)]
	if foot != "" && len(list) < rowCount {
		list = append(list, cutColumns(toASCII(foot), columns))
	}
	return list
}

// fitTitle shortens a title that is too long to its most useful part: the name of the box, which
// follows the name of the product.
func fitTitle(s string, columns int) string {
	if _, name, ok := strings.Cut(s, " · "); ok && len(toASCII(s)) > columns {
		return name
	}
	return s
}

// pickFields returns the fields of the lines. Two or more blanks separate the columns of a line. Of
// several lines with the same label, such as addresses, it takes the first one: the text after them
// is worth more than another address. It drops the label of an address.
func pickFields(lines []string) (list [][]string) {
	var seen []string
	for _, l := range lines {
		f := splitFields(l)
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

// splitFields splits a line at two or more blanks.
func splitFields(l string) (list []string) {
	for f := range strings.SplitSeq(toASCII(l), "  ") {
		if f = strings.TrimSpace(f); f != "" {
			list = append(list, f)
		}
	}
	return list
}

// wrapFields sets fields in rows. A field that does not fit into the row begins the next one. A
// word that is longer than a row is broken at a mark, where people pause as they read an address
// out.
func wrapFields(fields []string, columns int) (list []string) {
	row := ""
	for _, f := range fields {
		for i, w := range strings.Fields(f) {
			whole := w
			if i == 0 {
				whole = f // keep a field together if possible
			}
			if row != "" && len(row)+1+len(whole) > columns && (i == 0 || len(row)+1+len(w) > columns) {
				list, row = append(list, row), ""
			}
			if row != "" {
				row += " "
			}
			for row += w; len(row) > columns; {
				n := breakPoint(row, columns)
				list, row = append(list, row[:n]), row[n:]
			}
		}
	}
	if row != "" {
		list = append(list, row)
	}
	return list
}

// breakPoint returns where to break a word: after the last mark that fits, otherwise at the end of
// the row.
func breakPoint(w string, columns int) int {
	if n := strings.LastIndexAny(w[:columns], ".:/-"); n > 0 {
		return n + 1
	}
	return columns
}

func cutColumns(s string, columns int) string { return s[:min(len(s), columns)] }

// toASCII returns s in the characters of the font. It removes accents and replaces unknown
// characters by question marks.
func toASCII(s string) string {
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
