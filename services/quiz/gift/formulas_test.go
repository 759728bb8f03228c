package gift

import (
	"strings"
	"testing"

	"github.com/livelearn/box/services/quiz/item"
)

// TestFormulasSurviveGIFT writes and reads formulas with each sign that has a meaning in GIFT, in
// HTML or in Markdown.
func TestFormulasSurviveGIFT(t *testing.T) {
	formulas := []string{
		`$\frac{1}{2}$`, `$x_1 = a^{n+1} \# b$`, `$a<b>c$ and $d</b>$`, `$\text{a: } 50\,\% ~ \{1, 2\}$`, `\$5 is not $x$`,
		`$$\sum_{i=1}^{n} i \to \infty$$`, `$*a* + _b_ \\ [c](d)$`, `$a &lt; b \& c$`,
	}
	var items []item.Authored
	for _, f := range formulas {
		items = append(items, item.Authored{
			Item: item.Item{Kind: item.Single, Text: "Which is " + f + "?", Points: 1, Options: []item.Option{{ID: "a", Text: f}, {ID: "b", Text: f + " + 1"}}},
			Key:  item.Key{Weights: map[string]float64{"a": 1}},
		})
	}
	checkRoundTrip(t, items)
	const moodle = `[html]<p>Solve $x^2 \= \\frac\{1\}\{4\}$.</p> {=$\\frac\{1\}\{2\}$ ~$2$}`
	back, problems := Parse(moodle)
	if len(problems) > 0 || len(back) != 1 || back[0].Text != `Solve $x^2 = \frac{1}{4}$.` || back[0].Options[0].Text != `$\frac{1}{2}$` {
		t.Errorf("read as %+v, %v", back, problems)
	}
	if text := Format(items); !strings.Contains(text, `$\\frac\{1\}\{2\}$`) {
		t.Errorf("another program does not find the formula in\n%s", text)
	}
}
