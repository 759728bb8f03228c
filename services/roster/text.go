package roster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livelearn/box/services/intake"
)

// cleanName makes a name comparable by the eye, or says what is wrong with it: names come
// from lists, so the reader of lists knows how.
func cleanName(op, field, s string, max int) (string, error) { return intake.Clean(op, field, s, max) }

// fold is what two names that people take for the same have in common.
func fold(s string) string { return intake.Fold(s) }

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
