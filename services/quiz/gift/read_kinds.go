package gift

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// readChoice reads {=right ~wrong ~%50%half right}. With one answer that is right by itself,
// pupils may choose one. With shares only, they may choose several.
func (q *question) readChoice(list []part) error {
	q.Kind = item.Multi
	weights := map[string]float64{}
	for i, p := range list {
		w, rest, given, err := p.readWeight()
		if err != nil {
			return err
		}
		if p.mark == '=' && !given {
			w = 1
		}
		if p.mark == '=' && w == 1 {
			q.Kind = item.Single
		}
		answer, said, _ := rest.cutAt("#")
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, _ = answer.plainText(q.form)
		q.Options = append(q.Options, o)
		q.setFeedback(o.ID, said)
		weights[o.ID] = w
	}
	switch k := q.settings.kind; k {
	case item.Poll:
		weights = nil
		q.Kind = k
	case item.Single, item.Multi:
		q.Kind = k
	}
	if q.settings.hasWord("equal") {
		for id, w := range weights {
			weights[id] = 0
			if w > 0 {
				weights[id] = 1
			}
		}
	}
	q.Key.Weights = weights
	return nil
}

// readTexts reads {=answer =%50%half right}. It does not change the texts.
func (q *question) readTexts(list []part) error {
	q.Kind = item.Text
	for _, p := range list {
		w, rest, given, err := p.readWeight()
		if err != nil {
			return err
		}
		if !given {
			w = 1
		}
		answer, said, _ := rest.cutAt("#")
		s, _ := answer.plainText(formPlain)
		q.Key.Texts = append(q.Key.Texts, item.Accepted{Text: s, Weight: w})
		q.setFeedback(s, said)
	}
	return nil
}

// readMatch reads {=left -> right}. A right side without a left side is a distractor.
func (q *question) readMatch(list []part) error {
	q.Kind = item.Match
	q.Key.Pairs = map[string]string{}
	for i, p := range list {
		before, after, ok := p.cutAt("->")
		if !ok {
			return newProblem(p.lineOf(q.line), "no_arrow", "%q: a pair is written left -> right", p.String())
		}
		left := item.Option{ID: strconv.Itoa(i)}
		left.Text, _ = before.plainText(q.form)
		right := item.Option{ID: left.ID, Text: after.String()}
		if n := slices.IndexFunc(q.Choices, func(o item.Option) bool { return o.Text == right.Text }); n >= 0 {
			right = q.Choices[n]
		} else {
			q.Choices = append(q.Choices, right)
		}
		if left.Text != "" {
			q.Options = append(q.Options, left)
			q.Key.Pairs[left.ID] = right.ID
		}
	}
	if q.settings.kind == item.Order {
		q.pairsToOrder()
	}
	return nil
}

// pairsToOrder turns pairs of a place and a thing into things to order.
func (q *question) pairsToOrder() {
	q.Kind = item.Order
	type place struct {
		n     int
		thing item.Option
	}
	var places []place
	for _, o := range q.Options {
		n, err := strconv.Atoi(o.Text)
		if err != nil {
			n = len(places) + 1
		}
		i := slices.IndexFunc(q.Choices, func(c item.Option) bool { return c.ID == q.Key.Pairs[o.ID] })
		places = append(places, place{n, item.Option{Text: q.Choices[i].Text}})
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.n, b.n) })
	q.Options, q.Choices, q.Key.Pairs = nil, nil, nil
	for _, p := range places {
		q.Options = append(q.Options, p.thing)
	}
}

// maxNumber is further from 0 than any accepted number.
const maxNumber = 1e15

// readNumbers reads {#3:0.5}, {#1..5}, {#=3 =%50%3:1 ~#feedback to all else}.
func (q *question) readNumbers(c cells) error {
	for _, p := range c.splitParts() {
		w, rest, given, err := p.readWeight()
		if err != nil {
			return err
		}
		if !given && p.mark != '~' {
			w = 1
		}
		answer, said, _ := rest.cutAt("#")
		s := answer.String()
		if s == "" && p.mark == '~' || s == item.AnyNumber && w == 0 {
			q.setFeedback(item.AnyNumber, said)
			continue
		}
		r, ok := parseRange(s)
		if !ok {
			return newProblem(p.lineOf(q.line), "not_a_number", "%q: must be a number such as 1000.5, number:tolerance or least..most", s)
		}
		r.Weight = w
		q.Key.Numbers = append(q.Key.Numbers, r)
		q.setFeedback(r.String(), said)
	}
	return nil
}

// parseRange reads an accepted number in all its forms.
func parseRange(s string) (r item.Range, ok bool) {
	if s == item.AnyNumber {
		return item.Range{Tolerance: maxNumber}, true
	}
	if least, most, found := strings.Cut(s, ".."); found {
		from, ok1 := parseNumber(least)
		to, ok2 := parseNumber(most)
		far := max(math.Abs(from), math.Abs(to))
		return item.Range{Value: roundBinary((from+to)/2, far), Tolerance: roundBinary((to-from)/2, far)}, ok1 && ok2 && from <= to
	}
	value, tolerance, found := strings.Cut(s, ":")
	if r.Value, ok = parseNumber(value); ok && found {
		r.Tolerance, ok = parseNumber(tolerance)
	}
	return r, ok && r.Tolerance >= 0
}

// parseNumber reads a number of GIFT, which has a point before the decimals. Some authors mean
// one by "1,000" and others a thousand, so it is refused.
func parseNumber(s string) (float64, bool) {
	list := item.Numbers(s)
	if len(list) == 0 || len(list) > 1 && !strings.Contains(s, ".") {
		return 0, false
	}
	return list[0], true
}

// roundBinary removes the error of binary fractions: half of 1.7..1.8 is 0.05. No number behind v
// is larger than most.
func roundBinary(v, most float64) float64 {
	places := 13 - int(math.Ceil(math.Log10(max(most, math.SmallestNonzeroFloat64))))
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'f', max(places, 0), 64), 64)
	return v
}
