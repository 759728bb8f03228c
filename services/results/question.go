package results

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// textsMax is how many different typed answers a question tells.
const textsMax = 20

// marks grades every answer to a question, by user.
func (q *quiz) marks(a *asking) map[string]Answer {
	out := make(map[string]Answer, len(a.given))
	graded, key := q.graded(a), q.sources[a.item.ID].key
	for user, g := range a.given {
		m := Answer{Response: g.response}
		if graded {
			m.exact = item.Grade(a.item, key, g.response)
			m.Fraction, m.Points = hundredths(m.exact), q.points(a, g, m.exact)
		}
		out[user] = m
	}
	return out
}

// question sums up one question.
func (q *quiz) question(a *asking, marks map[string]Answer) Question {
	out := Question{
		ID: a.item.ID, Kind: a.item.Kind, Title: a.item.Title, Text: a.item.Text, Round: a.round, Points: a.item.Points,
		Graded: q.graded(a), Asked: len(a.asked), Answered: len(a.given), Options: append([]item.Option{}, a.item.Options...),
		Counts: map[string]int{}, Texts: []TextCount{}, Right: []string{},
	}
	s, known := q.sources[a.item.ID]
	if known {
		out.Right = append(out.Right, right(a.item, item.Reveal(a.item, s.key))...)
	}
	sum := 0.0
	for _, user := range slices.Sorted(maps.Keys(marks)) { // sums of fractions depend on their order
		sum += marks[user].exact
	}
	if len(marks) > 0 {
		out.Fraction = hundredths(sum / float64(len(marks)))
	}
	for _, o := range out.Options {
		out.Counts[o.ID] = 0
	}
	for _, m := range marks {
		count(out.Counts, m.Response, s.key)
	}
	out.Texts = texts(marks)
	return out
}

// count adds one response: chosen options, or what of an order or a match is right.
func count(n map[string]int, r item.Response, key item.Key) {
	for _, id := range r.Options {
		n[id]++
	}
	for i, id := range r.Order {
		if i < len(key.Order) && key.Order[i] == id {
			n[id]++
		}
	}
	for left, choice := range r.Pairs {
		if want, ok := key.Pairs[left]; ok && want == choice {
			n[left]++
		}
	}
}

// right is what a question's answer is: ids of options, in order where that matters, or
// texts.
func right(it item.Item, r item.Revealed) []string {
	out := slices.Concat(r.Right, r.Texts, r.Numbers, r.Order)
	for _, o := range it.Options {
		if choice, ok := r.Pairs[o.ID]; ok {
			out = append(out, o.Text+" → "+textOf(it.Choices, choice))
		}
	}
	return out
}

// textOf is what an option says; its id when it says nothing.
func textOf(options []item.Option, id string) string {
	for _, o := range options {
		if o.ID == id && o.Text != "" {
			return o.Text
		}
	}
	return id
}

// texts counts what was typed. Case and spaces make no difference; of several ways to
// write the same the first in the alphabet is shown.
func texts(marks map[string]Answer) []TextCount {
	shown, n := map[string]string{}, map[string]int{}
	for _, m := range marks {
		text := strings.Join(strings.Fields(m.Response.Text), " ")
		if text == "" {
			continue
		}
		folded := item.Fold(text)
		if old, ok := shown[folded]; !ok || text < old {
			shown[folded] = text
		}
		n[folded]++
	}
	out := []TextCount{}
	for folded, text := range shown {
		out = append(out, TextCount{text, n[folded]})
	}
	slices.SortFunc(out, func(a, b TextCount) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Text, b.Text)) })
	return out[:min(len(out), textsMax)]
}
