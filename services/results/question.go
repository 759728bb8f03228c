package results

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// maxTexts is how many different typed answers a question lists.
const maxTexts = 20

// gradeAnswers grades every answer to a question, by user.
func (q *quizFold) gradeAnswers(a *asking) map[string]Answer {
	out := make(map[string]Answer, len(a.given))
	graded, key := q.isGraded(a), q.sources[a.item.ID].key
	for user, g := range a.given {
		m := Answer{Response: g.response}
		if graded {
			m.exact = item.Grade(a.item, key, g.response)
			m.Fraction, m.Points = roundHundredths(m.exact), q.pointsFor(a, g, m.exact)
		}
		out[user] = m
	}
	return out
}

// summariseQuestion sums up one question.
func (q *quizFold) summariseQuestion(a *asking, marks map[string]Answer) Question {
	out := Question{
		ID: a.item.ID, Kind: a.item.Kind, Title: a.item.Title, Text: a.item.Text, Round: a.round, Points: a.item.Points,
		Graded: q.isGraded(a), Asked: len(a.asked), Answered: len(a.given), Options: append([]item.Option{}, a.item.Options...),
		Counts: map[string]int{}, Texts: []TextCount{}, Right: []string{}, Pairs: []Pair{}, Image: a.item.Image,
	}
	s, known := q.sources[a.item.ID]
	if known {
		out.Regions = s.key.Regions
		revealed := item.RevealKey(a.item, s.key)
		out.Right = append(out.Right, rightAnswers(a.item, revealed)...)
		out.Pairs = append(out.Pairs, rightPairs(a.item, revealed)...)
	}
	sum := 0.0
	for _, user := range slices.Sorted(maps.Keys(marks)) { // sums of fractions depend on their order
		sum += marks[user].exact
	}
	if len(marks) > 0 {
		out.Fraction = roundHundredths(sum / float64(len(marks)))
	}
	for _, o := range out.Options {
		out.Counts[o.ID] = 0
	}
	for _, m := range marks {
		countResponse(out.Counts, m.Response, s.key)
		if m.Response.Pin != nil {
			out.Pins = append(out.Pins, *m.Response.Pin)
		}
	}
	item.SortPlaces(out.Pins)
	out.Texts = countTexts(marks, out.Graded)
	for _, g := range a.item.Gaps {
		out.Gaps = append(out.Gaps, summariseGap(g, s.key, marks))
	}
	return out
}

// countResponse adds one response: the chosen options, or the right parts of an order or a match.
func countResponse(n map[string]int, r item.Response, key item.Key) {
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

// summariseGap counts the answers in one gap.
func summariseGap(g item.Gap, key item.Key, marks map[string]Answer) GapResult {
	out := GapResult{ID: g.ID, Kind: g.Kind, Options: g.Options, Right: []string{}}
	c := textCounter{}
	for _, m := range marks {
		right := item.GradeGap(g, key, m.Response) >= rightFrom
		if right {
			out.Hits++
		}
		c.add(g.NameAnswer(m.Response.Gaps[g.ID]), right)
	}
	out.Answers = c.list()
	r := item.RevealKey(item.Item{Gaps: []item.Gap{g}}, key).Gaps[g.ID]
	for _, s := range slices.Concat(r.Right, r.Texts, r.Numbers) {
		out.Right = append(out.Right, g.NameAnswer(s))
	}
	return out
}

// rightAnswers lists the right answer of a question: ids of options, in order where that matters,
// or texts.
func rightAnswers(it item.Item, r item.Revealed) []string {
	out := slices.Concat(r.Right, r.Texts, r.Numbers, r.Order)
	for _, p := range rightPairs(it, r) {
		out = append(out, textOf(it.Options, p.Left)+" → "+p.Right)
	}
	return out
}

// rightPairs lists the right pairs of a match, in the order of the options.
func rightPairs(it item.Item, r item.Revealed) []Pair {
	var out []Pair
	for _, o := range it.Options {
		if choice, ok := r.Pairs[o.ID]; ok {
			out = append(out, Pair{o.ID, textOf(it.Choices, choice)})
		}
	}
	return out
}

// textOf is an option's text, else the words for its picture, else its id.
func textOf(options []item.Option, id string) string {
	for _, o := range options {
		switch {
		case o.ID == id && o.Text != "":
			return o.Text
		case o.ID == id && o.Image != nil && o.Image.Alt != "":
			return o.Image.Alt
		}
	}
	return id
}

// countTexts counts typed answers. Case and spaces make no difference. Of several spellings the
// list shows the first in the alphabet. One of them that was marked as right makes all right.
func countTexts(marks map[string]Answer, graded bool) []TextCount {
	c := textCounter{}
	for _, m := range marks {
		c.add(m.Response.Text, graded && m.exact >= 1)
	}
	return c.list()
}

// textCounter counts typed answers by their folded texts.
type textCounter map[string]TextCount

func (found textCounter) add(text string, right bool) {
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return
	}
	fold := item.FoldText(text)
	c := found[fold]
	if c.N == 0 || text < c.Text {
		c.Text = text
	}
	c.N++
	c.Right = c.Right || right
	found[fold] = c
}

func (found textCounter) list() []TextCount {
	out := []TextCount{}
	for _, c := range found {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b TextCount) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Text, b.Text)) })
	return out[:min(len(out), maxTexts)]
}
