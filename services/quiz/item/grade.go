package item

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// CheckResponse returns an error for a response that does not have the shape that the item asks
// for.
func CheckResponse(op string, it Item, r Response) error {
	only := map[Kind]string{Single: "options", Multi: "options", TrueFalse: "options", Poll: "options", Text: "text", Numeric: "text", Order: "order", Match: "pairs", Pin: "pin", Draw: "strokes", Gaps: "gaps"}[it.Kind]
	given := map[string]bool{
		"options": len(r.Options) > 0, "text": r.Text != "", "order": len(r.Order) > 0, "pairs": len(r.Pairs) > 0,
		"pin": r.Pin != nil, "strokes": len(r.Strokes) > 0, "gaps": len(r.Gaps) > 0,
	}
	for _, field := range []string{"options", "text", "order", "pairs", "pin", "strokes", "gaps"} {
		switch {
		case field == only && !given[field]:
			return errs.NewField(op, "response."+field, "empty", 1, "must not be empty")
		case field != only && given[field]:
			return errs.NewField(op, "response."+field, "unknown_field", 0, "does not belong to this question")
		}
	}
	switch it.Kind {
	case Single, TrueFalse, Poll, Multi:
		most := len(it.Options)
		if it.Kind != Multi {
			most = 1
		}
		return checkChosen(op, "response.options", r.Options, it.Options, most)
	case Order:
		if len(r.Order) != len(it.Options) {
			return errs.NewField(op, "response.order", "bad_order", int64(len(it.Options)), "must name each option once")
		}
		return checkChosen(op, "response.order", r.Order, it.Options, len(it.Options))
	case Match:
		if err := checkChosen(op, "response.pairs", slices.Collect(maps.Keys(r.Pairs)), it.Options, len(it.Options)); err != nil {
			return err
		}
		for _, c := range r.Pairs {
			if err := checkChosen(op, "response.pairs", []string{c}, it.Choices, 1); err != nil {
				return err
			}
		}
		return nil
	case Text, Numeric:
		return checkWritten(op, "response.text", it.Kind, r.Text)
	case Pin:
		return checkPin(op, *r.Pin)
	case Draw:
		return checkDrawing(op, r.Strokes)
	case Gaps:
		return checkGaps(op, it, r)
	}
	return errs.NewField(op, "response", "no_question", 0, "this asks nothing")
}

func checkChosen(op, field string, ids []string, options []Option, most int) error {
	if len(ids) > most {
		return errs.NewField(op, field, "too_many", int64(most), "%d, at most %d", len(ids), most)
	}
	for i, id := range ids {
		if !slices.ContainsFunc(options, func(o Option) bool { return o.ID == id }) || slices.Contains(ids[:i], id) {
			return errs.NewField(op, field, "unknown", 0, "each must be an option, named once")
		}
	}
	return nil
}

func checkWritten(op, field string, k Kind, s string) error {
	if n := utf8.RuneCountInString(s); n > MaxAnswer {
		return errs.NewField(op, field, "too_long", MaxAnswer, "%d characters, at most %d", n, MaxAnswer)
	}
	if !utf8.ValidString(s) || strings.TrimSpace(s) == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
		return errs.NewField(op, field, "bad_text", 0, "must be a text without control characters")
	}
	if k == Numeric && len(Numbers(s)) == 0 {
		return errs.NewField(op, field, "not_a_number", 0, "must be a number")
	}
	return nil
}

