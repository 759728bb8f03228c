package item

import (
	"math"
	"strconv"
	"strings"
)

// SpellOutWeights returns the weights of a choice in the form that other programs understand: a
// wrong option takes away what a right one gives. changed says that the key leaves this out, because
// each right option of it counts the same (see Grade).
func (a *Authored) SpellOutWeights() (weights map[string]float64, changed bool) {
	right := 0
	for _, v := range a.Key.Weights {
		if v != 1 {
			return a.Key.Weights, false
		}
		right++
	}
	weights = map[string]float64{}
	for _, o := range a.Options {
		weights[o.ID] = -1 / float64(max(right, 1))
		if a.Key.Weights[o.ID] > 0 {
			weights[o.ID] = -weights[o.ID]
		}
		weights[o.ID] = math.Round(weights[o.ID]*1e7) / 1e7 // like in Moodle's list: 33.33333
	}
	return weights, true
}

// ParsePercent reads a number of percent as a fraction: "33.3" is 0.333. It moves the point in the
// text, since a division would not give the written number back.
func ParsePercent(s string) (float64, bool) {
	digits, minus := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(digits, ".")
	if whole+part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, false
	}
	whole = "00" + whole
	at := len(whole) - 2
	v, err := strconv.ParseFloat(whole[:at]+"."+whole[at:]+part, 64)
	if minus {
		v = -v
	}
	return v, err == nil
}

// FormatPercent is the inverse of ParsePercent.
func FormatPercent(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	s, minus := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(s, ".")
	part += strings.Repeat("0", max(0, 2-len(part)))
	s = strings.TrimLeft(whole+part[:2], "0")
	if s == "" {
		s = "0"
	}
	if part[2:] != "" {
		s += "." + part[2:]
	}
	if minus {
		s = "-" + s
	}
	return s
}
