package item

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// Limits of gaps. An answer is bounded as a whole, because all that a pupil has answered has to fit
// in the answer to a join.
const (
	MaxGaps      = 20
	MaxGapAnswer = 500 // characters in all gaps together
)

// Blank is a gap in a text. Three or more underscores are one too. Pages that only show a text need
// not know about gaps.
const Blank = "_____"

var blankPattern = regexp.MustCompile(`_{3,}`)

// CountBlanks returns how many gaps a text has.
func CountBlanks(s string) int { return len(blankPattern.FindAllStringIndex(s, -1)) }

// SplitBlanks returns the parts of a text between its gaps.
func SplitBlanks(s string) []string { return blankPattern.Split(s, -1) }

// markPattern matches what MarkGap returns: it has characters for private use, which no text has.
var markPattern = regexp.MustCompile("\ue000(\\d{1,4})\ue001")

// MarkGap returns the mark of a gap in a text that is being read, from 1.
func MarkGap(n int) string { return fmt.Sprintf("\ue000%d\ue001", n) }

// PlaceGaps puts a Blank in the place of each mark and returns the numbers of the marks in their
// order. A line of underscores that is no gap becomes short, which it reports.
func PlaceGaps(s string) (text string, order []int, shortened bool) {
	text = blankPattern.ReplaceAllString(s, "__")
	shortened = text != s
	text = markPattern.ReplaceAllStringFunc(text, func(mark string) string {
		n, _ := strconv.Atoi(markPattern.FindStringSubmatch(mark)[1]) // digits, by the pattern
		order = append(order, n)
		return Blank
	})
	return text, order, shortened
}

// MarkBlanks is the inverse of PlaceGaps.
func MarkBlanks(s string) string {
	n := 0
	return blankPattern.ReplaceAllStringFunc(s, func(string) string {
		n++
		return MarkGap(n)
	})
}

// Gap is a place in a text for an answer: the first one is the first Blank in the text.
type Gap struct {
	ID      string   `json:"id"` // its place, from 1
	Kind    Kind     `json:"kind" doc:"text, numeric or single"`
	Options []Option `json:"options,omitempty"` // of a single
}

// GapKey is the solution of one gap, as in Key.
type GapKey struct {
	Weights map[string]float64 `json:"weights,omitempty"`
	Texts   []Accepted         `json:"texts,omitempty"`
	Numbers []Range            `json:"numbers,omitempty"`
}

// RevealedGap is the solution of one gap, as in Revealed.
type RevealedGap struct {
	Right   []string `json:"right,omitempty"`
	Texts   []string `json:"texts,omitempty"`
	Numbers []string `json:"numbers,omitempty"`
}

// question returns a gap as a question of its own, which is checked and graded like one.
func (g Gap) question(k GapKey) Authored {
	return Authored{Item{Kind: g.Kind, Text: Blank, Options: g.Options}, Key{Weights: k.Weights, Texts: k.Texts, Numbers: k.Numbers}}
}

// response returns the answer in one gap as an answer to that question.
func (g Gap) response(s string) Response {
	if g.Kind == Single {
		return Response{Options: []string{s}}
	}
	return Response{Text: s}
}

// GradeGap returns the worth of the answer in one gap, 0 to 1. An empty gap is worth nothing.
func GradeGap(g Gap, k Key, r Response) float64 {
	s, ok := r.Gaps[g.ID]
	if !ok {
		return 0
	}
	q := g.question(k.Gaps[g.ID])
	return Grade(q.Item, q.Key, g.response(s))
}

// gradeGaps gives each gap the same share.
func gradeGaps(it Item, k Key, r Response) float64 {
	sum := 0.0
	for _, g := range it.Gaps {
		sum += GradeGap(g, k, r)
	}
	return sum / float64(max(len(it.Gaps), 1))
}

// CountGaps adds an answer to the counts of a question: "1" counts the right ones in the first gap
// and "1.a" those who chose its option a. Written words are not counted, because all see the counts.
func CountGaps(n map[string]int, it Item, k Key, r Response) {
	for _, g := range it.Gaps {
		n[g.ID] += 0
		if GradeGap(g, k, r) > 0.999 {
			n[g.ID]++
		}
		for _, o := range g.Options {
			n[g.ID+"."+o.ID] += 0
			if r.Gaps[g.ID] == o.ID {
				n[g.ID+"."+o.ID]++
			}
		}
	}
}

// revealGaps returns the solutions of all gaps.
func revealGaps(it Item, k Key) map[string]RevealedGap {
	if len(it.Gaps) == 0 {
		return nil
	}
	out := map[string]RevealedGap{}
	for _, g := range it.Gaps {
		q := g.question(k.Gaps[g.ID])
		r := RevealKey(q.Item, q.Key)
		out[g.ID] = RevealedGap{r.Right, r.Texts, r.Numbers}
	}
	return out
}

