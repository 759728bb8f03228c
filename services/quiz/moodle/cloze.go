package moodle

import (
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

// addedError says that a reader has added its question itself.
type addedError struct{}

func (addedError) Error() string { return "the question is added" }

// readCloze reads embedded answers.
func (q *question) readCloze() error {
	body := q.node.Child("questiontext")
	s := body.Child("text").Words()
	var gaps []draft.Gap
	var fault error
	points, uneven := 0, false
	s = gapPattern.ReplaceAllStringFunc(s, func(t string) string {
		m := gapPattern.FindStringSubmatch(t)
		n := 1
		if m[1] != "" {
			n, _ = strconv.Atoi(m[1])
		}
		uneven = uneven || len(gaps) > 0 && points != n*len(gaps)
		points += n
		g, err := readGap(q, m[2], m[3])
		if err != nil {
			fault = err
			return t
		}
		gaps = append(gaps, g)
		return item.MarkGap(len(gaps))
	})
	if fault != nil {
		return fault
	}
	if len(gaps) > 0 && q.node.Child("defaultgrade") == nil {
		q.Points = q.Q.RoundPoints(float64(points))
	}
	if uneven {
		q.Q.Lose(draft.LostScoring, "", "each gap counts the same")
	}
	if q.isSet("gaps") {
		q.Kind = item.Gaps
	}
	r := q.Reader
	r.Open = func(src string) ([]byte, error) { return openFile(body, src) }
	q.Text, q.Image = r.ReadText(s)
	q.AddGaps(*q.Q, q.Authored, gaps)
	return addedError{}
}

// readGap reads {1:KIND:answers}.
func readGap(q *question, kind, answers string) (g draft.Gap, err error) {
	choice, number := false, false
	switch kind {
	case "SHORTANSWER", "SA", "MW":
	case "SHORTANSWER_C", "SAC", "MWC":
		q.Q.Lose(draft.LostCase, "", "capital and small letters count as the same")
	case "NUMERICAL", "NM":
		number = true
	case "MULTICHOICE", "MC", "MULTICHOICE_V", "MCV", "MULTICHOICE_H", "MCH", "MULTICHOICE_S", "MCS", "MULTICHOICE_VS", "MCVS", "MULTICHOICE_HS", "MCHS":
		choice = true
	default:
		return g, draft.NewFault(draft.UnknownKind, kind, "a gap of the kind %q is not asked here", kind)
	}
	for i, part := range splitAnswers(answers) {
		text, remark := cutUnescaped(part.text, '#')
		if remark != "" {
			q.Q.Lose(draft.LostFeedback, "", "feedback to the answers of gaps is left out")
		}
		text = strings.TrimSpace(markup.TextFromHTML(unescapeGap(text)))
		switch {
		case choice:
			o := item.Option{ID: strconv.Itoa(i), Text: text}
			if g.Options = append(g.Options, o); g.Weights == nil {
				g.Weights = map[string]float64{}
			}
			g.Weights[o.ID] = part.weight
		case number:
			if text == "" || text == "*" && part.weight == 0 {
				continue
			}
			value, tolerance, _ := strings.Cut(text, ":")
			r := item.Range{Weight: part.weight}
			if r.Value, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
				return g, draft.NewFault("not_a_number", "", "%q is no number", text)
			}
			if tolerance != "" {
				if r.Tolerance, err = strconv.ParseFloat(strings.TrimSpace(tolerance), 64); err != nil || r.Tolerance < 0 {
					return g, draft.NewFault("not_a_number", "", "%q is no tolerance", tolerance)
				}
			}
			g.Numbers = append(g.Numbers, r)
		case text == "*" && part.weight == 0: // feedback to all else
		default:
			g.Texts = append(g.Texts, item.Accepted{Text: text, Weight: part.weight})
		}
	}
	if len(g.Options)+len(g.Numbers)+len(g.Texts) == 0 {
		return g, draft.NewFault("no_right", "", "a gap has no answer")
	}
	return g, nil
}

// makeCloze returns the text with its answers in it. A brace of the text is no gap.
func (w *writer) makeCloze() string {
	w.addSetting("gaps")
	var b strings.Builder
	for i, part := range item.SplitBlanks(w.Text) {
		if i > 0 {
			b.WriteString(w.makeClozeGap(w.Gaps[i-1]))
		}
		b.WriteString(strings.ReplaceAll(markup.HTMLFromText(part), "{", "&#123;"))
	}
	return b.String()
}

