package intake

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

// Clean makes a name comparable by the eye: composed, without marks, with single spaces.
// It refuses what is empty, longer than max characters, or has characters that cannot be
// seen or that turn the text around them (RFC 8265's concern, by hand: names may have
// spaces). Cleaning a clean name changes nothing.
func Clean(op, field, s string, max int) (string, error) {
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

// Fold is what two names that people take for the same have in common.
func Fold(s string) string { return cases.Fold().String(norm.NFKC.String(s)) }

// Unnumber drops what lists put before a name: "12. ", "3) ", "7\t", "- ", "• ".
func Unnumber(line string) string {
	s := strings.TrimSpace(strings.TrimLeft(line, marks))
	if rest := strings.TrimLeftFunc(s, unicode.IsDigit); rest != s {
		if after := strings.TrimLeft(rest, ".):]"); after != rest || startsWithSpace(rest) {
			return unbullet(strings.TrimSpace(after))
		}
		return s // "4Ever" is a name
	}
	return unbullet(s)
}

func unbullet(s string) string {
	rest := strings.TrimLeft(s, "-*•·–—‣◦▪●")
	return strings.TrimSpace(rest)
}

func startsWithSpace(s string) bool {
	for _, r := range s {
		return unicode.IsSpace(r)
	}
	return false
}
