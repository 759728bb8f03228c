package item

import (
	"regexp"
	"slices"
	"strings"
)

// quantity matches a number with a unit after it: "5 cm", "-1,5 kg", "20 %".
var quantity = regexp.MustCompile(`^([+\-]?[\d.,'٫٬ ]*\d) ?([^\d\s.,'+*/=:()<>-][^\d+*=:()<>]{0,15}(?:\^-?\d)?)$`)

// splitQuantity returns the possible numbers of a quantity and its unit, or no number for a text
// that is none. It is the same if the unit follows the number with a space or without.
func splitQuantity(s string) (numbers []float64, unit string) {
	m := quantity.FindStringSubmatch(FoldText(s))
	if m == nil {
		return nil, ""
	}
	return Numbers(m[1]), strings.ReplaceAll(strings.TrimSuffix(m[2], "."), " ", "")
}

// isSameQuantity reports whether two texts are the same number with the same unit: "1.5 kg" and
// "1,50kg". The unit is compared as text, so "150 cm" is not "1.5 m".
func isSameQuantity(key, s string) bool {
	want, unit := splitQuantity(key)
	if len(want) == 0 {
		return false
	}
	given, of := splitQuantity(s)
	return of == unit && slices.ContainsFunc(given, func(n float64) bool { return slices.Contains(want, n) })
}
