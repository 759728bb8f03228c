package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// screenOf opens the projector page beside the teacher's own, in the same browser.
func screenOf(t *testing.T, teacher *page, home, room string) *page {
	t.Helper()
	var p *page
	if teacher.fox != nil {
		p = teacher.fox.tab(t, teacher.fox.user, laptop)
	} else {
		p = newPage(t, laptop)
		p.do(setCookie(home, cookieOf(teacher, home)))
	}
	p.open(home + "/screen/" + room)
	return p
}

// another opens a tab of somebody else in the same browser.
func (p *page) another(t *testing.T, size [2]int64) *page {
	t.Helper()
	if p.fox != nil {
		return p.fox.page(t, size)
	}
	return newPage(t, size)
}

// stories are the ways that the whole lesson is told.
var stories = []struct {
	name, lang     string
	teacher, pupil [2]int64
	firefox        bool
}{
	{"English", "en", laptop, phone, false},
	{"Arabic", "ar", phone, laptop, false},
	{"Firefox", "fr", laptop, phone, true},
}

// TestALessonFromClaimToCSV is the whole product: set-up, slides and ink, a quiz with two
// pupils and a projector, and the results, without a box that is put away in between.
func TestALessonFromClaimToCSV(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			say := words(t, s.lang)
			box := boxtest.Start(t, t.TempDir())
			home := "http://" + box.HTTP
			var ada *page
			if s.firefox {
				ada = firefox(t).page(t, s.teacher)
			} else {
				ada = newPage(t, s.teacher)
			}
			setUp(ada, home, s.lang, box.Code, say)
			code := eval[string](ada, `fetch("/api/lessons").then((r) => r.json()).then((l) => l[0].code)`)
			room := eval[string](ada, `location.pathname.split("/")[2]`)
			amal, ben := joinIn(t, ada, home, s.lang, s.pupil, code, "Amal", say), joinIn(t, ada, home, s.lang, s.pupil, code, "Ben", say)
			screen := screenOf(t, ada, home, room)
			screen.until("the way in", `document.querySelector(".screen-code")`)

			slides(ada, []*page{amal, ben, screen})
			quiz(t, ada, amal, ben, screen, say)
			results(t, ada, say)
			for _, p := range []*page{ada, amal, ben, screen} {
				p.noFaults()
			}
		})
	}
}

// setUp goes through the three screens and starts the ready lesson.
func setUp(p *page, home, lang, code string, say func(string) string) {
	p.t.Helper()
	p.speak(home, lang)
	p.open(home + "/claim")
	p.press(say("claim.next"))
	p.fill(say("claim.code"), strings.ToLower(code))
	p.fill(say("claim.box"), "School 7")
	p.fill(say("claim.name"), "Ada")
	p.fill(say("claim.pin"), "246810")
	p.fill(say("claim.again"), "246810")
	p.press(say("claim.claim"))
	p.fill(say("home.className"), "7B")
	p.fill(say("home.paste.label"), "Amal\nBen\nCid\n")
	p.sees("Cid")
	p.press(say("claim.finish"))
	p.sees(say("claim.readyTitle"))
	p.press(say("claim.start"))
	p.until("the console", `location.pathname.startsWith("/teach/") && document.querySelector(".go")`)
}

func joinIn(t *testing.T, beside *page, home, lang string, size [2]int64, code, name string, say func(string) string) *page {
	t.Helper()
	p := beside.another(t, size)
	p.speak(home, lang)
	p.open(home + "/")
	p.fill(say("join.code"), code)
	p.press(name)
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.sees(say("conn.live"))
	return p
}

