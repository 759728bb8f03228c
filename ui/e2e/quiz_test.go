package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// screenOf opens the projector page in the browser of the teacher.
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

// another opens a tab of another person in the same browser.
func (p *page) another(t *testing.T, size [2]int64) *page {
	t.Helper()
	if p.fox != nil {
		return p.fox.page(t, size)
	}
	return newPage(t, size)
}

// stories are the settings in which the test runs the whole lesson.
var stories = []struct {
	name, lang     string
	teacher, pupil [2]int64
	firefox        bool
}{
	{"English", "en", laptop, phone, false},
	{"Arabic", "ar", phone, laptop, false},
	{"Firefox", "en", laptop, phone, true},
	{"Firefox in Arabic", "ar", laptop, phone, true},
}

// TestALessonFromClaimToCSV is the whole product: set-up, slides and ink, a quiz with two pupils
// and a projector, and the results. It uses one box throughout.
func TestALessonFromClaimToCSV(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			say := loadWords(t, s.lang)
			box := boxtest.Start(t, t.TempDir())
			home := "http://" + box.HTTP
			var ada *page
			if s.firefox {
				ada = startFirefox(t).page(t, s.teacher)
			} else {
				ada = newPage(t, s.teacher)
			}
			setUp(ada, home, s.lang, box.Code, say)
			code := evalJS[string](ada, `fetch("/api/lessons").then((r) => r.json()).then((l) => l[0].code)`)
			room := evalJS[string](ada, `location.pathname.split("/")[2]`)
			amal, ben := joinIn(t, ada, home, s.lang, s.pupil, code, "Amal", say), joinIn(t, ada, home, s.lang, s.pupil, code, "Ben", say)
			screen := screenOf(t, ada, home, room)
			screen.until("the way in", `document.querySelector("[data-code]")`)

			showSlides(ada, []*page{amal, ben, screen})
			runQuiz(t, ada, amal, ben, screen, say)
			checkResults(t, ada, say)
			for _, p := range []*page{ada, amal, ben, screen} {
				p.noFaults()
			}
		})
	}
}

// setUp completes the three screens and starts the ready lesson.
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
	p.until("the console", `location.pathname.startsWith("/teach/") && document.querySelector("[data-go]")`)
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

// showSlides shows a page and draws on it. Teacher and viewers see both.
func showSlides(ada *page, others []*page) {
	ada.t.Helper()
	ada.until("pages to show", `document.querySelector("[data-part=thumbs] button img")?.complete`)
	evalJS[bool](ada, `(document.querySelectorAll("[data-part=thumbs] button")[1].click(), true)`)
	ada.until("the shown page", `document.querySelector("[data-part=draw] img")?.naturalWidth > 0`)
	evalJS[bool](ada, `(() => {
	  const e = document.querySelector("[data-part=draw]"), r = e.getBoundingClientRect();
	  const at = (type, x, y) => e.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, pressure: 0.5, clientX: r.left + x * r.width, clientY: r.top + y * r.height }));
	  e.setPointerCapture = () => {};
	  at("pointerdown", 0.2, 0.2);
	  for (let i = 0; i < 20; i++) at("pointermove", 0.2 + i * 0.02, 0.2 + i * 0.02);
	  at("pointerup", 0.6, 0.6);
	  return true;
	})()`)
	for _, p := range append(others, ada) {
		p.until("the page and the ink on it", `document.querySelector("[data-part=surface] img")?.naturalWidth > 0 && document.querySelector("[data-stroke]")`)
	}
}