// normaliseGaps checks that each blank of the text has its gap, and each gap a right answer. Ids are
// the places in the text.
func (a *Authored) normaliseGaps(op, at string) (map[string]GapKey, error) {
	a.Text = blankPattern.ReplaceAllString(a.Text, Blank)
	n := CountBlanks(a.Text)
	switch {
	case n == 0:
		return nil, errs.NewField(op, at+"text", "no_gap", 1, "there is no gap in the text: write ___ where one is")
	case n > MaxGaps:
		return nil, errs.NewField(op, at+"gaps", "too_many_gaps", MaxGaps, "%d gaps, at most %d", n, MaxGaps)
	case n != len(a.Gaps):
		return nil, errs.NewField(op, at+"gaps", "gap_count", int64(n), "the text has %d gaps, and there are answers for %d", n, len(a.Gaps))
	case utf8.RuneCountInString(a.Text) > MaxText: // a blank became longer
		return nil, errs.NewField(op, at+"text", "too_long", MaxText, "at most %d characters", MaxText)
	}
	keys := maps.Clone(a.Key.Gaps)
	a.Gaps = slices.Clone(a.Gaps)
	out := map[string]GapKey{}
	for i := range a.Gaps {
		g := &a.Gaps[i]
		field := fmt.Sprintf("%sgaps[%d].", at, i)
		k, ok := keys[g.ID]
		if !ok {
			return nil, errs.NewField(op, field+"key", "no_right", 1, "a gap needs its right answer")
		}
		delete(keys, g.ID)
		if err := g.normalise(op, field, &k); err != nil {
			return nil, err
		}
		g.ID = fmt.Sprint(i + 1)
		out[g.ID] = k
	}
	if len(keys) > 0 {
		return nil, errs.NewField(op, at+"key.gaps", "unknown", 0, "a key belongs to no gap")
	}
	return out, nil
}

func (g *Gap) normalise(op, at string, k *GapKey) error {
	switch g.Kind {
	case Text, Numeric, Single:
	default:
		return errs.NewField(op, at+"kind", "unknown", 0, "a gap is text, numeric or single")
	}
	g.Options = slices.Clone(g.Options)
	for i, o := range g.Options { // a list in a sentence shows words on one line
		g.Options[i] = Option{ID: o.ID, Text: strings.Join(strings.Fields(o.Text), " ")}
	}
	q := g.question(*k)
	q.Key.Weights, q.Key.Texts, q.Key.Numbers = maps.Clone(k.Weights), slices.Clone(k.Texts), slices.Clone(k.Numbers)
	for i, a := range q.Key.Texts {
		q.Key.Texts[i].Text = strings.Join(strings.Fields(a.Text), " ")
	}
	if err := q.normaliseByKind(op, at); err != nil {
		return err
	}
	switch {
	case g.Kind == Text && !slices.ContainsFunc(q.Key.Texts, func(a Accepted) bool { return a.Weight > 0 }):
		return errs.NewField(op, at+"key.texts", "no_right", 1, "a gap needs an accepted answer")
	case g.Kind == Numeric && !slices.ContainsFunc(q.Key.Numbers, func(r Range) bool { return r.Weight > 0 }):
		return errs.NewField(op, at+"key.numbers", "no_right", 1, "a gap needs an accepted number")
	}
	g.Options = q.Options
	*k = GapKey{q.Key.Weights, q.Key.Texts, q.Key.Numbers}
	return nil
}

// checkGaps checks the shape of an answer. Gaps may be empty, and at least one is filled.
func checkGaps(op string, it Item, r Response) error {
	size := 0
	for _, id := range slices.Sorted(maps.Keys(r.Gaps)) {
		i := slices.IndexFunc(it.Gaps, func(g Gap) bool { return g.ID == id })
		if i < 0 {
			return errs.NewField(op, "response.gaps", "unknown", 0, "no such gap")
		}
		g, s := it.Gaps[i], r.Gaps[id]
		size += utf8.RuneCountInString(s)
		if g.Kind == Single {
			if err := checkChosen(op, "response.gaps."+id, []string{s}, g.Options, 1); err != nil {
				return err
			}
			continue
		}
		if err := checkWritten(op, "response.gaps."+id, g.Kind, s); err != nil {
			return err
		}
	}
	if size > MaxGapAnswer {
		return errs.NewField(op, "response.gaps", "too_long", MaxGapAnswer, "%d characters, at most %d in all gaps", size, MaxGapAnswer)
	}
	return nil
}

// JoinGaps returns the answers in gaps in their order: what was written, or the text of an option.
func JoinGaps(gaps []Gap, given map[string]string) string {
	var parts []string
	for _, g := range gaps {
		s := strings.TrimSpace(g.NameAnswer(given[g.ID]))
		if s == "" {
			s = "–"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

// NameAnswer returns the answer in a gap in words.
func (g Gap) NameAnswer(s string) string {
	for _, o := range g.Options {
		if o.ID == s {
			return o.Text
		}
	}
	return s
}