// Grade returns the share of the points for a response, 0 to 1.
func Grade(it Item, k Key, r Response) float64 {
	var v float64
	switch it.Kind {
	case Single, TrueFalse:
		if len(r.Options) == 1 {
			v = k.Weights[r.Options[0]]
		}
	case Multi:
		v = gradeMulti(it, k, r)
	case Text:
		v = bestWeight(k.Texts, func(a Accepted) (bool, float64) {
			return matchesPattern(a.Text, r.Text) || isSameQuantity(a.Text, r.Text), a.Weight
		})
	case Numeric:
		given := Numbers(r.Text)
		v = bestWeight(k.Numbers, func(a Range) (bool, float64) {
			return slices.ContainsFunc(given, func(n float64) bool {
				return math.Abs(n-a.Value) <= a.Tolerance+1e-9*math.Max(1, math.Abs(a.Value))
			}), a.Weight
		})
	case Order:
		v = shareRight(len(k.Order), func(i int) bool { return i < len(r.Order) && r.Order[i] == k.Order[i] })
	case Pin:
		if r.Pin != nil && slices.ContainsFunc(k.Regions, func(a Region) bool { return a.contains(*r.Pin) }) {
			v = 1
		}
	case Match:
		left := slices.Sorted(maps.Keys(k.Pairs))
		v = shareRight(len(left), func(i int) bool { return r.Pairs[left[i]] == k.Pairs[left[i]] })
	case Gaps:
		v = gradeGaps(it, k, r)
	}
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), 1)
}

// gradeMulti adds up the weights of the chosen options. In a key with shares, as Moodle writes it,
// an option without a weight takes nothing away. Where the key only says which options are right,
// a wrong one takes away as much as a right one gives: otherwise choosing all would be right.
func gradeMulti(it Item, k Key, r Response) float64 {
	sum, right, shares := 0.0, 0, false
	for _, o := range it.Options {
		w := k.Weights[o.ID]
		if w > 0 {
			right++
		}
		shares = shares || w != 0 && w != 1
	}
	for _, o := range it.Options {
		if !slices.Contains(r.Options, o.ID) {
			continue
		}
		w := k.Weights[o.ID]
		switch {
		case w == 1 && right > 1: // "right" without a share: all right ones share equally
			w = 1 / float64(right)
		case w == 0 && !shares:
			w = -1 / float64(max(right, 1))
		}
		sum += w
	}
	return math.Round(sum*1e6) / 1e6 // three thirds are one
}

func bestWeight[T any](list []T, f func(T) (bool, float64)) float64 {
	v := math.Inf(-1)
	for _, a := range list {
		if ok, w := f(a); ok {
			v = max(v, w)
		}
	}
	return v
}

func shareRight(n int, right func(int) bool) float64 {
	hit := 0
	for i := range n {
		if right(i) {
			hit++
		}
	}
	return float64(hit) / float64(max(n, 1))
}

// matchesPattern compares a text with a pattern, in which "*" is any text.
func matchesPattern(pattern, s string) bool {
	const star = "\x00"
	pattern = strings.ReplaceAll(pattern, `\*`, "\x01")
	parts := strings.Split(strings.ReplaceAll(pattern, "*", star), star)
	s = FoldText(s)
	for i, p := range parts {
		p = FoldText(strings.ReplaceAll(p, "\x01", "*"))
		switch {
		case len(parts) == 1:
			return s == p
		case i == 0:
			if !strings.HasPrefix(s, p) {
				return false
			}
			s = s[len(p):]
		case i == len(parts)-1:
			return strings.HasSuffix(s, p)
		default:
			at := strings.Index(s, p)
			if at < 0 {
				return false
			}
			s = s[at+len(p):]
		}
	}
	return true
}

// RevealKey returns the part of a key that everybody may see after the reveal.
func RevealKey(it Item, k Key) Revealed {
	out := Revealed{General: k.General, Feedback: k.Feedback, Order: k.Order, Pairs: k.Pairs, Regions: k.Regions, Gaps: revealGaps(it, k)}
	for _, o := range it.Options {
		if k.Weights[o.ID] > 0 {
			out.Right = append(out.Right, o.ID)
		}
	}
	for _, a := range k.Texts {
		if a.Weight > 0 {
			out.Texts = append(out.Texts, strings.ReplaceAll(a.Text, `\*`, "*"))
		}
	}
	for _, n := range k.Numbers {
		if n.Weight <= 0 {
			continue
		}
		out.Numbers = append(out.Numbers, n.String())
	}
	return out
}

// String returns the range as pupils see it: "3.14 ± 0.01".
func (r Range) String() string {
	s := strconv.FormatFloat(r.Value, 'f', -1, 64)
	if r.Tolerance > 0 {
		s += " ± " + strconv.FormatFloat(r.Tolerance, 'f', -1, 64)
	}
	return s
}
