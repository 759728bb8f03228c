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

// TestGiftIsLookedAtAndTaken imports questions from a file with a broken one, as a new quiz and
// into an existing one, and exports them.
func TestGiftIsLookedAtAndTaken(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, ada)
	p.open(home + "/teach")
	p.press(say("quizzes.gift"))
	p.give("dialog[open]", "sums.gift", giftFile)
	p.until("two questions", `document.querySelectorAll("[data-found] > li").length === 2`)
	p.sees(say("gift.unclosed"))
	p.sees(strings.ReplaceAll(say("home.paste.line"), "{line}", "3"))
	p.axe("GIFT with a broken question")
	p.press("Import 2 questions")
	p.until("the editor", `location.pathname.startsWith("/quiz/") && document.querySelectorAll("[data-thumb]").length === 2`)
	if v := p.value(say("edit.title")); v != "sums" {
		t.Errorf("the title is %q", v)
	}
	p.press(say("quizzes.gift"))
	p.fill(say("quizzes.giftText"), "What floats? {=wood ~stone}")
	p.press(say("quizzes.look"))
	p.press("Import 1 question")
	p.until("three questions", `document.querySelectorAll("[data-thumb]").length === 3`)
	p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))
	p.press(say("edit.export"))
	p.until("the menu", `document.querySelector("[role=menu]")`)
	got := evalJS[string](p, `fetch([...document.querySelectorAll("a[download]")][0].href).then((r) => r.text())`)
	for _, part := range []string{"2 + 2", "flat", "What floats?", "wood"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %q", part, got)
		}
	}
	p.noFaults()
}

// TestAGiftFileOfAnOldEditorKeepsItsLetters picks a file in Windows-1252.
func TestAGiftFileOfAnOldEditorKeepsItsLetters(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	p := newPage(t, phone)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/teach")
	p.press(say("quizzes.gift"))
	p.until("a file field", `document.querySelector("dialog[open] input[type=file]")`)
	evalJS[bool](p, `((field) => {
	  const held = new DataTransfer();
	  held.items.add(new File([Uint8Array.from("O\u00f9 est l\u0092\u00e9t\u00e9 ? {=\u00e0 c\u00f4t\u00e9 ~l\u00e0}", (c) => c.charCodeAt(0))], "ete.gift"));
	  field.files = held.files;
	  return field.dispatchEvent(new Event("change", {bubbles: true}));
	})(document.querySelector("dialog[open] input[type=file]"))`)
	p.until("the question", `document.querySelector("[data-found] > li")?.innerText.includes("Où est l’été ?")`)
	if v := p.value(say("quizzes.giftText")); v != "Où est l’été ? {=à côté ~là}" {
		t.Errorf("the text is %q", v)
	}
	p.press("Import 1 question")
	p.until("the editor", `[...document.querySelectorAll("[data-question] input[type=text]")].some((e) => e.value === "à côté")`)
	p.noFaults()
}

const kahootFile = `Question,Answer 1,Answer 2,Answer 3,Answer 4,Time limit (sec),Correct answer(s)
How many legs has a spider?,6,8,10,12,20,2
Which are planets?,Mars,Moon,Venus,,3,"1,3"
Which is red?,Sky,Blood,,,20,5
`

// TestAQuizOfAnotherProgramIsLookedAtAndTaken imports a spreadsheet: a question is read, one with a
// change, one not. It refuses a file that is no quiz with its likely kind, and exports the quiz.
func TestAQuizOfAnotherProgramIsLookedAtAndTaken(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, ada)
	p.open(home + "/teach")
	p.press(say("quizzes.gift"))
	p.give("dialog[open]", "notes.txt", "Buy milk and bread.")
	p.sees(say("err.quiz_plain_text"))
	p.give("dialog[open]", "animals.csv", kahootFile)
	p.until("two questions", `document.querySelectorAll("[data-found] > li").length === 2`)
	p.until("a change", `document.querySelectorAll("[data-found] > li[data-loss]").length === 1`)
	p.sees(say("exchange.lost_time"))
	p.sees(strings.ReplaceAll(say("exchange.bad_right"), "{value}", "5"))
	p.axe("a preview with a change")
	p.press("Import 2 questions")
	p.until("the editor", `location.pathname.startsWith("/quiz/") && document.querySelectorAll("[data-thumb]").length === 2`)
	p.press(say("edit.export"))
	p.until("four formats", `document.querySelectorAll("[role=menu] a[download]").length === 4`)
	got := evalJS[string](p, `fetch([...document.querySelectorAll("a[download]")][1].href).then((r) => r.text())`)
	if !strings.Contains(got, `<question type="multichoice">`) || !strings.Contains(got, "spider") {
		t.Errorf("the Moodle XML is %q", got)
	}
	p.noFaults()
}
