package qti

import (
	"math"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/pack"
)

func (q *question) readInteraction(n *pack.Node) error {
	switch n.Name {
	case "choiceinteraction":
		return q.readChoice(n)
	case "orderinteraction":
		return q.readOrder(n)
	case "matchinteraction":
		return q.readMatch(n)
	}
	q.Kind = item.Text // an extended text
	if !q.settings["ours"] {
		q.Points = 0 // people read the words
	}
	if len(q.responseOf(n).correct) > 0 {
		q.report.Lose(draft.LostScoring, "", "the example of a right answer is left out")
	}
	return nil
}

// readOptions reads choices, with feedback in them.
func (q *question) readOptions(list []*pack.Node) (options []item.Option) {
	for i, n := range list {
		o := item.Option{ID: n.Attr("identifier")}
		o.Text, o.Image = q.ReadText(n.InnerHTML(func(c *pack.Node) (string, bool) {
			if c.Name != "feedbackinline" {
				return "", false
			}
			q.setFeedback(o.ID, readWords(c))
			return "", true
		}))
		q.NameOption(&o, i)
		options = append(options, o)
	}
	return options
}

// weights returns the weights of options: the mapped values as shares, or 1 for each right one.
func (q *question) weights(r response, several bool) map[string]float64 {
	list := map[string]float64{}
	if len(r.mapped) == 0 || q.settings["equal"] {
		for _, id := range r.correct {
			list[id] = 1
		}
		return list
	}
	sum, most := 0.0, 0.0
	for _, e := range r.mapped {
		sum += max(e.value, 0)
		most = max(most, e.value)
	}
	if several {
		most = sum
	}
	if r.most > 0 {
		most = min(most, r.most)
	}
	if q.settings["ours"] || most == 0 {
		most = 1
	}
	for _, e := range r.mapped {
		list[e.key] = min(max(e.value/most, -1), 1)
	}
	for _, o := range q.Options {
		if _, ok := list[o.ID]; !ok && r.rest < 0 {
			list[o.ID] = max(r.rest/most, -1)
		}
	}
	return list
}

func (q *question) readChoice(n *pack.Node) error {
	r := q.responseOf(n)
	q.Options = q.readOptions(n.Find("simplechoice"))
	q.Kind = item.Single
	if r.cardinality == "multiple" || r.cardinality == "" && n.Attr("maxchoices") != "1" && n.Attr("maxchoices") != "" {
		q.Kind = item.Multi
	}
	q.Key.Weights = q.weights(r, q.Kind == item.Multi)
	switch {
	case q.settings["poll"]:
		q.Kind, q.Key.Weights = item.Poll, nil
	case q.settings["truefalse"]:
		q.makeTrueFalse("true")
	case len(q.Key.Weights) == 0:
		q.report.Lose(draft.NoKey, "", "the file has no right answer: it is read as a poll")
		q.Kind, q.Points = item.Poll, 0
	case len(q.Options) == 2 && q.Kind == item.Single && strings.EqualFold(q.Options[0].Text, "true") && strings.EqualFold(q.Options[1].Text, "false") && !q.settings["ours"]:
		q.makeTrueFalse(q.Options[0].ID)
	}
	return nil
}

// makeTrueFalse makes a choice of two options a question of that kind. yes is the id of "true".
func (q *question) makeTrueFalse(yes string) {
	to := func(id string) string {
		if id == yes {
			return "t"
		}
		return "f"
	}
	w := map[string]float64{}
	for id, v := range q.Key.Weights {
		w[to(id)] = v
	}
	q.Key.Weights = w
	if old := q.Key.Feedback; old != nil {
		q.Key.Feedback = map[string]string{}
		for id, s := range old {
			q.Key.Feedback[to(id)] = s
		}
	}
	q.Kind, q.Options = item.TrueFalse, nil
}

func (q *question) readOrder(n *pack.Node) error {
	r := q.responseOf(n)
	if len(r.correct) == 0 {
		return draft.NewFault("no_right", "", "the file has no right order")
	}
	q.Kind, q.Key.Order = item.Order, r.correct
	q.Options = q.readOptions(n.Find("simplechoice"))
	return nil
}

