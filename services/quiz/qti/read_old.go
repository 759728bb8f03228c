package qti

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
	"github.com/livelearn/box/services/quiz/pack"
)

// oldQuestion is the state of reading one item of QTI 1.2.
type oldQuestion struct {
	draft.Reader
	item.Authored
	report draft.Question
	node   *pack.Node
	meta   map[string]string
	marks  []mark
}

// mark says that an answer changes the score.
type mark struct {
	response string // ident of the response
	value    string
	score    float64
	remark   string // ident of a feedback
	least    string // of a number
	most     string
}

// readOld reads a document of QTI 1.2.
func (r *reader) readOld(root *pack.Node, at place) {
	if root.Name == "item" {
		r.readOldItem(root, at)
		return
	}
	if a := root.Find("assessment"); len(a) > 0 && r.Title == "" {
		r.Title = draft.CutText(a[0].Attr("title"))
	}
	for _, n := range root.Find("item") {
		if r.IsFull() {
			return
		}
		r.readOldItem(n, at)
	}
}

func (r *reader) readOldItem(n *pack.Node, at place) {
	q := &oldQuestion{node: n, meta: map[string]string{}}
	if r.zip != nil {
		q.report.File = path.Base(at.file)
	}
	q.report.Line = n.Line
	q.Reader = r.newTextReader(&q.report, at.file)
	for _, f := range n.Find("qtimetadatafield") {
		q.meta[strings.ToLower(f.Child("fieldlabel").Words())] = f.Child("fieldentry").Words()
	}
	q.Title, q.ID = n.Attr("title"), usableID(n.Attr("ident"))
	gaps, err := q.read()
	switch {
	case err != nil:
		r.RefuseError(q.report, err)
	case gaps != nil:
		r.AddGaps(q.report, q.Authored, gaps)
	default:
		r.Add(q.report, q.Authored)
	}
}

// read reads the item. Gaps are not nil for a question with several places to answer.
func (q *oldQuestion) read() ([]draft.Gap, error) {
	body := q.node.Child("presentation")
	if body == nil {
		return nil, draft.NewFault("empty", "", "the item has no presentation")
	}
	q.Text, q.Image = q.readMaterial(body)
	q.report.Text = q.Text
	if q.report.Text == "" {
		q.report.Text = q.Title
	}
	q.readMarks()
	q.Points = q.report.RoundPoints(q.mostPoints())
	if len(body.Find("response_xy", "response_grp", "render_hotspot", "render_slider")) > 0 {
		return nil, draft.NewFault(draft.UnknownKind, "response_xy", "places on a picture and sliders are not asked here")
	}
	if kind := q.meta["question_type"]; kind == "file_upload_question" || kind == "calculated_question" {
		return nil, draft.NewFault(draft.UnknownKind, kind, "no questions of the kind %q are asked here", kind)
	}
	choices, texts, numbers := body.Find("response_lid"), body.Find("response_str"), body.Find("response_num")
	q.readFeedback(choices)
	switch all := len(choices) + len(texts) + len(numbers); {
	case all == 0:
		q.Kind, q.Points = item.Slide, 0
		return nil, nil
	case all == 1 && len(choices) == 1:
		return nil, q.readChoice(choices[0])
	case all == 1:
		return nil, q.readWritten(slices.Concat(texts, numbers)[0])
	case all == len(choices) && q.meta["question_type"] != "multiple_dropdowns_question" && q.meta["question_type"] != "fill_in_multiple_blanks_question":
		return nil, q.readMatch(choices)
	}
	return q.readGaps(body.Find("response_lid", "response_str", "response_num"))
}

// readMaterial returns the text and the picture of the material that is in no response.
func (q *oldQuestion) readMaterial(n *pack.Node) (string, *item.Image) {
	var b strings.Builder
	writeMaterial(&b, n)
	return q.ReadText(b.String())
}

