package item

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Signs that keyboards put in the place of plain ones. "Smart" punctuation changes them while a
// pupil types, and the teacher who wrote the key had another keyboard.
const (
	apostrophes = "’‘‛‚ʼʻʽʾʿʹˈ`´′‵‹›՚׳＇"
	quotes      = "“”„‟«»″‶〝〞״＂"
	dashes      = "‐‑‒–—―−⁃﹘﹣－"
	slashes     = "⁄∕"
)

// FoldText returns a text in the form in which texts are compared: compatibility forms and case
// folded, spaces squeezed, similar signs of keyboards made one, digits of any script made
// European, powers written with "^", and without the signs that pupils may leave out (see dropMark). Marks are computed
// from the typed text each time, so a lesson of the past may score higher when FoldText accepts
// more.
func FoldText(s string) string {
	s = cases.Fold().String(norm.NFKC.String(strings.Map(toPlainSign, markPowers(strings.Map(dropInvisible, s)))))
	s = strings.Map(toPlainSign, s) // ½ has become 1⁄2
	if letters := strings.Map(dropMark, s); strings.TrimSpace(letters) != "" {
		s = letters
	}
	s = strings.Join(strings.Fields(s), " ")
	s = strings.ReplaceAll(strings.ReplaceAll(s, `" `, `"`), ` "`, `"`) // « oui »
	for strings.Contains(s, "--") {                                     // phones make it of a dash
		s = strings.ReplaceAll(s, "--", "-")
	}
	return s
}

func dropInvisible(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// toPlainSign returns the sign of a typewriter keyboard for r.
func toPlainSign(r rune) rune {
	switch {
	case strings.ContainsRune(apostrophes, r):
		return '\''
	case strings.ContainsRune(quotes, r):
		return '"'
	case strings.ContainsRune(dashes, r):
		return '-'
	case strings.ContainsRune(slashes, r):
		return '/'
	case unicode.IsDigit(r):
		return '0' + digitValue(r)
	}
	return r
}

// dropMark drops the vowel marks of Arabic, the tatweel, which only stretches a word (Unicode
// Technical Report 53), and the selectors between two looks of an emoji.
func dropMark(r rune) rune {
	switch {
	case r == 'ـ', unicode.Is(unicode.Mn, r) && r>>8 == 0x06, unicode.Is(unicode.Variation_Selector, r):
		return -1
	}
	return r
}

// Numbers returns the numbers that a typed text may mean: with any script's digits, a comma or a
// point (or an apostrophe, see tick), and spaces, points, commas or apostrophes between thousands. An empty result means that
// the text is not a number. Two results are possible: "1,000" is one with three decimals in some
// countries and a thousand in others. The box cannot know, so an answer is right when either is.
// Asking back would delay all pupils who answer 3.142. It must not depend on the key either,
// since that would give the key away.
func Numbers(s string) (list []float64) {
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.No, r) }) {
		return nil // NFKC makes 102 of 10²
	}
	var b strings.Builder
	for _, r := range norm.NFKC.String(strings.TrimSpace(strings.Map(dropInvisible, s))) {
		switch r = toPlainSign(r); {
		case r == '،':
			b.WriteByte(',')
		case unicode.IsSpace(r), r == '_', r == '٬':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	number, power := spaced.ReplaceAllString(b.String(), "$1"), ""
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		number, power = number[:i], number[i:]
	}
	if strings.ContainsAny(number, "xXpPiInN") {
		return nil
	}
	number = dropGroups(number)
	for _, n := range listReadings(number) {
		if v, err := strconv.ParseFloat(n+power, 64); err == nil && !isBadNumber(v) {
			list = append(list, v)
		}
	}
	return list
}

var (
	// spaced matches a sign with the spaces around it: "- 5", and "1, 5" as phones write it.
	spaced = regexp.MustCompile(` *([.,٫eE+-]) *`)
	// tick matches a number with an apostrophe before its decimals, as pupils in Spain write it: "3'14".
	tick = regexp.MustCompile(`^([+-]?\d+)'(\d{1,2}|\d{4,})$`)
	// grouped matches a number with spaces or apostrophes between its thousands, or spaces between its decimals.
	grouped = regexp.MustCompile(`^[+-]?(\d*|\d{1,3}([ ']+\d{2,3})*[ ']+\d{3})([.,٫](\d*|\d{3}( +\d{3})* +\d{1,3}))?$`)
)

// dropGroups drops the spaces and apostrophes of a number. Those in other places stay, and no number
// has them: "1 2" is not 12.
func dropGroups(s string) string {
	if s = tick.ReplaceAllString(s, "$1.$2"); !grouped.MatchString(s) {
		return s
	}
	return strings.NewReplacer(" ", "", "'", "").Replace(s)
}

// thousands matches a whole number in groups. In India the groups before the last have two
// digits.
var thousands = regexp.MustCompile(`^[+-]?[1-9]\d{0,2}((,\d{2,3})*,\d{3}|(\.\d{2,3})*\.\d{3})$`)

// listReadings returns the possible numbers, in the form of programs, for a text with separators.
func listReadings(s string) (list []string) {
	last := strings.LastIndexAny(s, ".,٫")
	if last < 0 {
		return []string{s}
	}
	mark, size := utf8.DecodeRuneInString(s[last:])
	head := s[:last]
	if !strings.ContainsRune(head, mark) && (!strings.ContainsAny(head, ".,٫") || thousands.MatchString(head)) {
		list = append(list, dropSeparators(head)+"."+s[last+size:])
	}
	if thousands.MatchString(s) {
		list = append(list, dropSeparators(s))
	}
	return list
}

func dropSeparators(s string) string { return strings.NewReplacer(",", "", ".", "").Replace(s) }

// digitValue returns the value of a decimal digit of any script. Each script has ten in a row,
// and adjacent ones begin at a multiple of ten from each other.
func digitValue(r rune) rune {
	zero := r
	for unicode.IsDigit(zero - 1) {
		zero--
	}
	return (r - zero) % 10
}
