package e2e

import (
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

const giftFile = `::Sum:: 2 + 2 = ? {=4 ~3 ~5}

Broken { =a

The Earth is flat. {F}
`

// TestGiftIsLookedAtAndTaken brings questions of a file in, with one that is broken, as a
// new quiz and into one that is there, and takes them out again.
func TestGiftIsLookedAtAndTaken(t *testing.T) {
	say := words(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, ada)
	p.open(home + "/teach")
	p.press(say("quizzes.gift"))
	p.give("dialog[open]", "sums.gift", giftFile)
	p.until("two questions", `document.querySelectorAll(".gift-found li").length === 2`)
	p.sees(say("gift.unclosed"))
	p.sees(strings.ReplaceAll(say("home.paste.line"), "{line}", "3"))
	p.axe("GIFT with a broken question")
	p.press("Import 2 questions")
	p.until("the editor", `location.pathname.startsWith("/quiz/") && document.querySelectorAll("li.editor").length === 2`)
	if v := p.value(say("edit.title")); v != "sums" {
		t.Errorf("the title is %q", v)
	}
	p.press(say("quizzes.gift"))
	p.fill(say("quizzes.giftText"), "What floats? {=wood ~stone}")
	p.press(say("quizzes.look"))
	p.press("Import 1 question")
	p.until("three questions", `document.querySelectorAll("li.editor").length === 3`)
	p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))
	got := eval[string](p, `fetch([...document.querySelectorAll("a[download]")][0].href).then((r) => r.text())`)
	for _, part := range []string{"2 + 2", "flat", "What floats?", "wood"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %q", part, got)
		}
	}
	p.noFaults()
}
