package e2e

import (
	"fmt"
	"net"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestTwoBoxesAreConnectedOnTheAdminPage has the admins of two real boxes connect them by a code and part
// them again, each on the page of the own box. In between a pupil types the code of a lesson at the wrong
// box and is led to the right one.
func TestTwoBoxesAreConnectedOnTheAdminPage(t *testing.T) {
	installModules(t)
	say := loadWords(t, "en")
	first, second := startWithMesh(t), startWithMesh(t)
	ada, ben := newPage(t, laptop), newPage(t, phone)
	teachers := map[*page]*boxtest.Person{ada: first.ClaimBox("Ada"), ben: second.ClaimBox("Ada")}
	for p, box := range map[*page]*boxtest.Box{ada: first, ben: second} {
		home := "http://" + box.HTTP
		p.speak(home, "en")
		p.as(home, teachers[p])
		p.open(home + "/admin/network")
		p.sees(say("admin.boxes.alone"))
	}

	ada.press(say("admin.boxes.add"))
	ada.until("the code", `!!document.querySelector("[data-part=box-code]")`)
	ada.axe("code")
	ada.shot("code")
	code := evalJS[string](ada, `document.querySelector("[data-part=box-code]").textContent.trim()`)

	ben.press(say("admin.boxes.join"))
	ben.fill(say("admin.boxes.address"), "127.0.0.1:1")
	ben.fill(say("admin.boxes.code"), "AAAA-AAAA")
	ben.press(say("admin.boxes.joinDo"))
	ben.sees(say("err.unreachable.address"))
	ben.axe("join, with a fault")
	ben.shot("join, with a fault")
	ben.fill(say("admin.boxes.address"), second.HTTPS)
	ben.fill(say("admin.boxes.code"), "AAAA-AAAA")
	ben.press(say("admin.boxes.joinDo"))
	ben.sees(say("err.no_code"))
	ben.fill(say("admin.boxes.address"), first.HTTPS)
	ben.fill(say("admin.boxes.code"), code)
	ben.press(say("admin.boxes.joinDo"))
	ada.until("the code to go", `!document.querySelector("[data-part=box-code]")`)
	for _, p := range []*page{ada, ben} {
		p.until("both boxes are listed", `document.querySelectorAll("[data-box]").length === 2`)
		p.sees(say("admin.boxes.linked"))
	}
	ada.theme("dark")
	for name, p := range map[string]*page{"laptop": ada, "phone": ben} {
		p.axe("two boxes, " + name)
		p.until("the boxes are in sight", `(document.querySelector("#boxes-title").scrollIntoView(), true)`)
		p.shot("two boxes, " + name)
	}

	lesson := teachers[ada].OpenLesson(teachers[ada].AddClass("7b", 3), "Algebra")
	cleo := newPage(t, phone)
	cleo.speak("http://"+second.HTTP, "en")
	cleo.open("http://" + second.HTTP)
	cleo.fill(say("join.code"), lesson.Code)
	cleo.sees(say("join.elsewhere.go"))
	cleo.axe("the lesson is elsewhere")
	cleo.shot("the lesson is elsewhere")
	cleo.press(say("join.elsewhere.go"))
	cleo.until("the names of the lesson", `document.body?.innerText.includes("Pupil A1")`) // the body is away for a moment

	evalJS[bool](ada, `(document.querySelectorAll("[data-box]")[1].querySelector("button").click(), true)`)
	ada.confirm(say("admin.boxes.remove"))
	for _, p := range []*page{ada, ben} {
		p.sees(say("admin.boxes.alone"))
	}
}

// startWithMesh starts a box that takes the connections of other boxes at a free port.
func startWithMesh(t *testing.T) *boxtest.Box {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return boxtest.Start(t, t.TempDir(), "--set", fmt.Sprintf("mesh.listen=%s", address))
}