// writeMaterial writes the HTML of material.
func writeMaterial(b *strings.Builder, n *pack.Node) {
	for _, c := range n.Children {
		switch c.Name {
		case "mattext", "matemtext":
			s := c.Words()
			if len(c.Children) > 0 && (c.Attr("texttype") == "text/xhtml" || c.Child("p", "div", "span", "img") != nil) {
				s = c.InnerHTML(nil)
			} else if c.Attr("texttype") != "text/html" {
				s = markup.HTMLFromText(s)
			}
			b.WriteString("<div>" + s + "</div>")
		case "mat_formattedtext": // Blackboard's
			text := c.Words()
			if !strings.EqualFold(c.Attr("type"), "html") {
				text = markup.HTMLFromText(text)
			}
			b.WriteString("<div>" + text + "</div>")
		case "matimage":
			src := c.Attr("uri")
			if src == "" && c.Attr("embedded") == "base64" {
				src = "data:" + c.Attr("imagtype") + ";base64," + c.Words()
			}
			b.WriteString(`<img src="` + markup.HTMLFromText(src) + `" alt="` + markup.HTMLFromText(c.Attr("label")) + `">`)
		case "mataudio", "matvideo", "matapplet", "matapplication":
			b.WriteString("<audio></audio>")
		case "matbreak":
			b.WriteString("<br>")
		case "response_lid", "response_str", "response_num", "response_xy", "response_grp", "render_choice", "response_label", "render_fib":
		default:
			writeMaterial(b, c)
		}
	}
}

// readMarks reads which answers change the score.
func (q *oldQuestion) readMarks() {
	processing := q.node.Child("resprocessing")
	for _, cond := range processing.Find("respcondition") {
		score, set := 0.0, false
		for _, s := range cond.List("setvar") {
			v, err := strconv.ParseFloat(s.Words(), 64)
			if s.Words() == "SCORE.max" { // Blackboard's
				v, err = max(q.declaredMost(), 1), nil
			}
			if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
				if strings.EqualFold(s.Attr("action"), "subtract") {
					v = -v
				}
				score, set = v, true
			}
		}
		m := mark{score: score}
		if f := cond.Child("displayfeedback"); f != nil {
			m.remark = f.Attr("linkrefid")
		}
		if !set && m.remark == "" {
			continue
		}
		q.addConditions(cond.Child("conditionvar"), m)
	}
}

// addConditions adds the equalities of a condition. What follows a "not" among them is wrong.
func (q *oldQuestion) addConditions(n *pack.Node, m mark) {
	if n == nil {
		return
	}
	before := len(q.marks)
	for _, c := range n.Children {
		switch c.Name {
		case "varequal", "varsubset":
			one := m
			one.response, one.value = c.Attr("respident"), c.Words()
			q.marks = append(q.marks, one)
		case "vargte", "vargt":
			one := m
			one.response, one.least = c.Attr("respident"), c.Words()
			q.addLimit(one, before)
		case "varlte", "varlt":
			one := m
			one.response, one.most = c.Attr("respident"), c.Words()
			q.addLimit(one, before)
		case "and", "or":
			q.addConditions(c, m)
		case "not": // points for leaving an option: taking it loses them
			if e := c.Child("varequal"); e != nil && n.Name == "conditionvar" && len(n.Children) == 1 && m.score != 0 {
				q.marks = append(q.marks, mark{response: e.Attr("respident"), value: e.Words(), score: -m.score})
			}
		}
	}
}

// addLimit completes a range, or begins one.
func (q *oldQuestion) addLimit(m mark, from int) {
	if i := len(q.marks) - 1; i >= from {
		last := &q.marks[i]
		if last.value == "" && last.response == m.response && (last.least == "" || last.most == "") && last.least+m.least != "" && (last.least == "") != (m.least == "") {
			last.least += m.least
			last.most += m.most
			return
		}
	}
	q.marks = append(q.marks, m)
}

// readFeedback reads feedback to options and to all answers.
func (q *oldQuestion) readFeedback(choices []*pack.Node) {
	said := map[string]string{}
	for _, f := range q.node.List("itemfeedback") {
		said[f.Attr("ident")], _ = q.readMaterial(f)
	}
	used := map[string]bool{}
	for _, m := range q.marks {
		s := said[m.remark]
		if s == "" || m.value == "" || len(choices) != 1 {
			continue
		}
		if q.Key.Feedback == nil {
			q.Key.Feedback = map[string]string{}
		}
		q.Key.Feedback[m.value] = s
		used[m.remark] = true
	}
	for id, s := range said {
		switch {
		case s == "" || used[id]:
		case strings.Contains(id, "general"):
			q.Key.General = s
		default:
			q.report.Lose(draft.LostFeedback, "", "feedback is left out")
		}
	}
}

