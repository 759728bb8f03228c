package e2e

import (
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestALatePupilWaitsForTheTeachersTap has the teacher switch the lobby on in the console. A pupil types
// the code, waits through a reload of the page, and comes in by a tap on the teacher's phone.
func TestALatePupilWaitsForTheTeachersTap(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	home, late := "http://"+box.HTTP, lesson.Names[1].Name

	console := newPage(t, laptop)
	console.as(home, ada)
	console.open(home + "/teach/" + lesson.Room)
	toggle := `[...document.querySelectorAll("label")].find((l) => l.innerText.includes(` + quote(say("lobby.switch")) + `))?.querySelector("input:enabled")`
	console.until("the switch", toggle)
	evalJS[bool](console, "("+toggle+".click(), true)")
	console.until("an open lobby", toggle+"?.checked")

	pupil := newPage(t, phone)
	pupil.open(home + "/")
	pupil.fill(say("join.code"), lesson.Code)
	pupil.press(late)
	pupil.sees(say("join.lobby"))
	pupil.open(home + "/")
	pupil.until("the lobby after a reload", `document.querySelector("[data-lobby=waiting]")?.innerText.includes(`+quote(late)+`)`)

	console.until("the pupil in the list", `document.querySelector("[data-part=lobby]")?.innerText.includes(`+quote(late)+`)`)
	console.until("a word to a screen reader", `[...document.querySelectorAll("[aria-live=polite]")].some((e) => e.innerText.includes(`+quote(late)+`))`)
	remote := newPage(t, phone)
	remote.as(home, ada)
	remote.open(home + "/remote/" + lesson.Room)
	remote.until("the pupil on the remote", `document.querySelector("[data-part=lobby]")?.innerText.includes(`+quote(late)+`)`)
	for name, p := range map[string]*page{"console": console, "pupil": pupil, "remote": remote} {
		p.shot(name)
	}
	remote.tabTo("Let " + late + " in")
	remote.key("\r")
	pupil.until("the lesson", `location.pathname === "/lesson"`)
	remote.until("an empty lobby", `!document.querySelector("[data-part=lobby]")`)
	console.until("an empty lobby", `!document.querySelector("[data-part=lobby]")`)
	for _, p := range []*page{console, pupil, remote} {
		p.noFaults()
	}
}
