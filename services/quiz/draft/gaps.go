package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// Gap is a place in a text for an answer: to choose, to write, or a number. One of the fields with
// right answers is filled.
type Gap struct {
	Options []item.Option
	Weights map[string]float64
	Texts   []item.Accepted
	Numbers []item.Range
}

// MarkGap returns the mark of a gap in a text, from 1.
func MarkGap(n int) string { return fmt.Sprintf("[[%d]]", n) }

// blank shows a single gap in a text.
const blank = "_____"

// AddGaps adds a question with gaps. Its text has a mark for each.
func (c *Collector) AddGaps(q Question, a item.Authored, gaps []Gap) {
	if q.Text == "" {
		q.Text = a.Text
	}
	switch len(gaps) {
	case 0:
		c.Refuse(q, "no_gap", "", "there is no gap in the text")
	case 1:
		g := gaps[0]
		a.Text = strings.Replace(a.Text, MarkGap(1), blank, 1)
		a.Key.Texts, a.Key.Numbers, a.Key.Weights = g.Texts, g.Numbers, g.Weights
		switch {
		case len(g.Options) > 0:
			a.Kind, a.Options = item.Single, g.Options
		case len(g.Numbers) > 0:
			a.Kind = item.Numeric
		default:
			a.Kind = item.Text
		}
		c.Add(q, a)
	default:
		if haveSameOptions(gaps) {
			matchGaps(&q, &a, gaps)
			c.Add(q, a)
			return
		}
		for i := range gaps {
			q.Text = strings.Replace(q.Text, MarkGap(i+1), blank, 1)
		}
		c.Refuse(q, SeveralGaps, fmt.Sprint(len(gaps)), "the text has %d gaps, and a question has one", len(gaps))
	}
}

// haveSameOptions reports whether the same words are chosen from in each gap.
func haveSameOptions(gaps []Gap) bool {
	for _, g := range gaps {
		right := 0
		for _, w := range g.Weights {
			if w > 0 {
				right++
			}
		}
		if right != 1 || len(g.Options) < 2 || !slices.EqualFunc(g.Options, gaps[0].Options, func(a, b item.Option) bool { return a.ID == b.ID && a.Text == b.Text }) {
			return false
		}
	}
	return true
}

// matchGaps makes a question in which the numbers of gaps are matched with words.
func matchGaps(q *Question, a *item.Authored, gaps []Gap) {
	q.Lose(GapsMatched, "", "the gaps have numbers, and each number is matched with a word")
	a.Kind, a.Choices, a.Key.Pairs = item.Match, slices.Clone(gaps[0].Options), map[string]string{}
	for i, g := range gaps {
		name := fmt.Sprintf("(%d)", i+1)
		a.Text = strings.Replace(a.Text, MarkGap(i+1), name+" "+blank, 1)
		a.Options = append(a.Options, item.Option{ID: name, Text: name})
		for id, w := range g.Weights {
			if w > 0 {
				a.Key.Pairs[name] = id
			}
		}
	}
}