// readLabels reads the options of a response.
func (q *oldQuestion) readLabels(n *pack.Node) (list []item.Option) {
	for i, l := range n.Find("response_label") {
		o := item.Option{ID: l.Attr("ident")}
		o.Text, o.Image = q.readMaterial(l)
		q.NameOption(&o, i)
		list = append(list, o)
	}
	return list
}

// scoresOf returns the greatest score of each value of a response, as shares of the best.
func (q *oldQuestion) scoresOf(response string, several bool) map[string]float64 {
	list, sum, most := map[string]float64{}, 0.0, 0.0
	for _, m := range q.marks {
		if m.response == response && m.value != "" && (m.score != 0 || list[m.value] == 0) {
			list[m.value] = m.score
		}
	}
	for _, v := range list {
		sum += max(v, 0)
		most = max(most, v)
	}
	if several {
		most = sum
	}
	for id, v := range list {
		switch {
		case v == 0:
			delete(list, id)
		case most > 0:
			list[id] = max(-1, v/most)
		}
	}
	return list
}

func (q *oldQuestion) readChoice(n *pack.Node) error {
	q.Options = q.readLabels(n)
	q.Kind = item.Single
	if strings.EqualFold(n.Attr("rcardinality"), "multiple") {
		q.Kind = item.Multi
	}
	if strings.EqualFold(n.Attr("rcardinality"), "ordered") {
		return q.readOrder(n)
	}
	w := q.scoresOf(n.Attr("ident"), q.Kind == item.Multi)
	if q.Kind == item.Multi && q.isAllOrNothing(n.Attr("ident")) {
		for id := range w {
			w[id] = 1
		}
	}
	q.Key.Weights = w
	if len(w) == 0 {
		q.report.Lose(draft.NoKey, "", "the file has no right answer: it is read as a poll")
		q.Kind, q.Points = item.Poll, 0
		return nil
	}
	if o := q.Options; len(o) == 2 && q.Kind == item.Single && strings.EqualFold(o[0].Text, "true") && strings.EqualFold(o[1].Text, "false") {
		to := map[string]string{o[0].ID: "t", o[1].ID: "f"}
		weights, said := map[string]float64{}, map[string]string{}
		for id, v := range w {
			weights[to[id]] = v
		}
		for id, s := range q.Key.Feedback {
			said[to[id]] = s
		}
		q.Kind, q.Options, q.Key.Weights, q.Key.Feedback = item.TrueFalse, nil, weights, said
	}
	return nil
}

// isAllOrNothing reports whether one condition names all right options, as Canvas writes it. The
// options are then worth the same.
func (q *oldQuestion) isAllOrNothing(response string) bool {
	for _, cond := range q.node.Child("resprocessing").Find("respcondition") {
		equal := 0
		for _, a := range cond.Child("conditionvar").List("and") {
			equal += len(a.List("varequal"))
		}
		if equal > 1 {
			return true
		}
	}
	return false
}

func (q *oldQuestion) readOrder(n *pack.Node) error {
	for _, m := range q.marks {
		if m.response == n.Attr("ident") && m.value != "" && !slices.Contains(q.Key.Order, m.value) {
			q.Key.Order = append(q.Key.Order, m.value)
		}
	}
	if len(q.Key.Order) == 0 {
		return draft.NewFault("no_right", "", "the file has no right order")
	}
	q.Kind = item.Order
	return nil
}

// readMatch reads several choices from the same list: each is a left side.
func (q *oldQuestion) readMatch(choices []*pack.Node) error {
	q.Kind, q.Key.Pairs = item.Match, map[string]string{}
	q.Choices = q.readLabels(choices[0])
	byText := map[string]string{}
	for _, c := range q.Choices {
		byText[c.Text] = c.ID
	}
	for _, n := range choices {
		left := item.Option{ID: n.Attr("ident")}
		left.Text, left.Image = q.readMaterial(n)
		q.Options = append(q.Options, left)
		right := ""
		for id := range q.scoresOf(left.ID, false) {
			right = id
		}
		for _, l := range q.readLabels(n) { // each left side has idents of its own in some files
			if l.ID == right {
				right = byText[l.Text]
			}
		}
		if right == "" {
			return draft.NewFault("bad_pairs", "", "a left side has no right side of the first list")
		}
		q.Key.Pairs[left.ID] = right
	}
	return nil
}

