package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestFromClaimToALessonThatSurvivesARestart is the first day with a box: a teacher on a laptop,
// two pupils on phones.
func TestFromClaimToALessonThatSurvivesARestart(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	firstDay(t, "http://"+box.HTTP, box.Code, powerPlug{box.Kill, func() { box.Restart() }})
}

// powerPlug switches the power of a box.
type powerPlug struct{ pull, put func() }

// firstDay runs the story on any unclaimed box.
func firstDay(t *testing.T, home, claim string, power powerPlug) {
	t.Helper()
	say := loadWords(t, "en")
	ada := newPage(t, laptop)
	ada.open(home + "/")
	ada.press(say("join.new.go"))
	ada.press(say("claim.next"))
	ada.fill(say("claim.code"), strings.ToLower(claim))
	ada.fill(say("claim.box"), "School 7")
	ada.fill(say("claim.name"), "Ada")
	ada.fill(say("claim.pin"), "246810")
	ada.fill(say("claim.again"), "246810")
	ada.press(say("claim.claim"))
	ada.fill(say("home.className"), "7B")
	ada.fill(say("home.paste.label"), "1. Amal\n2. Ben\n3. Cid\n")
	ada.sees("Amal")
	ada.press(say("claim.finish"))
	ada.sees(say("claim.readyTitle"))
	ada.press(say("claim.start"))
	ada.until("the console", `location.pathname.startsWith("/teach/")`)
	ada.until("the code", `/\d{3}\s?\d{3}/.test(document.body.innerText)`)
	code := evalJS[string](ada, `/(\d{3})\s?(\d{3})/.exec(document.body.innerText).slice(1).join("")`)

	amal, ben := joinLesson(t, home, code, "Amal", say), joinLesson(t, home, code, "Ben", say)
	late := newPage(t, phone)
	late.open(home + "/")
	late.fill(say("join.code"), code)
	late.until("Amal's name taken", `[...document.querySelectorAll("button")].some((b) => b.disabled && b.innerText.includes("Amal"))`)

	ada.press(say("console.chat"))
	sendChat(amal, "hello from Amal", say)
	for _, p := range []*page{ada, ben} {
		p.sees("hello from Amal")
	}
	amal.press(say("tap.hand.raise"))
	ada.until("Amal's hand", `[...document.querySelectorAll("[data-part=hands] li")].some((li) => li.innerText.includes("Amal"))`)

	power.pull()
	amal.sees(say("conn.offline"))
	sendChat(amal, "written while the box was away", say)
	power.put()
	for _, p := range []*page{ada, ben, amal} {
		p.sees("written while the box was away")
		p.sees("hello from Amal")
	}
	ada.until("Amal's hand after the restart", `[...document.querySelectorAll("[data-part=hands] li")].some((li) => li.innerText.includes("Amal"))`)
	sendChat(ben, "we are back", say)
	ada.sees("we are back")
	for _, p := range []*page{ada, ben, amal} {
		n := evalJS[int](p, `document.body.innerText.split("written while the box was away").length - 1`)
		if n != 1 {
			t.Errorf("what was written while the box was away shows %d times", n)
		}
		p.noFaults()
	}
}

// joinLesson makes a pupil type the code and tap a name.
func joinLesson(t *testing.T, home, code, name string, say func(string) string) *page {
	t.Helper()
	p := newPage(t, phone)
	p.open(home + "/")
	p.fill(say("join.code"), code)
	p.press(name)
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.sees(say("conn.live"))
	return p
}

func sendChat(p *page, text string, say func(string) string) {
	p.t.Helper()
	p.fill(say("chat.label"), text)
	p.press(say("chat.send"))
	p.sees(text)
}

func TestNobodyNeedsAMouse(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 5), "Planets")
	p := newPage(t, laptop)
	p.open("http://" + box.HTTP + "/")
	p.until("the code field", `document.querySelector("input[name=code]")`)
	p.tabTo(say("join.code"))
	p.typed(lesson.Code)
	p.sees(lesson.Names[2].Name)
	p.tabTo(lesson.Names[2].Name)
	p.key(kb.Enter)
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.sees(say("conn.live"))
	p.tabTo(say("tap.hand.raise"))
	p.key(kb.Enter)
	p.until("a raised hand", `document.querySelector("[aria-pressed=true]")`)
	p.tabTo(say("chat.label"))
	p.typed("no mouse")
	p.tabTo(say("chat.send"))
	p.key(kb.Enter)
	p.sees("no mouse")

	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": quizOf(t, ada)}, nil); err != nil {
		t.Fatal(err)
	}
	desk := newPage(t, laptop)
	desk.as("http://"+box.HTTP, ada)
	desk.open("http://" + box.HTTP + "/teach/" + lesson.Room)
	desk.sees(say("stage.open"))
	desk.tabTo(say("stage.open"))
	desk.key(kb.Enter)
	p.until("the question", `document.querySelector("[data-option] button")`)
	p.tabTo(evalJS[string](p, `document.querySelectorAll("[data-option] button")[1].innerText.trim()`))
	p.key(kb.Enter)
	p.sees(say("quiz.saved"))
	desk.tabTo(say("stage.close"))
	desk.key(kb.Enter)
	p.sees(say("quiz.locked"))
	p.noFaults()
	desk.noFaults()
}