func (q *question) readMatch(n *pack.Node) error {
	sets := n.Find("simplematchset")
	if len(sets) != 2 {
		return draft.NewFault("bad_pairs", "", "two lists are matched, and there are %d", len(sets))
	}
	q.Kind = item.Match
	q.Options = q.readOptions(sets[0].List("simpleassociablechoice"))
	q.Choices = q.readOptions(sets[1].List("simpleassociablechoice"))
	q.Key.Pairs = map[string]string{}
	r := q.responseOf(n)
	pairs := r.correct
	if len(pairs) == 0 {
		for _, e := range r.mapped {
			if e.value > 0 {
				pairs = append(pairs, e.key)
			}
		}
	}
	isLeft := func(id string) bool {
		for _, o := range q.Options {
			if o.ID == id {
				return true
			}
		}
		return false
	}
	for _, p := range pairs {
		left, right, ok := strings.Cut(strings.Join(strings.Fields(p), " "), " ")
		if ok && !isLeft(left) && isLeft(right) {
			left, right = right, left
		}
		if !ok || q.Key.Pairs[left] != "" {
			return draft.NewFault("several_pairs", "", "a left side has several right sides")
		}
		q.Key.Pairs[left] = right
	}
	return nil
}

// readGaps reads a text with places to write or to choose.
func (q *question) readGaps() error {
	var fault error
	q.Text, q.Image = q.readBody(func(n *pack.Node) (string, bool) {
		if n.Name != "textentryinteraction" && n.Name != "inlinechoiceinteraction" {
			return "", false
		}
		g, err := q.readGap(n)
		if err != nil {
			fault = err
		}
		q.gaps = append(q.gaps, g)
		return item.MarkGap(len(q.gaps)), true
	})
	if q.settings["gaps"] {
		q.Kind = item.Gaps
		return fault
	}
	if len(q.gaps) == 1 && q.settings["ours"] { // the place is ours and no part of the text
		q.Text = strings.TrimSpace(strings.TrimSuffix(q.Text, item.MarkGap(1)))
	}
	return fault
}

func (q *question) readGap(n *pack.Node) (g draft.Gap, err error) {
	r := q.responseOf(n)
	switch {
	case n.Name == "inlinechoiceinteraction":
		for _, c := range n.List("inlinechoice") {
			g.Options = append(g.Options, item.Option{ID: c.Attr("identifier"), Text: readWords(c)})
		}
		if g.Weights = q.weights(r, false); len(g.Weights) == 0 {
			return g, draft.NewFault("no_right", "", "no answer is right")
		}
	case r.base == "float" || r.base == "integer":
		return q.readNumbers(n, r)
	default:
		g.Texts = q.listTexts(n, r)
		if len(g.Texts) == 0 { // the words themselves are the result
			q.report.Lose(draft.NoKey, "", "the file has no right answer")
		}
	}
	return g, nil
}

// escapeStar writes a text of QTI, which has no "*" for any text.
func escapeStar(s string) string { return strings.ReplaceAll(s, "*", `\*`) }

func (q *question) listTexts(n *pack.Node, r response) (list []item.Accepted) {
	for _, d := range q.node.List("responsedeclaration") {
		if d.Attr("identifier") != n.Attr("responseidentifier") {
			continue
		}
		for _, e := range d.Child("mapping").List("mapentry") {
			if e.Attr("casesensitive") == "true" && !q.settings["ours"] {
				q.report.Lose(draft.LostCase, "", "capital and small letters count as the same")
			}
		}
	}
	weights := q.weights(r, false)
	for _, e := range r.mapped {
		list = append(list, item.Accepted{Text: escapeStar(e.key), Weight: weights[e.key]})
	}
	for _, s := range r.correct {
		if _, ok := weights[s]; !ok || len(r.mapped) == 0 {
			list = append(list, item.Accepted{Text: escapeStar(s), Weight: 1})
		}
	}
	return list
}