// readWritten reads a place for a text or a number.
func (q *oldQuestion) readWritten(n *pack.Node) error {
	g, err := q.readGap(n)
	if err != nil {
		return err
	}
	q.Kind = item.Text
	if q.Key.Texts, q.Key.Numbers = g.Texts, g.Numbers; len(g.Numbers) > 0 {
		q.Kind = item.Numeric
	}
	if len(g.Texts)+len(g.Numbers) == 0 {
		q.Points = 0 // an essay
	}
	return nil
}

func (q *oldQuestion) readGap(n *pack.Node) (g draft.Gap, err error) {
	id := n.Attr("ident")
	if n.Name == "response_lid" {
		g.Options = q.readLabels(n)
		if g.Weights = q.scoresOf(id, false); len(g.Weights) == 0 {
			return g, draft.NewFault("no_right", "", "no answer is right")
		}
		if len(g.Options) == 1 || q.meta["question_type"] == "fill_in_multiple_blanks_question" { // Canvas lists the accepted texts
			for _, o := range g.Options {
				g.Texts = append(g.Texts, item.Accepted{Text: escapeStar(o.Text), Weight: g.Weights[o.ID]})
			}
			g.Options, g.Weights = nil, nil
		}
		return g, nil
	}
	number := n.Name == "response_num" || q.meta["question_type"] == "numerical_question"
	for _, f := range n.Find("render_fib") {
		number = number || strings.EqualFold(f.Attr("fibtype"), "integer") || strings.EqualFold(f.Attr("fibtype"), "decimal")
	}
	shares := q.scoresOf(id, false)
	for _, m := range q.marks {
		if m.response != id || m.score == 0 {
			continue
		}
		if m.value == "" {
			r, ok := makeRange(m)
			if !ok {
				return g, draft.NewFault("not_a_number", "", "%q to %q is no range", m.least, m.most)
			}
			g.Numbers = append(g.Numbers, r)
			continue
		}
		if !number {
			g.Texts = append(g.Texts, item.Accepted{Text: escapeStar(m.value), Weight: shares[m.value]})
			continue
		}
		v, err := strconv.ParseFloat(m.value, 64)
		if err != nil {
			return g, draft.NewFault("not_a_number", "", "%q is no number", m.value)
		}
		if !slices.ContainsFunc(g.Numbers, func(r item.Range) bool { return math.Abs(r.Value-v) <= r.Tolerance }) {
			g.Numbers = append(g.Numbers, item.Range{Value: v, Weight: 1})
		}
	}
	if len(g.Numbers) > 1 { // Canvas writes a number and the range around it
		g.Numbers = slices.DeleteFunc(g.Numbers, func(r item.Range) bool {
			return r.Tolerance == 0 && slices.ContainsFunc(g.Numbers, func(o item.Range) bool { return o.Tolerance > 0 && math.Abs(o.Value-r.Value) <= o.Tolerance })
		})
	}
	return g, nil
}

func makeRange(m mark) (item.Range, bool) {
	from, err1 := strconv.ParseFloat(m.least, 64)
	to, err2 := strconv.ParseFloat(m.most, 64)
	if err1 != nil || err2 != nil || !(from <= to) {
		return item.Range{}, false
	}
	round := func(v float64) float64 { // half of 1.7 to 1.8 is 0.05
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
		return v
	}
	return item.Range{Value: round((from + to) / 2), Tolerance: round((to - from) / 2), Weight: 1}, true
}

// readGaps reads a text in which [name] is the place of a response.
func (q *oldQuestion) readGaps(list []*pack.Node) ([]draft.Gap, error) {
	gaps := []draft.Gap{}
	for _, n := range list {
		g, err := q.readGap(n)
		if err != nil {
			return nil, err
		}
		gaps = append(gaps, g)
		name, _ := q.readMaterial(n)
		if name == "" {
			name = strings.TrimPrefix(n.Attr("ident"), "response_")
		}
		mark := item.MarkGap(len(gaps))
		if strings.Contains(q.Text, "["+name+"]") {
			q.Text = strings.Replace(q.Text, "["+name+"]", mark, 1)
		} else {
			q.Text = strings.TrimSpace(q.Text + "\n" + strings.TrimSpace(name+" "+mark))
		}
	}
	return gaps, nil
}
