// Package ink is drawn lines, as whiteboards, drawn answers and pages of groups hold them. The points
// of a line are x, y and pressure (0 to 100) of each point, as integers to base 36 with spaces
// between. The first point is absolute, each other one is the difference to the point before. It is
// pure.
package ink

import (
	"strconv"
	"strings"
)

// Extent is the width and the height of a surface. Coordinates are ten thousandths of them, so ink
// is at the right place at any size.
const Extent = 10_000

// CountPoints counts the points of a line, and reports whether all are valid.
func CountPoints(text string) (int, bool) {
	parts := strings.Split(text, " ")
	if len(parts)%3 != 0 {
		return 0, false
	}
	var at [3]int64
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 36, 32)
		if err != nil || p[0] == '+' {
			return 0, false
		}
		at[i%3] += v
		if at[i%3] < 0 || at[i%3] > Extent || i%3 == 2 && at[2] > 100 {
			return 0, false
		}
	}
	return len(parts) / 3, true
}