func (w *writer) makeClozeGap(g item.Gap) string {
	k := w.Key.Gaps[g.ID]
	name, answers := "SHORTANSWER", []string{}
	add := func(weight float64, text string) {
		mark := "%" + item.FormatPercent(weight) + "%"
		if weight == 1 {
			mark = "="
		}
		answers = append(answers, mark+text)
	}
	for _, a := range k.Texts {
		if a.Text == item.AnyNumber && a.Weight == 0 {
			w.q.Lose("lost_any", "", "an answer that accepts anything for no points is left out")
			continue
		}
		add(a.Weight, escapeGap(a.Text))
	}
	for _, o := range g.Options {
		name = "MULTICHOICE"
		add(k.Weights[o.ID], escapeGap(o.Text))
	}
	for _, r := range k.Numbers {
		name = "NUMERICAL"
		s := strconv.FormatFloat(r.Value, 'g', -1, 64)
		if r.Tolerance > 0 {
			s += ":" + strconv.FormatFloat(r.Tolerance, 'g', -1, 64)
		}
		add(r.Weight, s)
	}
	return "{1:" + name + ":" + strings.Join(answers, "~") + "}"
}

// escapeGap writes an answer in HTML, in which the marks of embedded answers are escaped, also those
// of entities.
func escapeGap(s string) string { return escapeMarks(markup.HTMLFromText(s)) }

var escapeMarks = strings.NewReplacer(`\`, `\\`, "{", `\{`, "}", `\}`, "~", `\~`, "#", `\#`).Replace

type gapAnswer struct {
	text   string
	weight float64
}

// splitAnswers cuts "=right~%50%half~wrong" into answers.
func splitAnswers(s string) (list []gapAnswer) {
	for s != "" {
		var one string
		one, s = cutUnescaped(s, '~')
		one = strings.TrimSpace(one)
		a := gapAnswer{text: one}
		if rest, ok := strings.CutPrefix(one, "="); ok {
			a = gapAnswer{rest, 1}
		} else if rest, ok := strings.CutPrefix(one, "%"); ok {
			if share, text, ok := strings.Cut(rest, "%"); ok {
				if v, err := strconv.ParseFloat(share, 64); err == nil && v >= -100 && v <= 100 {
					a = gapAnswer{text, movePoint(share, v)}
				}
			}
		}
		if one != "" {
			list = append(list, a)
		}
	}
	return list
}

// cutUnescaped cuts at the first mark that has no backslash before it.
func cutUnescaped(s string, mark byte) (before, after string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case mark:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

var unescapeGap = strings.NewReplacer(`\}`, "}", `\{`, "{", `\~`, "~", `\#`, "#", `\=`, "=", `\"`, `"`, `\\`, `\`, `\/`, "/").Replace

// readSelected reads a text with gaps [[1]] for which one of the options is chosen or dragged.
func (q *question) readSelected() error {
	type choice struct {
		text  string
		group string
	}
	var all []choice
	name := "selectoption"
	if q.node.Attr("type") == "ddwtos" {
		name = "dragbox"
	}
	for _, n := range q.node.List(name) {
		s, _ := q.readRich(n)
		all = append(all, choice{s, n.Child("group").Words()})
	}
	var gaps []draft.Gap
	var fault error
	q.Text = selectPattern.ReplaceAllStringFunc(q.Text, func(t string) string {
		n, _ := strconv.Atoi(strings.Trim(t, "[]"))
		if n < 1 || n > len(all) {
			fault = draft.NewFault("no_right", "", "there is no option for the gap %s", t)
			return t
		}
		g := draft.Gap{GapKey: item.GapKey{Weights: map[string]float64{}}}
		for i, c := range all {
			if c.group != all[n-1].group {
				continue
			}
			o := item.Option{ID: strconv.Itoa(i), Text: c.text}
			if i == n-1 {
				g.Weights[o.ID] = 1
			}
			g.Options = append(g.Options, o)
		}
		gaps = append(gaps, g)
		return item.MarkGap(len(gaps))
	})
	if fault != nil {
		return fault
	}
	q.AddGaps(*q.Q, q.Authored, gaps)
	return addedError{}
}
