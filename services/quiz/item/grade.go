package item

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/livelearn/box/services/errs"
)

// Check tells whether a response has the shape that the item asks for.
func Check(op string, it Item, r Response) error {
	only := map[Kind]string{Single: "options", Multi: "options", TrueFalse: "options", Poll: "options", Text: "text", Numeric: "text", Order: "order", Match: "pairs"}[it.Kind]
	given := map[string]bool{"options": len(r.Options) > 0, "text": r.Text != "", "order": len(r.Order) > 0, "pairs": len(r.Pairs) > 0}
	for _, field := range []string{"options", "text", "order", "pairs"} {
		switch {
		case field == only && !given[field]:
			return errs.Field(op, "response."+field, "empty", 1, "must not be empty")
		case field != only && given[field]:
			return errs.Field(op, "response."+field, "unknown_field", 0, "does not belong to this question")
		}
	}
	switch it.Kind {
	case Single, TrueFalse, Poll, Multi:
		most := len(it.Options)
		if it.Kind != Multi {
			most = 1
		}
		return named(op, "response.options", r.Options, it.Options, most)
	case Order:
		if len(r.Order) != len(it.Options) {
			return errs.Field(op, "response.order", "bad_order", int64(len(it.Options)), "must name each option once")
		}
		return named(op, "response.order", r.Order, it.Options, len(it.Options))
	case Match:
		if err := named(op, "response.pairs", slices.Collect(maps.Keys(r.Pairs)), it.Options, len(it.Options)); err != nil {
			return err
		}
		for _, c := range r.Pairs {
			if err := named(op, "response.pairs", []string{c}, it.Choices, 1); err != nil {
				return err
			}
		}
		return nil
	case Text, Numeric:
		return written(op, it.Kind, r.Text)
	}
	return errs.Field(op, "response", "no_question", 0, "this asks nothing")
}

func named(op, field string, ids []string, options []Option, most int) error {
	if len(ids) > most {
		return errs.Field(op, field, "too_many", int64(most), "%d, at most %d", len(ids), most)
	}
	for i, id := range ids {
		if !slices.ContainsFunc(options, func(o Option) bool { return o.ID == id }) || slices.Contains(ids[:i], id) {
			return errs.Field(op, field, "unknown", 0, "each must be an option, named once")
		}
	}
	return nil
}

func written(op string, k Kind, s string) error {
	if n := utf8.RuneCountInString(s); n > MaxAnswer {
		return errs.Field(op, "response.text", "too_long", MaxAnswer, "%d characters, at most %d", n, MaxAnswer)
	}
	if !utf8.ValidString(s) || strings.TrimSpace(s) == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
		return errs.Field(op, "response.text", "bad_text", 0, "must be a text without control characters")
	}
	if _, ok := Number(s); k == Numeric && !ok {
		return errs.Field(op, "response.text", "not_a_number", 0, "must be a number")
	}
	return nil
}

// Grade is what a response is worth, 0 to 1.
func Grade(it Item, k Key, r Response) float64 {
	var v float64
	switch it.Kind {
	case Single, TrueFalse:
		if len(r.Options) == 1 {
			v = k.Weights[r.Options[0]]
		}
	case Multi:
		v = multi(it, k, r)
	case Text:
		v = best(k.Texts, func(a Accepted) (bool, float64) { return matches(a.Text, r.Text), a.Weight })
	case Numeric:
		n, ok := Number(r.Text)
		v = best(k.Numbers, func(a Range) (bool, float64) {
			return ok && math.Abs(n-a.Value) <= a.Tolerance+1e-9*math.Max(1, math.Abs(a.Value)), a.Weight
		})
	case Order:
		v = share(len(k.Order), func(i int) bool { return i < len(r.Order) && r.Order[i] == k.Order[i] })
	case Match:
		left := slices.Sorted(maps.Keys(k.Pairs))
		v = share(len(left), func(i int) bool { return r.Pairs[left[i]] == k.Pairs[left[i]] })
	}
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), 1)
}

// multi adds up the weights of what was chosen. An option without a weight of its own
// takes away as much as a right one gives.
func multi(it Item, k Key, r Response) float64 {
	sum, right := 0.0, 0
	for _, o := range it.Options {
		if k.Weights[o.ID] > 0 {
			right++
		}
	}
	for _, o := range it.Options {
		if !slices.Contains(r.Options, o.ID) {
			continue
		}
		w := k.Weights[o.ID]
		switch {
		case w == 1 && right > 1: // "right", with no share given: all right ones share equally
			w = 1 / float64(right)
		case w == 0:
			w = -1 / float64(max(right, 1))
		}
		sum += w
	}
	return math.Round(sum*1e6) / 1e6 // three thirds are one
}

func best[T any](list []T, f func(T) (bool, float64)) float64 {
	v := math.Inf(-1)
	for _, a := range list {
		if ok, w := f(a); ok {
			v = max(v, w)
		}
	}
	return v
}

func share(n int, right func(int) bool) float64 {
	hit := 0
	for i := range n {
		if right(i) {
			hit++
		}
	}
	return float64(hit) / float64(max(n, 1))
}

// Fold is a text as it is compared: compatibility forms and case folded, spaces squeezed,
// without what nobody sees, such as the marks of direction that Arabic keyboards add.
func Fold(s string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(strings.Map(seen, s)))), " ")
}

func seen(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// matches compares with "*" for any text in the pattern.
func matches(pattern, s string) bool {
	const star = "\x00"
	pattern = strings.ReplaceAll(pattern, `\*`, "\x01")
	parts := strings.Split(strings.ReplaceAll(pattern, "*", star), star)
	s = Fold(s)
	for i, p := range parts {
		p = Fold(strings.ReplaceAll(p, "\x01", "*"))
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

// Number reads a number as pupils type it: with a comma or a point, any script's digits,
// spaces between thousands.
func Number(s string) (float64, bool) {
	var b strings.Builder
	for _, r := range norm.NFKC.String(strings.TrimSpace(strings.Map(seen, s))) {
		switch {
		case unicode.IsDigit(r):
			b.WriteByte(byte('0' + digit(r)))
		case r == ',' || r == '٫':
			b.WriteByte('.')
		case r == '−':
			b.WriteByte('-')
		case unicode.IsSpace(r), r == '_', r == '٬', r == '\'':
		default:
			b.WriteRune(r)
		}
	}
	text := b.String()
	if strings.Count(text, ".") > 1 || strings.ContainsAny(text, "xXpPiInN") {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !bad(v)
}

// digit is the value of a decimal digit of any script: each has ten in a row, and the
// first is at a multiple of ten from itself.
func digit(r rune) int {
	zero := r
	for unicode.IsDigit(zero-1) && r-zero < 9 {
		zero--
	}
	return int(r - zero)
}

// Reveal is what everybody may see of a key after the reveal.
func Reveal(it Item, k Key) Revealed {
	out := Revealed{General: k.General, Feedback: k.Feedback, Order: k.Order, Pairs: k.Pairs}
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

// String is the range as pupils see it: "3.14 ± 0.01".
func (r Range) String() string {
	s := strconv.FormatFloat(r.Value, 'f', -1, 64)
	if r.Tolerance > 0 {
		s += " ± " + strconv.FormatFloat(r.Tolerance, 'f', -1, 64)
	}
	return s
}
