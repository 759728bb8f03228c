package e2e

import (
	"encoding/json"
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
	p.still()
	raw := evalJS[string](p, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
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

// TestEveryPageForEverybody checks all main pages for each viewer. The pages of the admin have a test
// of their own, TestTheAdminAndResultsPagesFit.
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
	for _, v := range viewers() {
		name := v.String()
		p := newPage(t, v.size)
		p.speak(home, v.lang)
		visit := func(path, ready string) {
			p.t.Helper()
			p.open(home + path)
			p.theme(v.theme)
			p.until(path, ready)
			p.axe(name + " " + path)
			p.calm(name + " " + path)
		}
		visit("/", `document.querySelector("input[name=code]")`)
		visit("/login", `document.querySelector("input[name=name]")`)
		visit("/j/"+lesson.Key, `document.body.innerText.includes(`+quote(lesson.Names[7].Name)+`)`)
		p.as(home, pupil)
		visit("/lesson", `document.querySelector("[data-option]") && document.querySelector("[role=log]").textContent.includes("volcano")`)
		p.as(home, ada)
		visit("/teach", `document.body.innerText.includes("7B")`)
		visit("/teach/"+lesson.Room, `document.body.innerText.includes("7B") && document.querySelector("[data-part=hands] li, [role=tab]")`)
		visit("/screen/"+lesson.Room, `document.querySelector("[data-stage]")`)
		visit("/remote/"+lesson.Room, `document.querySelector("[data-go]")`)
		visit("/quiz/"+quiz, `document.querySelector("[data-question]")`)
		visit("/cards/"+lesson.Room, `document.querySelector("[data-part=cards] img")`)
		visit("/results/"+past.ID, `document.querySelector('a[href*="results.csv"]')`)
		p.speak("http://"+fresh.HTTP, v.lang)
		p.open("http://" + fresh.HTTP + "/claim")
		p.theme(v.theme)
		p.until("claim", `document.querySelector("input[name=lang]")`)
		p.axe(name + " /claim, the language")
		p.calm(name + " /claim, the language")
		p.press(loadWords(t, v.lang)("claim.next"))
		p.until("claim", `document.querySelector("input[name=code]")`)
		p.axe(name + " /claim")
		p.calm(name + " /claim")
		p.noFaults()
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

// mainActions lists the buttons in the colour of an action, in the open dialog or in the page. A page
// asks for one thing.
const mainActions = `(() => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.background = "var(--accent)";
  const colour = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return [...(document.querySelector("dialog[open]") ?? document).querySelectorAll("a, button")]
    .filter((e) => e.checkVisibility() && getComputedStyle(e).backgroundColor === colour && !e.matches("[aria-pressed=true], [aria-selected=true], [aria-current]"))
    .map((e) => e.innerText);
})()`

// brokenWords lists words that go on in the next line without a hyphen.
const brokenWords = `(() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    if (!n.parentElement.checkVisibility() || n.parentElement.closest("pre, .mono, .visually-hidden, [data-part=marks] thead, math, script, style, textarea, select")) continue;
    for (const m of n.data.matchAll(/\p{L}[\p{L}\p{N}]{1,19}/gu)) {
      range.setStart(n, m.index);
      range.setEnd(n, m.index + m[0].length);
      if (new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top))).size > 1) found.push(m[0]);
    }
  }
  return found;
})()`

// calm checks that a page asks for one thing at most, and that no word is broken.
func (p *page) calm(what string) {
	p.t.Helper()
	if list := evalJS[[]string](p, mainActions); len(list) > 1 {
		p.t.Errorf("%s: %d main actions: %q", what, len(list), list)
	}
	if list := evalJS[[]string](p, brokenWords); len(list) > 0 {
		p.t.Errorf("%s: broken words: %q", what, list)
	}
	if list := evalJS[[]string](p, strayNames); len(list) > 0 {
		p.t.Errorf("%s: names at the wrong end: %q", what, list)
	}
}

// strayNames lists names that do not stand where their row begins on a page that reads from right to
// left. A Latin name reads the other way and would stand at the far end.
const strayNames = `document.documentElement.dir !== "rtl" ? [] : [...document.querySelectorAll("bdi")].filter((e) => {
  if (!e.checkVisibility() || getComputedStyle(e).display === "inline") return false;
  const text = document.createRange(), box = e.getBoundingClientRect();
  text.selectNodeContents(e);
  const at = text.getBoundingClientRect(), before = box.right - at.right;
  return at.width > 0 && before > 2 && Math.abs(before - (at.left - box.left)) > 2;
}).map((e) => e.innerText)`

// TestTheRulesOfPagesBite checks that each rule above finds its fault, and no other text.
func TestTheRulesOfPagesBite(t *testing.T) {
	p := newPage(t, phone)
	p.open(`data:text/html,<html lang="en"><style>:root{--accent:rgb(58, 47, 160)} .go{background:var(--accent)} .thin{width:3em;overflow-wrap:anywhere}</style>` +
		`<button class="go">Start</button><button>Cancel</button><p>Two lines of whole words, which are not broken because there is room between them.</p>`)
	for _, rule := range []string{brokenWords, writtenFormulas} {
		if got := evalJS[[]string](p, rule); len(got) > 0 {
			t.Errorf("a good page: %q", got)
		}
	}
	if got := evalJS[[]string](p, mainActions); len(got) != 1 {
		t.Errorf("main actions: %q, want one", got)
	}
	evalJS[bool](p, `(document.body.insertAdjacentHTML("beforeend", '<a class="go">Add</a><p class="thin">Carbondioxide</p><p title="$y$">Half of $x$</p>'), true)`)
	evalJS[bool](p, `(document.documentElement.dir = "rtl", document.body.insertAdjacentHTML("beforeend", ["start", "left", "right"].map((at) => '<bdi style="display:block;text-align:' + at + '">Amal</bdi>').join("")), true)`)
	for rule, want := range map[string]int{mainActions: 2, brokenWords: 1, writtenFormulas: 2, strayNames: 2} {
		if got := evalJS[[]string](p, rule); len(got) != want {
			t.Errorf("%q, want %d findings", got, want)
		}
	}
}