// slides shows a page and draws on it; who looks on sees both.
func slides(ada *page, others []*page) {
	ada.t.Helper()
	ada.until("pages to show", `document.querySelector(".thumbs button img")?.complete`)
	eval[bool](ada, `(document.querySelectorAll(".thumbs button")[1].click(), true)`)
	ada.until("the shown page", `document.querySelector(".draw img")?.naturalWidth > 0`)
	eval[bool](ada, `(() => {
	  const e = document.querySelector(".draw"), r = e.getBoundingClientRect();
	  const at = (type, x, y) => e.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, pressure: 0.5, clientX: r.left + x * r.width, clientY: r.top + y * r.height }));
	  e.setPointerCapture = () => {};
	  at("pointerdown", 0.2, 0.2);
	  for (let i = 0; i < 20; i++) at("pointermove", 0.2 + i * 0.02, 0.2 + i * 0.02);
	  at("pointerup", 0.6, 0.6);
	  return true;
	})()`)
	for _, p := range append(others, ada) {
		p.until("the page and the ink on it", `document.querySelector(".surface img")?.naturalWidth > 0 && document.querySelector(".surface-ink .ink")`)
	}
}

// quiz asks the first question, which has options, closes and reveals it by the one button.
func quiz(t *testing.T, ada, amal, ben, screen *page, say func(string) string) {
	t.Helper()
	ada.press(say("stage.open"))
	for _, p := range []*page{amal, ben} {
		p.until("the question", `document.querySelectorAll(".option").length >= 2`)
	}
	screen.until("the question", `document.querySelectorAll(".shown-options li").length >= 2`)
	right := eval[int](ada, `[...document.querySelectorAll(".bars li")].findIndex((li) => li.querySelector(".bar-right .icon"))`)
	pick := func(p *page, n int) {
		t.Helper()
		eval[bool](p, fmt.Sprintf(`(document.querySelectorAll(".option")[%d].click(), true)`, n))
		p.sees(say("quiz.saved"))
	}
	pick(amal, (right+1)%2)
	pick(amal, right) // changed one's mind
	pick(ben, (right+1)%2)
	ada.until("both answers", `document.querySelector(".bars")?.parentElement.innerText.match(/[2٢]/)`)
	if names := eval[bool](screen, `document.body.innerText.includes("Amal")`); names {
		t.Error("the projector names a pupil before the reveal")
	}
	ada.press(say("stage.close"))
	amal.sees(say("quiz.locked"))
	ada.press(say("stage.reveal"))
	amal.sees(say("quiz.outcome.right"))
	ben.sees(say("quiz.outcome.wrong"))
	screen.until("the right answer marked", `document.querySelector(".shown-options li.right")`)

	ada.press(say("stage.more"))
	eval[bool](ada, find+`("label.check", `+quote(say("stage.rank"))+`).querySelector("input").click() ?? true`)
	screen.sees("Amal")
	eval[bool](ada, find+`("label.check", `+quote(say("stage.rank"))+`).querySelector("input").click() ?? true`)
	screen.until("the leaderboard is gone", `!document.body.innerText.includes("Amal")`)
}

// results ends the lesson and looks at what came of it.
func results(t *testing.T, ada *page, say func(string) string) {
	t.Helper()
	ada.press(say("console.end"))
	ada.until("the question", `document.querySelector("dialog[open]")`)
	eval[bool](ada, `(document.querySelector("dialog[open] .danger").click(), true)`)
	ada.until("the end", `document.querySelector('a[href^="/results/"]')`)
	eval[bool](ada, `(document.querySelector('a[href^="/results/"]').click(), true)`)
	ada.until("the results", `document.querySelector('a[href$="results.csv"]')`)
	ada.sees("Amal")
	csv := eval[string](ada, `fetch(document.querySelector('a[href$="results.csv"]').href).then((r) => r.text())`)
	if !strings.Contains(csv, "Amal") || !strings.Contains(csv, "Cid") || strings.Count(csv, "\n") < 4 {
		t.Errorf("the CSV is\n%s", csv)
	}
	size := eval[int](ada, `fetch(document.querySelector('a[href$="results.xlsx"]').href).then((r) => r.arrayBuffer()).then((b) => b.byteLength)`)
	if size < 3000 {
		t.Errorf("the XLSX has %d bytes", size)
	}
}
