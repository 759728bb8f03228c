package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
)

// gapQuiz has a text with a word, a number and a choice.
var gapQuiz = map[string]any{"title": "Gaps", "items": []any{map[string]any{
	"id": "gaps", "kind": "gaps", "points": 3, "text": "A plant takes in _____ through its leaves. A spider has _____ legs, and at night it is _____ outside.",
	"gaps": []any{fields{"id": "1", "kind": "text"}, fields{"id": "2", "kind": "numeric"}, fields{"id": "3", "kind": "single", "options": options("dark", "bright", "loud")}},
	"key": fields{"gaps": fields{
		"1": fields{"texts": []fields{{"text": "carbon dioxide", "weight": 1}, {"text": "CO2", "weight": 1}}},
		"2": fields{"numbers": []fields{{"value": 8, "tolerance": 0, "weight": 1}}}, "3": fields{"weights": map[string]float64{"a": 1}},
	}},
}}}

// fillByKeys goes from gap to gap with Enter, which sends at the last one.
func (p *page) fillByKeys(texts ...string) {
	p.t.Helper()
	p.until("three gaps", `document.querySelectorAll("[data-part=gaps] [data-gap]").length === 3`)
	evalJS[bool](p, `(document.querySelector("[data-gap]").focus(), true)`)
	for i, s := range texts {
		p.until("the gap", fmt.Sprintf(`document.activeElement?.dataset.gap === "%d"`, i+1))
		p.typed(s)
		p.pressEnter()
	}
}

// pressEnter presses the key as a keyboard does: its character does not come when the page stops it.
func (p *page) pressEnter() {
	p.t.Helper()
	down := input.DispatchKeyEventParams{Type: "keyDown", Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"}
	up := down
	up.Type, up.Text = "keyUp", ""
	for _, event := range []input.DispatchKeyEventParams{down, up} {
		p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, input.DispatchKeyEvent, event)
			return err
		}))
	}
}

// TestGapsAreFilledByKeysAndCountedOnEveryPage asks a text with gaps in a language from each
// direction and follows it from the pupil to the results.
func TestGapsAreFilledByKeysAndCountedOnEveryPage(t *testing.T) {
	installModules(t)
	for _, lang := range directions() {
		t.Run(lang, func(t *testing.T) {
			say := loadWords(t, lang)
			c := startClass(t, 4, gapQuiz)
			home := "http://" + c.box.HTTP
			p := c.pupilPage(lang, phone)
			c.ask(0)
			p.fillByKeys("co2", "8")
			p.until("the list", `document.activeElement?.tagName === "SELECT"`)
			if got := evalJS[string](p, `document.activeElement.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).innerText).join("|")`); got != " legs, and at night it is | outside." {
				t.Errorf("a reader of screens hears %q around the gap", got)
			}
			evalJS[bool](p, `((e) => { e.value = "b"; return e.dispatchEvent(new Event("change", {bubbles: true})); })(document.activeElement)`)
			p.looks(lang + " gaps open")
			p.do(chromedp.EmulateViewport(phone[0], phone[1]))
			p.press(say("quiz.send"))
			p.sees(say("quiz.saved"))

			desk := newPage(t, laptop)
			desk.speak(home, lang)
			desk.as(home, c.ada)
			desk.open(home + "/teach/" + c.lesson.Room)
			wall := newPage(t, laptop)
			wall.speak(home, lang)
			wall.as(home, c.ada)
			wall.open(home + "/screen/" + c.lesson.Room)
			c.answer(0, fields{"gaps": fields{"1": "Carbon  dioxide", "3": "a"}}, fields{"gaps": fields{"1": "oxygen", "2": "6", "3": "a"}})
			counts := `[...document.querySelectorAll("[data-gap]")].map((g) => [...g.querySelectorAll("[data-part=counts] li")].map((li) => li.querySelector("[data-part=text]").innerText + " " + li.querySelector("[data-part=count]").innerText + (li.querySelector("[data-part=right] svg") ? " ✓" : "")).join()).join("|")`
			wall.until("the choices", `document.querySelectorAll("[data-part=gaps] [data-gap='3'] bdi").length === 3`)
			if evalJS[bool](wall, `document.body.innerText.includes("dioxide")`) {
				t.Error("the key is on the big screen before the reveal")
			}
			wall.picture(lang + " gaps projector open")
			c.tell("quiz.reveal")
			desk.until("the counts", counts+` === `+quote(`Carbon dioxide 2 ✓,co2 1 ✓,oxygen 1|6 1,8 1 ✓|dark 3 ✓,bright 1,loud 0`))
			desk.axe(lang + " gaps on the console")
			desk.picture(lang + " gaps console")
			wall.until("the right words", `document.querySelector("[data-part=gaps] [data-gap='1']")?.innerText.includes("carbon dioxide / CO2")`)
			wall.still()
			wall.axe(lang + " gaps on the big screen")
			wall.picture(lang + " gaps projector revealed")
			p.until("the right word beside mine", `document.querySelector("[data-told='3']")?.innerText.includes("dark") && document.querySelector("[data-told='1'][data-right]")`)
			p.axe(lang + " gaps revealed")
			p.picture(lang + " gaps revealed")

			if _, err := c.ada.CallAPI("POST", "/api/lessons/"+c.lesson.ID+"/end", struct{}{}, nil); err != nil {
				t.Fatal(err)
			}
			p.sees(say("review.title"))
			p.sees("co2 · 8 · bright")
			desk.open(home + "/results/" + c.lesson.ID)
			desk.until("each gap", `document.querySelectorAll("[data-question] [data-gap]").length === 3`)
			desk.axe(lang + " gaps in the results")
			evalJS[bool](desk, `(document.querySelector("[data-question]").scrollIntoView(), true)`)
			desk.picture(lang + " gaps results")
			for _, q := range []*page{p, desk, wall} {
				q.noFaults()
			}
		})
	}
}

