package roster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livelearn/box/services/listimport"
)

// cleanName returns a name in the form that people compare by eye, or an error. It uses the rules
// of listimport, since most names come from lists.
func cleanName(op, field, s string, max int) (string, error) {
	return listimport.CleanName(op, field, s, max)
}

// foldName returns the same text for two names that people take for the same.
func foldName(s string) string { return listimport.FoldName(s) }

// toASCIIDigits replaces the digits of all scripts by 0 to 9, so that a PIN typed on an Arabic
// keyboard equals the one typed on a Latin one.
func toASCIIDigits(s string) string {
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
