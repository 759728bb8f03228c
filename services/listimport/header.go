package listimport

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainLetters are letters that Unicode does not decompose.
var plainLetters = strings.NewReplacer("ß", "ss", "ı", "i", "ø", "o", "ł", "l", "đ", "d", "æ", "ae", "œ", "oe")

// foldHeading reduces a heading to its letters and digits, without case and accents.
func foldHeading(heading string) string {
	s := norm.NFKD.String(FoldName(heading))
	s = plainLetters.Replace(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 'ة':
			return 'ه' // both are common
		case r == 'ى':
			return 'ي'
		case unicode.IsLetter(r) && r != 'ـ', unicode.IsDigit(r):
			return r
		}
		return -1
	}, s)
	return s
}

// headings looks up the columns of a row of headings.
type headings struct {
	words      map[string]column
	fuzzyWords []string // the words that are compared with typing errors
	noise      map[string]bool
	others     map[string]bool
}

func newHeadings() headings {
	h := headings{words: map[string]column{}, noise: newSet(noise), others: newSet(somebodyElse)}
	for c, list := range headingWords {
		for _, w := range list {
			w = foldHeading(w)
			if h.words[w] = c; c.slips() && mayHaveSlips(w) {
				h.fuzzyWords = append(h.fuzzyWords, w)
			}
		}
	}
	return h
}

// mayHaveSlips reports whether a word is long enough for typing errors. In short ones every error
// makes another word of some language.
func mayHaveSlips(word string) bool {
	return word == "name" || utf8.RuneCountInString(word) >= 5 && word[0] < utf8.RuneSelf
}

func newSet(list []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range list {
		m[foldHeading(w)] = true
	}
	return m
}

// columnOf returns the column that a heading names. sure means without a typing error. other and
// sure mean a known column that we do not need.
func (h headings) columnOf(cell string) (c column, sure bool) {
	if len(cell) > 200 {
		return columnOther, false
	}
	for _, form := range headingForms(cell) {
		if c, ok := h.words[foldHeading(form)]; ok {
			return c, true
		}
		list := cutWords(form)
		if rest, ok := dropTablePrefix(list); ok {
			if c, ok := h.words[foldHeading(rest)]; ok {
				return c, true
			}
		}
		for i := range list {
			if list[i] = foldHeading(list[i]); h.others[list[i]] {
				return columnOther, true
			}
		}
		for len(list) > 0 && h.noise[list[0]] {
			list = list[1:]
			if c, ok := h.words[strings.Join(list, "")]; ok {
				return c, true
			}
		}
		list = slices.DeleteFunc(list, func(w string) bool { return h.noise[w] })
		if c, ok := h.words[strings.Join(list, "")]; ok {
			return c, true
		}
	}
	return h.findSlipped(foldHeading(cell))
}

// findSlipped finds a heading with a typing error.
func (h headings) findSlipped(k string) (c column, sure bool) {
	best := 3
	n := utf8.RuneCountInString(k)
	if n < 4 || n > 30 {
		return columnOther, false
	}
	for _, w := range h.fuzzyWords {
		d := countSlips(k, w, allowedSlips(w))
		if d < best || d == best && h.words[w] < c { // a tie must give the same result each time
			best, c = d, h.words[w]
		}
	}
	return c, false
}

// headingForms returns a heading, and the same without the words that programs put around it:
// "Name [Required]", "Full name (FULL_NAME)", "TABLE::Name".
func headingForms(cell string) []string {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(cell), "["); ok { // "[1]Last_Name"
		if _, after, ok := strings.Cut(rest, "]"); ok && strings.TrimSpace(after) != "" {
			cell = after
		}
	}
	list := []string{cell}
	if i := strings.LastIndex(cell, "::"); i >= 0 {
		cell = cell[i+2:]
		list = append(list, cell)
	}
	if i := strings.IndexAny(cell, "[("); i > 0 {
		list = append(list, cell[:i], strings.Trim(cell[i:], "[]() "))
	}
	if i := strings.Index(cell, "/"); i > 0 { // "Schüler/in", "Élève / Student"
		list = append(list, cell[:i], cell[i+1:])
	}
	return list
}

// dropTablePrefix returns a heading without the short name of its table: "PUPFirstName".
func dropTablePrefix(list []string) (string, bool) {
	if len(list) < 2 || len(list[0]) < 2 || len(list[0]) > 5 || strings.ToUpper(list[0]) != list[0] || strings.ToUpper(list[1]) == list[1] {
		return "", false
	}
	return strings.Join(list[1:], ""), true
}

// cutWords cuts a heading into its words: "STUFirstName", "first_name", "Nom de l'élève".
func cutWords(s string) (list []string) {
	runes := []rune(s)
	start := 0
	for i, r := range runes {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		camel := i > start && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if letter && !camel {
			continue
		}
		if i > start {
			list = append(list, string(runes[start:i]))
		}
		if start = i; !letter {
			start++
		}
	}
	return append(list, string(runes[start:]))
}

// allowedSlips returns how many typing errors a word may have: one in short ones, two in long
// ones.
func allowedSlips(word string) int {
	if utf8.RuneCountInString(word) >= 8 {
		return 2
	}
	return 1
}

// countSlips counts the letters that are missing, extra, wrong or swapped with their neighbour
// (optimal string alignment). If there are more than most, it returns 3.
func countSlips(a, b string, most int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > most || len(y)-len(x) > most {
		return 3
	}
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			wrong := 1
			if x[i-1] == y[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	if d := last[len(y)]; d <= most {
		return d
	}
	return 3
}
