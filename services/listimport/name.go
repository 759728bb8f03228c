package listimport

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/livelearn/box/services/errs"
)

// Marks that word processors leave around right-to-left names. They are invisible.
const directionMarks = "\u200e\u200f\u061c\ufeff"

// CleanName returns a name in the form that people compare by eye: composed, without marks, with
// single spaces. It refuses a name that is empty, longer than max characters, or has characters
// that are invisible or that turn the text around them (the concern of RFC 8265, by hand, since
// names may have spaces). Cleaning a clean name changes nothing.
func CleanName(op, field, s string, max int) (string, error) {
	if !utf8.ValidString(s) {
		return "", errs.NewField(op, field, "bad_text", 0, "not valid UTF-8")
	}
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(directionMarks, r) {
			return -1
		}
		return r
	}, s)
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	n := utf8.RuneCountInString(s)
	switch {
	case s == "":
		return "", errs.NewField(op, field, "empty", 1, "must not be empty")
	case n > max:
		return "", errs.NewField(op, field, "too_long", int64(max), "%d characters, at most %d", n, max)
	case strings.ContainsFunc(s, isHidden):
		return "", errs.NewField(op, field, "bad_text", 0, "control characters are not allowed")
	}
	return s, nil
}

// isHidden reports characters that no name has. The joiners are part of Persian and Indian
// writing.
func isHidden(r rune) bool {
	if r == '\u200c' || r == '\u200d' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

// FoldName returns the same text for two names that people take for the same.
func FoldName(s string) string { return cases.Fold().String(norm.NFKC.String(s)) }

// StripListMark drops the marks that lists put before a name: "12. ", "3) ", "7\t", "- ", "• ".
func StripListMark(line string) string {
	s := strings.TrimSpace(strings.TrimLeft(line, directionMarks))
	if rest := strings.TrimLeftFunc(s, unicode.IsDigit); rest != s {
		if after := strings.TrimLeft(rest, ".):]"); after != rest || startsWithSpace(rest) {
			return stripBullet(strings.TrimSpace(after))
		}
		return s // "4Ever" is a name
	}
	return stripBullet(s)
}

func stripBullet(s string) string {
	rest := strings.TrimLeft(s, "-*•·–—‣◦▪●")
	return strings.TrimSpace(rest)
}

func startsWithSpace(s string) bool {
	for _, r := range s {
		return unicode.IsSpace(r)
	}
	return false
}
