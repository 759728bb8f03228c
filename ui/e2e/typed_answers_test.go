package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// TestAnAnswerCountsAsThePupilTypedIt types answers in the form of phones. The page reports a
// number that the box cannot read and keeps it in the field. The other answers are right.
func TestAnAnswerCountsAsThePupilTypedIt(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 1), "Numbers")
	teacher := ada.NewMember(lesson.Room)
	if _, err := teacher.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(teacher.Drop)
	n := 0
	do := func(name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := teacher.SendCommand(wiretest.Command{ID: fmt.Sprint("do", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, box.JoinLesson(lesson, lesson.Names[0].ID))
	p.open(home + "/lesson")
	p.sees(say("conn.live"))

	const field = `document.querySelector("[data-part=field]")`
	for i, q := range []struct {
		kind         string
		key          map[string]any
		wrong, right string
	}{
		{"numeric", map[string]any{"numbers": []any{map[string]any{"value": 1000, "tolerance": 0, "weight": 1}}}, "a thousand", "1,000"},
		{"numeric", map[string]any{"numbers": []any{map[string]any{"value": -5, "tolerance": 0, "weight": 1}}}, "5 below", "–5"},
		{"text", map[string]any{"texts": []any{map[string]any{"text": `don't say "no"`, "weight": 1}}}, "", "Don’t say “no”"},
	} {
		do("quiz.ask", map[string]any{"item": map[string]any{"kind": q.kind, "text": "Question " + q.right, "points": 1, "key": q.key}})
		p.sees("Question " + q.right)
		got := evalJS[string](p, `((e) => [e.getAttribute("spellcheck"), e.getAttribute("autocorrect"), e.getAttribute("autocapitalize"), e.inputMode].join())(`+field+`)`)
		if got != "false,off,off," {
			t.Errorf("%s: the keyboard is asked for %s", q.kind, got)
		}
		fill := func(s string) {
			evalJS[bool](p, "("+field+".focus(), "+field+".select(), true)")
			p.typed(s)
			p.press(say("quiz.send"))
		}
		if q.wrong != "" {
			fill(q.wrong)
			p.sees(say("quiz.refused.not_a_number"))
			if v := evalJS[string](p, field+".value"); v != q.wrong {
				t.Errorf("the field has %q", v)
			}
			p.axe("an answer that is no number")
		}
		fill(q.right)
		if q.right == "1,000" {
			p.press("1000") // the page asks which number is meant
		}
		p.sees(say("quiz.saved"))
		do("quiz.reveal", map[string]any{"round": i + 1})
		p.sees(say("quiz.outcome.right"))
	}
	do("quiz.ask", map[string]any{"item": map[string]any{
		"kind": "gaps", "text": "A kilometre is _____ metres, and a tonne _____ kilograms.", "points": 2,
		"gaps": []any{map[string]any{"id": "1", "kind": "numeric"}, map[string]any{"id": "2", "kind": "numeric"}},
		"key": map[string]any{"gaps": map[string]any{
			"1": map[string]any{"numbers": []any{map[string]any{"value": 1000, "tolerance": 0, "weight": 1}}},
			"2": map[string]any{"numbers": []any{map[string]any{"value": 1000, "tolerance": 0, "weight": 1}}},
		}},
	}})
	for _, gap := range []string{"1", "2"} {
		p.until("gap "+gap, `!!document.querySelector("[data-gap='`+gap+`']")`)
		evalJS[bool](p, `(document.querySelector("[data-gap='`+gap+`']").focus(), true)`)
		p.typed("1,000")
	}
	p.press(say("quiz.send"))
	p.press("1000") // the page asks for the first gap
	p.until("the second is asked", `document.querySelector("[data-gap='1']").value === "1000" && document.querySelector("[data-gap='2']").value === "1,000"`)
	p.axe("a number in a gap that can be two")
	p.press("1000")
	p.sees(say("quiz.saved"))
	do("quiz.reveal", map[string]any{"round": 4})
	p.sees(say("quiz.outcome.right"))
	p.noFaults()
}

// TestTheEditorReadsNumbersAsMarkingDoes types keys with separators.
func TestTheEditorReadsNumbersAsMarkingDoes(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	for lang, typed := range map[string]map[string]float64{
		"en": {"1,000": 1000, "1.000": 1, "1 000": 1000, "1’000,5": 1000.5, "–5": -5, "10,00,000": 1e6, "٣٫١٤": 3.14, "١٬٠٠٠": 1000, "5e2": 500, ".5": 0.5, "1,000.00": 1000},
		"fr": {"1,000": 1, "1.000": 1000, "1.000,00": 1000, "3,14": 3.14, "1.000.000": 1e6},
		"ar": {"1,000": 1000, "١٫٥": 1.5, "١،٥": 1.5},
	} {
		say := loadWords(t, lang)
		p := newPage(t, laptop)
		p.speak(home, lang)
		p.as(home, ada)
		p.open(home + "/quiz/q_sample")
		p.choose(2)
		for s, want := range typed {
			p.fill(say("edit.value"), s)
			p.until(fmt.Sprintf("%s: %q is %v on the box", lang, s, want), fmt.Sprintf(`window.kept === %v || (Date.now() > (window.asked || 0) + 400 && (window.asked = Date.now(),
			  fetch("/api/quizzes/q_sample").then((r) => r.json()).then((q) => { window.kept = q.items.find((i) => i.kind === "numeric").key.numbers[0].value; }), false))`, want))
			read := strings.ReplaceAll(say("edit.readAs"), "{value}", fmt.Sprint(want))
			if got := strings.Contains(p.text(), read); got != (s == "1,000" || s == "1.000") {
				t.Errorf("%s: %q: the reading is shown: %v", lang, s, got)
			}
		}
		for _, s := range []string{"ten", "1,2,3", "10²", "1.000,5,0"} {
			p.fill(say("edit.value"), s)
			p.sees(say("edit.err.no_number"))
		}
		p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved"))) // the next page has the same quiz
		p.noFaults()
	}
}