// runQuiz asks the first question, which has options, then closes and reveals it with the same
// button.
func runQuiz(t *testing.T, ada, amal, ben, screen *page, say func(string) string) {
	t.Helper()
	ada.press(say("stage.open"))
	for _, p := range []*page{amal, ben} {
		p.until("the question", `document.querySelectorAll("[data-option] button").length >= 2`)
	}
	screen.until("the question", `document.querySelectorAll("[data-option]").length >= 2`)
	if evalJS[bool](ada, `!!document.querySelector("[data-part=right] svg")`) {
		t.Error("the console marks the right answer before the reveal")
	}
	ada.press(say("stage.peek"))
	right := evalJS[int](ada, `[...document.querySelectorAll("[data-part=counts] li")].findIndex((li) => li.querySelector("[data-part=right] svg"))`)
	ada.press(say("stage.unpeek"))
	pick := func(p *page, n int) {
		t.Helper()
		evalJS[bool](p, fmt.Sprintf(`(document.querySelectorAll("[data-option] button")[%d].click(), true)`, n))
		p.sees(say("quiz.saved"))
	}
	pick(amal, (right+1)%2)
	pick(amal, right) // a pupil changes the answer
	pick(ben, (right+1)%2)
	ada.until("both answers", `document.querySelector("[data-part=asked]")?.innerText.match(/[2٢]/)`)
	if names := evalJS[bool](screen, `document.body.innerText.includes("Amal")`); names {
		t.Error("the projector names a pupil before the reveal")
	}
	ada.press(say("stage.close"))
	amal.sees(say("quiz.locked"))
	ada.press(say("stage.reveal"))
	amal.sees(say("quiz.outcome.right"))
	ben.sees(say("quiz.outcome.wrong"))
	screen.until("the right answer marked", `document.querySelector("[data-option][data-right]")`)

	ada.press(say("stage.more"))
	rank := findControl + `("label.check", ` + quote(say("stage.rank")) + `)`
	ada.until("the box of the leaderboard", rank)
	evalJS[bool](ada, rank+`.querySelector("input").click() ?? true`)
	screen.sees("Amal")
	evalJS[bool](ada, rank+`.querySelector("input").click() ?? true`)
	screen.until("the leaderboard is gone", `!document.body.innerText.includes("Amal")`)

	ada.press(say("close"))
	ada.press(say("stage.next"))
	ada.until("the second question", `document.querySelector("[data-round=open]")`)
	if n := tapsToNext(ada); n > 2 {
		t.Errorf("%d taps from the second question to the third, want at most 2", n)
	}
}

// tapsToNext goes from an open question to the next open one with the mouse on the one button. It
// returns how many clicks the page got.
func tapsToNext(p *page) int {
	p.t.Helper()
	const text = `document.querySelector("[data-round=open] [data-part=question]")?.innerText`
	was := evalJS[string](p, text)
	evalJS[bool](p, `(window.clicks = 0, addEventListener("click", (e) => { if (e.isTrusted) clicks++; }, true), true)`)
	for range 5 {
		before := evalJS[string](p, `document.querySelector("[data-go]").innerText`)
		p.tap("[data-go]")
		p.until("what follows "+before, `((b) => b && !b.disabled && b.innerText !== `+quote(before)+` && document.querySelector("[data-part=question]"))(document.querySelector("[data-go]"))`)
		if now := evalJS[string](p, text+` ?? ""`); now != "" && now != was {
			break
		}
	}
	return evalJS[int](p, `clicks`)
}

// checkResults ends the lesson and checks its results.
func checkResults(t *testing.T, ada *page, say func(string) string) {
	t.Helper()
	ada.endLesson(say)
	ada.until("the end", `document.querySelector('a[href^="/results/"]')`)
	evalJS[bool](ada, `(document.querySelector('a[href^="/results/"]').click(), true)`)
	ada.until("the results", `document.querySelector('a[href*="results.csv"]')`)
	ada.sees("Amal")
	csv := evalJS[string](ada, `fetch(document.querySelector('a[href*="results.csv"]').href).then((r) => r.text())`)
	if !strings.Contains(csv, "Amal") || !strings.Contains(csv, "Cid") || strings.Count(csv, "\n") < 4 {
		t.Errorf("the CSV is\n%s", csv)
	}
	size := evalJS[int](ada, `fetch(document.querySelector('a[href*="results.xlsx"]').href).then((r) => r.arrayBuffer()).then((b) => b.byteLength)`)
	if size < 3000 {
		t.Errorf("the XLSX has %d bytes", size)
	}
}
