package gift

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// choice reads {=right ~wrong ~%50%half right}. With one that is right by itself, one may
// be chosen; with shares only, several.
func (q *question) choice(list []part) error {
	q.Kind = item.Multi
	weights := map[string]float64{}
	for i, p := range list {
		w, rest, given, err := p.weight()
		if err != nil {
			return err
		}
		if p.mark == '=' && !given {
			w = 1
		}
		if p.mark == '=' && w == 1 {
			q.Kind = item.Single
		}
		answer, said, _ := rest.cut("#")
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, _ = answer.text(q.form)
		q.Options = append(q.Options, o)
		q.say(o.ID, said)
		weights[o.ID] = w
	}
	switch k := q.marks.kind; k {
	case item.Poll:
		weights = nil
		q.Kind = k
	case item.Single, item.Multi:
		q.Kind = k
	}
	if q.marks.has("equal") {
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

// words reads {=answer =%50%half right}. The texts are taken as they are.
func (q *question) words(list []part) error {
	q.Kind = item.Text
	for _, p := range list {
		w, rest, given, err := p.weight()
		if err != nil {
			return err
		}
		if !given {
			w = 1
		}
		answer, said, _ := rest.cut("#")
		s, _ := answer.text(plain)
		q.Key.Texts = append(q.Key.Texts, item.Accepted{Text: s, Weight: w})
		q.say(s, said)
	}
	return nil
}

// match reads {=left -> right}; without a left side the right one is there to mislead.
func (q *question) match(list []part) error {
	q.Kind = item.Match
	q.Key.Pairs = map[string]string{}
	for i, p := range list {
		before, after, ok := p.cut("->")
		if !ok {
			return problem(p.line(q.line), "no_arrow", "%q: a pair is written left -> right", p.String())
		}
		left := item.Option{ID: strconv.Itoa(i)}
		left.Text, _ = before.text(q.form)
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
	if q.marks.kind == item.Order {
		q.order()
	}
	return nil
}

// order makes things to order of pairs of a place and a thing.
func (q *question) order() {
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

// everything is further from 0 than any number that is taken.
const everything = 1e15

// numbers reads {#3:0.5}, {#1..5}, {#=3 =%50%3:1 ~#feedback to all else}.
func (q *question) numbers(c cells) error {
	for _, p := range c.parts() {
		w, rest, given, err := p.weight()
		if err != nil {
			return err
		}
		if !given && p.mark != '~' {
			w = 1
		}
		answer, said, _ := rest.cut("#")
		s := answer.String()
		if s == "" && p.mark == '~' || s == item.AnyNumber && w == 0 {
			q.say(item.AnyNumber, said)
			continue
		}
		r, ok := span(s)
		if !ok {
			return problem(p.line(q.line), "not_a_number", "%q: must be a number, number:tolerance or least..most", s)
		}
		r.Weight = w
		q.Key.Numbers = append(q.Key.Numbers, r)
		q.say(r.String(), said)
	}
	return nil
}

// span reads an accepted number, with all that it allows.
func span(s string) (r item.Range, ok bool) {
	if s == item.AnyNumber {
		return item.Range{Tolerance: everything}, true
	}
	if least, most, found := strings.Cut(s, ".."); found {
		from, ok1 := item.Number(least)
		to, ok2 := item.Number(most)
		far := max(math.Abs(from), math.Abs(to))
		return item.Range{Value: rounded((from+to)/2, far), Tolerance: rounded((to-from)/2, far)}, ok1 && ok2 && from <= to
	}
	value, tolerance, found := strings.Cut(s, ":")
	if r.Value, ok = item.Number(value); ok && found {
		r.Tolerance, ok = item.Number(tolerance)
	}
	return r, ok && r.Tolerance >= 0
}

// rounded drops what binary fractions add: half of 1.7..1.8 is 0.05. The numbers that v
// comes from are not larger than most.
func rounded(v, most float64) float64 {
	places := 13 - int(math.Ceil(math.Log10(max(most, math.SmallestNonzeroFloat64))))
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'f', max(places, 0), 64), 64)
	return v
}