// TestAWordBecomesAGap writes a text, makes a gap of a selected word and types another, and finds
// both with their answers on the box.
func TestAWordBecomesAGap(t *testing.T) {
	installModules(t)
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.as(home, ada)
	p.open(home + "/teach")
	p.press(say("quizzes.new"))
	p.until("the editor", `location.pathname.startsWith("/quiz/")`)
	p.add(say, "gaps")
	p.typed("The cat sat on the mat for 3 hours.")
	evalJS[bool](p, `((e) => (e.focus(), e.setSelectionRange(8, 11), true))(`+shownQuestion+`.querySelector("textarea"))`)
	p.press(say("edit.gapAdd"))
	p.until("the gap", shownQuestion+`.querySelector("[data-gap='1'] input[type=text]")?.value === "sat"`)
	p.into("textarea", "The cat _____ on the mat for ___ hours.")
	p.until("two gaps", `document.querySelectorAll("[data-question]:not([hidden]) [data-gap]").length === 2`)
	kind := func(n int, to string) {
		evalJS[bool](p, fmt.Sprintf(`((e) => { e.value = %q; return e.dispatchEvent(new Event("change", {bubbles: true})); })(%s.querySelector("[data-gap='%d'] select"))`, to, shownQuestion, n))
	}
	kind(2, "numeric")
	p.into(`[data-gap="2"] input`, "3")
	p.saves(say("edit.saved"))
	item := itemsOn(t, ada, evalJS[string](p, `location.pathname.split("/").pop()`))[0]
	for at, want := range map[string]string{
		"0.text": `"The cat _____ on the mat for _____ hours."`, "0.gaps.0.kind": `"text"`, "0.gaps.1.kind": `"numeric"`,
		"0.key.gaps.1.texts.0.text": `"sat"`, "0.key.gaps.2.numbers.0.value": "3",
	} {
		if got := dig([]any{item}, at); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	kind(1, "single")
	p.until("three options", shownQuestion+`.querySelectorAll("[data-gap='1'] [data-option]").length === 3`)
	if evalJS[bool](p, `!!`+shownQuestion+`.querySelector("[data-gap] input[type=file]")`) {
		t.Error("an option in a sentence takes a picture")
	}
	p.axe("the editor with gaps")
	p.shot("editor-gaps")
	for _, place := range []string{"phone", "projector"} {
		p.press(say("edit.preview." + place))
		p.until("the preview", `document.querySelector("[data-preview=`+place+`] [data-part=gaps]")`)
		p.shot("editor-gaps-" + place)
	}
	p.noFaults()
}
