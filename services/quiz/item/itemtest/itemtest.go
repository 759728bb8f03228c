// Package itemtest makes questions for the tests of what reads and writes them.
package itemtest

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// scraps are texts that are hard to write: syntax, markup, and scripts of all directions.
var scraps = []string{
	"a", "B", "word", "two words", " ", "  ", "\n", "\t", "\n\n", "\\", `\n`, `\\`, "~", "=", "#", "####", "{", "}", ":", "::", "%", "%50%", "%-5.5%",
	"->", "-", ">", "//", "[html]", "[plain]", "[moodle]", "[markdown]", "[", "]", "<b>", "</b>", "<br>", "<p>", "</p>", "<sup>2</sup>", "<!--", "<script>", "<", "&lt;", "&amp;",
	"&#10;", "&nbsp;", "&", ";", "**x**", "_y_", "`z`", "$CATEGORY:", "$$", "TRUE", "F", "1..5", "3:0.5", "*", `\*`, "0", "1", "_____", "livelearn: poll", "[id:q1]",
	"مرحبا", "שלום", "\u202bيمين\u202c", "\u200f", "\u200b", "é", "e\u0301", "ß", "日本語", "👩‍🔬", "\u00a0", "\u2028", "\ufeff", "\u0085", "\ufffd", "'", `"`, "|", "^",
}

func anyText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range 1 + r.IntN(most) {
		b.WriteString(scraps[r.IntN(len(scraps))])
	}
	return b.String()
}

func maybeText(r *rand.Rand, f func() string) string {
	if r.IntN(3) > 0 {
		return ""
	}
	return f()
}

func anyWeight(r *rand.Rand) float64 {
	fixed := []float64{0, 1, 1, 1, -1, 0.5, -0.5, 1.0 / 3, 0.3333333, 0.07, 0.29, 1e-9}
	if n := r.IntN(len(fixed) + 2); n < len(fixed) {
		return fixed[n]
	}
	return 2*r.Float64() - 1
}

func anyNumber(r *rand.Rand) float64 {
	fixed := []float64{0, 1, -1, 0.1, 3.14, 1e15, -1e15, 1e-7, 5e-324, 2.5e-300, 1822, 0.05, math.Pi}
	if n := r.IntN(len(fixed) + 4); n < len(fixed) {
		return fixed[n]
	}
	return (2*r.Float64() - 1) * math.Pow10(r.IntN(20)-5)
}

func anyOptions(r *rand.Rand) (list []item.Option) {
	for i := range 2 + r.IntN(6) {
		list = append(list, item.Option{ID: strconv.Itoa(i), Text: anyText(r, 4)})
	}
	return list
}

// MakeItem returns a question of kind with any texts, numbers and settings. It may be invalid.
func MakeItem(r *rand.Rand, kind item.Kind) item.Authored {
	a := item.Authored{Item: item.Item{
		Kind: kind, Title: maybeText(r, func() string { return anyText(r, 4) }), Text: anyText(r, 12),
		ID: maybeText(r, func() string { return []string{"q1", "q2", "a]b", "[x", "//", "=~#{}:"}[r.IntN(6)] }), Points: r.IntN(4),
	}}
	if r.IntN(3) == 0 {
		a.Seconds = item.MinSeconds + r.IntN(300)
	}
	k := item.Key{General: maybeText(r, func() string { return anyText(r, 8) }), Feedback: map[string]string{}, Weights: map[string]float64{}, Pairs: map[string]string{}}
	say := func(to string) {
		if s := maybeText(r, func() string { return anyText(r, 5) }); s != "" {
			k.Feedback[to] = s
		}
	}
	a.Options = anyOptions(r)
	equal := r.IntN(2) == 0
	for _, o := range append(a.Options, item.Option{ID: "t"}, item.Option{ID: "f"}) {
		if kind == item.TrueFalse != (o.ID > "a") {
			continue
		}
		say(o.ID)
		if k.Weights[o.ID] = anyWeight(r); equal {
			k.Weights[o.ID] = float64(r.IntN(2))
		}
	}
	switch kind {
	case item.Text:
		for range r.IntN(4) {
			t := item.Accepted{Text: strings.TrimSpace(anyText(r, 4)), Weight: anyWeight(r)}
			k.Texts = append(k.Texts, t)
			say(t.Text)
		}
	case item.Numeric:
		for range 1 + r.IntN(3) {
			n := item.Range{Value: anyNumber(r), Tolerance: math.Abs(anyNumber(r)) * float64(r.IntN(2)), Weight: anyWeight(r)}
			k.Numbers = append(k.Numbers, n)
			say(n.String())
		}
		say(item.AnyNumber)
	case item.Match:
		a.Choices = anyOptions(r)
		for _, o := range a.Options {
			k.Pairs[o.ID] = a.Choices[r.IntN(len(a.Choices))].ID
		}
	}
	a.Key = k
	if kind == item.Gaps {
		addGaps(r, &a)
	}
	return a
}

// addGaps gives a text some gaps with any answers.
func addGaps(r *rand.Rand, a *item.Authored) {
	a.Key.Gaps = map[string]item.GapKey{}
	parts := []string{strings.ReplaceAll(a.Text, "_", "")}
	for i := range 1 + r.IntN(4) {
		kind := []item.Kind{item.Text, item.Numeric, item.Single}[r.IntN(3)]
		one := MakeItem(r, kind)
		id := strconv.Itoa(i + 1)
		g := item.Gap{ID: id, Kind: kind}
		k := item.GapKey{Texts: one.Key.Texts, Numbers: one.Key.Numbers}
		if len(k.Texts) > 0 {
			k.Texts[0].Weight = 1
		}
		if len(k.Numbers) > 0 {
			k.Numbers[0].Weight = 0.5
		}
		if kind == item.Single {
			g.Options, k.Weights = one.Options, one.Key.Weights
		}
		a.Gaps, a.Key.Gaps[id] = append(a.Gaps, g), k
		parts = append(parts, strings.ReplaceAll(anyText(r, 3), "_", ""))
	}
	a.Text = strings.Join(parts, item.Blank)
}
