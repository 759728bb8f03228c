package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// takeOut presses Remove in the menu of a pupil.
func takeOut(p *page, name string, say func(string) string) {
	p.t.Helper()
	p.press(strings.ReplaceAll(say("people.menu"), "{name}", name))
	p.press(say("people.remove"))
}

// atItsPlace waits until the pupil's page is again as before.
func atItsPlace(p *page, what string) {
	p.t.Helper()
	p.until(what, `window.never_reloaded && document.querySelector("main[data-part=lesson]")?.checkVisibility() && !document.querySelector("[data-part=stop]") &&
	  document.querySelector("[data-part=stem]").innerText === "How many seasons has Mars?" && document.querySelector("[data-part=field]").value === "3.4" &&
	  document.querySelector("[data-part=composer] textarea").value === "half a thought"`)
}

// TestARemovedPupilComesBackByItself removes a pupil at the second question of a round, and admits
// them again by Undo, by "Let in", after a reload and after a restart of the box.
func TestARemovedPupilComesBackByItself(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	quiz := map[string]any{"paced": "pupil"}
	maps.Copy(quiz, asked)
	loadQuiz(t, ada, lesson, quiz)
	amal := lesson.Names[0].Name
	pupil := newPage(t, phone)
	pupil.as("http://"+box.HTTP, box.JoinLesson(lesson, lesson.Names[0].ID))
	pupil.open("http://" + box.HTTP + "/lesson")
	pupil.sees(say("conn.live"))
	p := desk(t, ada, lesson.Room, laptop)
	p.press(say("stage.openAll"))
	pupil.until("the first question", `document.querySelector("[data-part=field]")`)
	evalJS[bool](pupil, `(document.querySelector("[data-part=field]").focus(), window.never_reloaded = true)`)
	pupil.typed("Mars")
	pupil.press(say("quiz.send"))
	pupil.sees(say("quiz.saved"))
	pupil.press(say("quiz.next"))
	pupil.until("the second question", `document.querySelector("[data-part=stem]")?.innerText === "How many seasons has Mars?"`)
	evalJS[bool](pupil, `(document.querySelector("[data-part=field]").focus(), true)`)
	pupil.typed("3.4")
	pupil.press(say("dock.chat"))
	pupil.fill(say("chat.label"), "half a thought")
	atItsPlace(pupil, "the place before")

	gone := func() {
		t.Helper()
		pupil.until("the word that says so", `document.querySelector("[data-part=stop] h1")?.innerText === `+quote(say("lesson.removed"))+` && !document.querySelector("main[data-part=lesson]")?.checkVisibility()`)
		p.until("the pupil among the removed", `document.querySelector("[data-where=removed]")?.innerText.includes(`+quote(amal)+`)`)
	}
	takeOut(p, amal, say)
	gone()
	pupil.shot("removed")
	pupil.axe("a removed pupil")
	p.press(say("undo"))
	atItsPlace(pupil, "the place after Undo")
	p.until("the pupil in the class", `document.querySelector("[data-where=here]")?.innerText.includes(`+quote(amal)+`)`)
	pupil.shot("back")

	takeOut(p, amal, say)
	gone()
	box.Kill()
	box.Restart()
	p.sees(say("conn.live"))
	p.press(strings.ReplaceAll(say("people.readmitOne"), "{name}", amal))
	atItsPlace(pupil, "the place after a restart of the box")
	pupil.press(say("quiz.back"))
	pupil.until("the answer that was given", `document.querySelector("[data-part=field]")?.value === "Mars"`)
	pupil.sees(say("quiz.saved"))
	pupil.press(say("quiz.next"))

	takeOut(p, amal, say)
	gone()
	p.press(say("stage.close")) // meanwhile the lesson continues
	p.open(evalJS[string](p, "location.href"))
	p.press(strings.ReplaceAll(say("people.readmitOne"), "{name}", amal))
	pupil.until("what happened meanwhile", `window.never_reloaded && document.querySelector("main[data-part=lesson]")?.innerText.includes(`+quote(say("quiz.locked"))+`)`)

	takeOut(p, amal, say)
	gone()
	pupil.open("http://" + box.HTTP + "/lesson")
	gone()
	evalJS[bool](pupil, `(window.never_reloaded = true)`)
	p.press(say("undo"))
	pupil.until("the lesson, without a reload", `window.never_reloaded && document.querySelector("[data-part=field]")?.value === "Mars" && !document.querySelector("[data-part=stop]")`)
	p.press(say("console.chat"))
	pupil.press(say("dock.chat"))
	sendChat(pupil, "here again", say)
	p.sees("here again")
	p.noFaults()
	pupil.noFaults()
}

// TestARemovedPupilOfAnEndedLessonIsToldSo ends the lesson while a pupil is removed. The page
// reports the end and stops waiting.
func TestARemovedPupilOfAnEndedLessonIsToldSo(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	pupil := newPage(t, phone)
	pupil.as("http://"+box.HTTP, box.JoinLesson(lesson, lesson.Names[0].ID))
	pupil.open("http://" + box.HTTP + "/lesson")
	pupil.sees(say("conn.live"))
	p := desk(t, ada, lesson.Room, laptop)
	takeOut(p, lesson.Names[0].Name, say)
	pupil.sees(say("lesson.removed"))
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	pupil.sees(say("lesson.again"))
	pupil.press(say("lesson.again"))
	pupil.until("the way in", `location.pathname === "/" && document.querySelector("input[name=code]")`)
	pupil.noFaults()
}
