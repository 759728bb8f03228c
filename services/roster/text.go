package roster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/livelearn/box/services/errs"
)

// Marks that word processors leave around right-to-left names; they show nothing.
const marks = "\u200e\u200f\u061c\ufeff"

// cleanName makes a name comparable by the eye: composed, without marks, with single
// spaces. It refuses what is empty, too long, or has characters that cannot be seen or
// that turn the text around them (RFC 8265's concern, by hand: names may have spaces).
func cleanName(op, field, s string, max int) (string, error) {
	if !utf8.ValidString(s) {
		return "", errs.Field(op, field, "bad_text", 0, "not valid UTF-8")
	}
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(marks, r) {
			return -1
		}
		return r
	}, s)
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	n := utf8.RuneCountInString(s)
	switch {
	case s == "":
		return "", errs.Field(op, field, "empty", 1, "must not be empty")
	case n > max:
		return "", errs.Field(op, field, "too_long", int64(max), "%d characters, at most %d", n, max)
	case strings.ContainsFunc(s, hidden):
		return "", errs.Field(op, field, "bad_text", 0, "control characters are not allowed")
	}
	return s, nil
}

// hidden tells characters that no name has. The joiners are part of Persian and Indian
// writing.
func hidden(r rune) bool {
	if r == '\u200c' || r == '\u200d' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

// fold is what two names that people take for the same have in common.
func fold(s string) string { return cases.Fold().String(norm.NFKC.String(s)) }

// digits replaces the digits of all scripts by 0 to 9, so that a PIN typed on an Arabic
// keyboard is the one typed on a Latin one.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf || !unicode.IsDigit(r) {
			return r
		}
		for _, t := range unicode.Nd.R16 { // each range is whole tens, from a zero on
			if rune(t.Lo) <= r && r <= rune(t.Hi) {
				return '0' + (r-rune(t.Lo))%10
			}
		}
		for _, t := range unicode.Nd.R32 {
			if rune(t.Lo) <= r && r <= rune(t.Hi) {
				return '0' + (r-rune(t.Lo))%10
			}
		}
		return r
	}, s)
}