// readNumbers reads accepted numbers: the correct ones, with the tolerance of the scoring.
func (q *question) readNumbers(n *pack.Node, r response) (g draft.Gap, err error) {
	id := n.Attr("responseidentifier")
	for _, c := range q.node.Child("responseprocessing").Find("responsecondition") {
		for _, e := range c.Find("equal") {
			if !mentions(e, id) {
				continue
			}
			v := e.Child("basevalue").Words()
			if v == "" && len(r.correct) > 0 {
				v = r.correct[0]
			}
			one, err := readRange(v, e)
			if err != nil {
				return g, err
			}
			if one.Weight = 1; q.settings["ours"] {
				w := c.Find("setoutcomevalue")
				if len(w) > 0 {
					one.Weight, _ = strconv.ParseFloat(w[0].Child("basevalue").Words(), 64)
				}
			}
			g.Numbers = append(g.Numbers, one)
		}
	}
	if len(g.Numbers) == 0 {
		g.Numbers, err = q.readLimits(id)
	}
	if err != nil || len(g.Numbers) > 0 {
		return g, err
	}
	weights := q.weights(r, false)
	values := r.correct
	if len(values) == 0 {
		for _, e := range r.mapped {
			values = append(values, e.key)
		}
	}
	for _, s := range values {
		one, err := readRange(s, nil)
		if err != nil {
			return g, err
		}
		if one.Weight = 1; len(r.mapped) > 0 {
			one.Weight = weights[s]
		}
		g.Numbers = append(g.Numbers, one)
	}
	if len(g.Numbers) == 0 {
		return g, draft.NewFault("no_right", "", "no number is right")
	}
	return g, nil
}

// mentions reports whether an expression reads a response.
func mentions(n *pack.Node, id string) bool {
	for _, v := range n.Find("variable", "correct") {
		if v.Attr("identifier") == id {
			return true
		}
	}
	return false
}

// readRange reads a number and the tolerance of an "equal", which may be nil.
func readRange(s string, equal *pack.Node) (item.Range, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) {
		return item.Range{}, draft.NewFault("not_a_number", "", "%q is no number", s)
	}
	out := item.Range{Value: v}
	fields := strings.Fields(equal.Attr("tolerance"))
	if len(fields) == 0 {
		return out, nil
	}
	if out.Tolerance, err = strconv.ParseFloat(fields[0], 64); err != nil || out.Tolerance < 0 {
		return out, draft.NewFault("not_a_number", "", "%q is no tolerance", fields[0])
	}
	if equal.Attr("tolerancemode") == "relative" {
		out.Tolerance = math.Abs(v) * out.Tolerance / 100
	}
	return out, nil
}

// readGapMatch reads a text into which words are dragged.
func (q *question) readGapMatch(n *pack.Node) error {
	r := q.responseOf(n)
	var words []item.Option
	for _, w := range n.List("gaptext") {
		words = append(words, item.Option{ID: w.Attr("identifier"), Text: readWords(w)})
	}
	if len(n.List("gapimg")) > 0 {
		return draft.NewFault(draft.UnknownKind, "gapImg", "pictures are not dragged into a text here")
	}
	right := map[string]string{}
	for _, p := range r.correct {
		if f := strings.Fields(p); len(f) == 2 {
			right[f[0]], right[f[1]] = f[1], f[0] // the order differs among programs, and ids are unique
		}
	}
	q.Text, q.Image = q.readBody(func(c *pack.Node) (string, bool) {
		switch c.Name {
		case "gaptext":
			return "", true
		case "gap":
			g := draft.Gap{Options: append([]item.Option(nil), words...), GapKey: item.GapKey{Weights: map[string]float64{}}}
			if id := right[c.Attr("identifier")]; id != "" {
				g.Weights[id] = 1
			}
			q.gaps = append(q.gaps, g)
			return item.MarkGap(len(q.gaps)), true
		}
		return "", false
	})
	if len(q.gaps) == 0 {
		return draft.NewFault("no_gap", "", "there is no gap in the text")
	}
	return nil
}
