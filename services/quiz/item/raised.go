package item

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// raised are characters above the line with those on it. Unicode's compatibility forms would make
// x2 of x², which is another thing.
var raised = map[rune]rune{
	'⁰': '0', '¹': '1', '²': '2', '³': '3', '⁴': '4', '⁵': '5', '⁶': '6', '⁷': '7', '⁸': '8', '⁹': '9',
	'⁺': '+', '⁻': '-', '⁼': '=', '⁽': '(', '⁾': ')', 'ⁿ': 'n', 'ⁱ': 'i', 'ˣ': 'x', 'ʸ': 'y',
}

// squares are single characters for units with a power.
var squares = strings.NewReplacer(
	"㎟", "mm²", "㎠", "cm²", "㎡", "m²", "㎢", "km²", "㎣", "mm³", "㎤", "cm³", "㎥", "m³", "㎦", "km³", "㎨", "m/s²", "㎯", "rad/s²",
)

// markPowers writes powers as people type them, "x^2" for "x²", and keeps a whole number apart from
// the fraction after it: "1½" is not 11/2. Signs above the line stay signs: "Na⁺" is "Na+".
func markPowers(s string) string {
	s = squares.Replace(s)
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		plain, up := raised[r]
		switch {
		case up && (i == 0 || raised[runes[i-1]] == 0) && hasRaisedDigit(runes[i:]):
			b.WriteByte('^')
			b.WriteRune(plain)
		case up:
			b.WriteRune(plain)
		case i > 0 && r != '⁄' && unicode.IsDigit(runes[i-1]) && strings.ContainsRune(norm.NFKD.String(string(r)), '⁄'):
			b.WriteByte(' ')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hasRaisedDigit reports a run of raised characters with more than a sign in it.
func hasRaisedDigit(runes []rune) bool {
	for _, r := range runes {
		plain, up := raised[r]
		if !up {
			return false
		}
		if unicode.IsDigit(plain) || unicode.IsLetter(plain) {
			return true
		}
	}
	return false
}
