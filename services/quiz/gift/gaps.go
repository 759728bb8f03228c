package gift

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// clozePattern matches the beginning of a gap as Moodle's embedded answers have it, which teachers
// paste into GIFT: {1:MC:~=barks~sings}.
var clozePattern = regexp.MustCompile(`^\d*:(MULTICHOICE|MC|SHORTANSWER|SA|MW|NUMERICAL|NM)[A-Z_]*:`)

// isGapText reports whether the answer sections of a question are gaps of one text: several, those
// of embedded answers, or what Format wrote.
func (q *question) isGapText(sections []cells) bool {
	return len(sections) > 1 || len(sections) == 1 && (q.settings.kind == item.Gaps || clozePattern.MatchString(sections[0].String()))
}

// readGaps reads a text with gaps from its parts and its answer sections.
func (q *question) readGaps(parts, sections []cells) error {
	marked, form := joinParts(parts, item.MarkGap).plainText(formMoodle)
	text, order, _ := item.PlaceGaps(marked)
	if len(order) != len(sections) {
		return newProblem(q.line, "bad_gap", "%d answers are for %d gaps in the text", len(sections), len(order))
	}
	q.Text, q.form, q.Kind, q.Key.Gaps = text, form, item.Gaps, map[string]item.GapKey{}
	for i, c := range sections {
		if rest, general, ok := c.cutLast("####"); ok {
			c = rest
			q.Key.General, _ = general.plainText(q.form)
		}
		g := question{settings: settings{kind: item.Single}, line: c.lineOf(q.line), form: q.form}
		if err := g.readGap(c.trimSpace()); err != nil {
			return err
		}
		id := strconv.Itoa(i + 1)
		q.Gaps = append(q.Gaps, item.Gap{ID: id, Kind: g.Kind, Options: g.Options})
		q.Key.Gaps[id] = item.GapKey{Weights: g.Key.Weights, Texts: g.Key.Texts, Numbers: g.Key.Numbers}
	}
	return nil
}

// readGap reads one section: accepted answers, a choice or numbers.
func (q *question) readGap(c cells) error {
	kind := ""
	if m := clozePattern.FindStringSubmatch(c.String()); m != nil {
		kind = m[1]
		c = c[len(m[0]):]
	}
	list := c.splitParts()
	switch {
	case kind == "NUMERICAL" || kind == "NM":
		q.Kind = item.Numeric
		return q.readNumbers(c)
	case kind == "" && c.hasPrefix("#"):
		q.Kind = item.Numeric
		return q.readNumbers(c[1:])
	case kind == "MULTICHOICE" || kind == "MC" || kind == "" && c.indexOf("~") >= 0:
		return q.readChoice(list)
	case len(list) == 0 || list[0].mark == 0:
		return newProblem(q.line, "bad_gap", "%q: a gap holds =accepted answers, ~a choice or #a number", c.String())
	}
	var right []part
	for _, p := range list {
		if _, _, given, err := p.readWeight(); err != nil {
			return err
		} else if given || p.mark == '=' {
			right = append(right, p)
		}
	}
	return q.readTexts(right)
}

// writeGaps writes a text with its answers in it. The marks of gaps are already in the text.
func (w *writer) writeGaps() {
	w.addSetting("gaps")
	start := strings.Index(w.String(), item.MarkGap(1))
	parts := regexp.MustCompile("\ue000\\d+\ue001").Split(w.String()[start:], -1)
	before := w.String()[:start]
	w.Reset()
	w.WriteString(before)
	for i, g := range w.Gaps {
		w.WriteString(parts[i] + "{")
		w.writeGap(g, w.Key.Gaps[g.ID])
		if i == len(w.Gaps)-1 {
			w.writeGeneral("", "")
		}
		w.WriteString("}")
	}
	w.WriteString(parts[len(w.Gaps)] + "\n")
}

func (w *writer) writeGap(g item.Gap, k item.GapKey) {
	if g.Kind == item.Numeric {
		w.WriteString("#")
	}
	for _, r := range k.Numbers {
		w.WriteString("=%" + item.FormatPercent(r.Weight) + "%")
		w.WriteString(formatNumber(r.Value))
		if r.Tolerance != 0 {
			w.WriteString(":" + formatNumber(r.Tolerance))
		}
	}
	for _, a := range k.Texts {
		w.WriteString("=%" + item.FormatPercent(a.Weight) + "%")
		w.writeAccepted(a.Text)
	}
	for _, o := range g.Options {
		w.WriteString("~%" + item.FormatPercent(k.Weights[o.ID]) + "%")
		w.writeText(o.Text, false)
	}
}
