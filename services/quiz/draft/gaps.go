package draft

import (
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// Gap is a place in a text for an answer: to choose, to write, or a number. One of the fields with
// right answers is filled.
type Gap struct {
	Options []item.Option
	item.GapKey
}

// AddGaps adds a question with gaps. Its text has a mark for each. A single gap is a question of
// its kind, unless a is of the kind item.Gaps already.
func (c *Collector) AddGaps(q Question, a item.Authored, gaps []Gap) {
	if q.Text == "" {
		q.Text = a.Text
	}
	q.Text, _, _ = item.PlaceGaps(q.Text)
	switch {
	case len(gaps) == 0:
		c.Refuse(q, "no_gap", "", "there is no gap in the text")
		return
	case len(gaps) == 1 && a.Kind != item.Gaps:
		g := gaps[0]
		a.Text = strings.Replace(a.Text, item.MarkGap(1), item.Blank, 1)
		a.Kind, a.Options = g.kind(), g.Options
		a.Key.Texts, a.Key.Numbers, a.Key.Weights = g.Texts, g.Numbers, g.Weights
		c.Add(q, a)
		return
	}
	text, order, shortened := item.PlaceGaps(a.Text)
	if shortened {
		q.Lose(LostLine, "", "a line of underscores without an answer is made short")
	}
	if len(order) != len(gaps) {
		c.Refuse(q, "no_gap", "", "%d answers are for %d gaps in the text", len(gaps), len(order))
		return
	}
	a.Text, a.Kind, a.Options, a.Gaps, a.Key.Gaps = text, item.Gaps, nil, nil, map[string]item.GapKey{}
	for _, n := range order {
		g, id := gaps[min(n, len(gaps))-1], strconv.Itoa(n)
		a.Gaps = append(a.Gaps, item.Gap{ID: id, Kind: g.kind(), Options: g.Options})
		a.Key.Gaps[id] = g.GapKey
	}
	c.Add(q, a)
}

func (g Gap) kind() item.Kind {
	switch {
	case len(g.Options) > 0:
		return item.Single
	case len(g.Numbers) > 0:
		return item.Numeric
	}
	return item.Text
}
