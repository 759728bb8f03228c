package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// axe runs the WCAG 2.2 A and AA rules over the current content of the page. The browser evaluates
// it and the page does not load it, so the policy of the page stays unchanged.
func (p *page) axe(what string) {
	p.t.Helper()
	source, err := os.ReadFile("../node_modules/axe-core/axe.min.js")
	if err != nil {
		p.t.Fatal(err)
	}
	if !evalJS[bool](p, "!!window.axe") {
		evalJS[bool](p, string(source)+"; true")
	}
	raw := evalJS[string](p, `Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < Infinity).map((a) => a.finished.catch(() => 0))).then(() =>
	  axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}))
	  .then((r) => JSON.stringify(r.violations.map((v) => ({ID: v.id, Help: v.help, At: v.nodes.map((n) => n.target.join(" ") + ": " + (n.any[0] || n.all[0] || n.none[0] || {}).message)}))))`)
	var found []struct {
		ID, Help string
		At       []string
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		p.t.Fatalf("%.200s: %v", raw, err)
	}
	for _, f := range found {
		p.t.Errorf("%s: %s: %s %q", what, f.ID, f.Help, f.At)
	}
	if w := evalJS[int](p, `document.documentElement.scrollWidth - innerWidth`); w > 0 {
		who := evalJS[[]string](p, `[...document.querySelectorAll("body *")].filter((e) => { const r = e.getBoundingClientRect(); return r.width && (r.right > innerWidth + 1 || r.left < -1); }).map((e) => e.tagName + "." + e.getAttribute("class")).slice(0, 8)`)
		p.t.Errorf("%s: %d pixels too wide: %q", what, w, who)
	}
}

// TestEveryPageForEverybody checks all main pages in light, dark and Arabic, on a phone and on a
// laptop.
func TestEveryPageForEverybody(t *testing.T) {
	installModules(t)
	fresh := boxtest.Start(t, t.TempDir())
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 8), "Planets")
	fillRoom(t, box, ada, lesson)
	pupil := box.JoinLesson(lesson, lesson.Names[7].ID)
	past := endedLesson(t, box, ada)
	quiz := quizOf(t, ada)

	home := "http://" + box.HTTP
	for _, size := range [][2]int64{phone, laptop} {
		for _, mode := range []string{"light", "dark", "ar"} {
			name := fmt.Sprint(mode, " ", size[0])
			p := newPage(t, size)
			p.mode(home, mode)
			visit := func(path, ready string) {
				p.t.Helper()
				p.open(home + path)
				p.theme(mode)
				p.until(path, ready)
				p.axe(name + " " + path)
			}
			visit("/", `document.querySelector("input[name=code]")`)
			visit("/login", `document.querySelector("input[name=name]")`)
			visit("/j/"+lesson.Key, `document.body.innerText.includes(`+quote(lesson.Names[7].Name)+`)`)
			p.as(home, pupil)
			visit("/lesson", `document.querySelector("[data-option]") && document.querySelector("[role=log]").textContent.includes("volcano")`)
			p.as(home, ada)
			visit("/teach", `document.body.innerText.includes("7B")`)
			visit("/teach/"+lesson.Room, `document.body.innerText.includes("7B") && document.querySelector("ol.hands li, [role=tab]")`)
			visit("/screen/"+lesson.Room, `document.querySelector("[data-stage]")`)
			visit("/remote/"+lesson.Room, `document.querySelector("[data-go]")`)
			visit("/quiz/"+quiz, `document.querySelector("[data-question]")`)
			visit("/cards/"+lesson.Room, `document.querySelector(".print-cards img")`)
			visit("/results/"+past.ID, `document.querySelector('a[href*="results.csv"]')`)
			for _, part := range []string{"", "/people", "/content", "/network", "/cloud", "/updates", "/backup", "/diagnostics"} {
				visit("/admin"+part, `document.querySelector("[data-part=content] h2") && !document.querySelector("[aria-busy=true]")`)
			}
			p.mode("http://"+fresh.HTTP, mode)
			p.open("http://" + fresh.HTTP + "/claim")
			p.theme(mode)
			p.until("claim", `document.querySelector("input[name=lang]")`)
			p.axe(name + " /claim, the language")
			p.press(loadWords(t, map[bool]string{true: "ar", false: "en"}[mode == "ar"])("claim.next"))
			p.until("claim", `document.querySelector("input[name=code]")`)
			p.axe(name + " /claim")
			p.noFaults()
		}
	}
}

// mode is a theme, or "ar" for the language.
func (p *page) mode(home, mode string) {
	p.t.Helper()
	if mode == "ar" {
		p.speak(home, "ar")
	} else {
		p.speak(home, "en")
	}
}

// speak chooses the language on this device.
func (p *page) speak(home, lang string) {
	p.t.Helper()
	p.open(home + "/healthz")
	evalJS[bool](p, `(localStorage.setItem("ll:lang", "`+lang+`"), true)`)
}

func (p *page) theme(mode string) {
	p.t.Helper()
	if mode != "ar" {
		evalJS[bool](p, `(document.documentElement.dataset.theme = "`+mode+`", true)`)
	}
}

// as gives the tab a person's cookie, as a sign-in would.
func (p *page) as(home string, who *boxtest.Person) {
	p.t.Helper()
	p.do(setCookie(home, who.Cookie))
}

// TestAxeBites checks that the rules above find a fault.
func TestAxeBites(t *testing.T) {
	installModules(t)
	source, err := os.ReadFile("../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(t, phone)
	p.open(`data:text/html,<html lang="en"><title>x</title><main><h1>x</h1><img src="x"><button></button></main>`)
	evalJS[bool](p, string(source)+"; true")
	n := evalJS[int](p, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then((r) => r.violations.length)`)
	if n != 2 {
		t.Errorf("%d findings on a page with an image and a button without a name, want 2", n)
	}
}

// endedLesson returns a lesson with a few answers that has ended.
func endedLesson(t *testing.T, box *boxtest.Box, teacher *boxtest.Person) boxtest.Lesson {
	t.Helper()
	lesson := teacher.OpenLesson(teacher.AddClass("6A", 8), "Moons")
	fillRoom(t, box, teacher, lesson)
	if _, err := teacher.CallAPI("POST", "/api/lessons/"+lesson.ID+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	return lesson
}
