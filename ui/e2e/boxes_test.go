package e2e

import (
	"net"
	"slices"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// TestTwoBoxesAreConnectedOnTheAdminPage has the admins of two real boxes connect them by a code and part
// them again, each on the page of the own box. In between a pupil at one box joins a lesson of the other,
// and answers a question.
func TestTwoBoxesAreConnectedOnTheAdminPage(t *testing.T) {
	installModules(t)
	say := loadWords(t, "en")
	first, meshOfFirst := startWithMesh(t)
	second, _ := startWithMesh(t)
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
	cleo.press("Pupil A1")
	cleo.until("the lesson", `location.pathname === "/lesson" && !!document.querySelector("[data-status=ok]")`)
	answerAcrossBoxes(t, cleo, teachers[ada], lesson)
	cleo.open("http://" + second.HTTP + "/lesson")
	cleo.until("the lesson again", `!!document.querySelector("[data-status=ok]")`)
	first.Kill()
	cleo.sees(say("conn.boxAway"))
	cleo.axe("the box of the lesson is away")
	cleo.shot("the box of the lesson is away")
	first = first.Restart("--set", meshOfFirst)
	cleo.until("the lesson to go on", `!!document.querySelector("[data-status=ok]")`)
	ada.open("http://" + first.HTTP + "/admin/network")
	ada.until("both boxes are listed again", `document.querySelectorAll("[data-box]").length === 2`)
	cleo.open("http://" + second.HTTP + "/login")
	cleo.sees(say("login.box"))
	cleo.axe("the box of a teacher")
	cleo.shot("the box of a teacher")

	evalJS[bool](ada, `(document.querySelectorAll("[data-box]")[1].querySelector("button").click(), true)`)
	ada.confirm(say("admin.boxes.remove"))
	ada.until("the dialog", `document.querySelector("dialog[open] [name=present-pin]")`)
	ada.answerPIN(boxtest.PIN) // the box was started again
	for _, p := range []*page{ada, ben} {
		p.sees(say("admin.boxes.alone"))
	}
}

// answerAcrossBoxes has a teacher ask a question at one box, which a pupil answers on the page at the other.
func answerAcrossBoxes(t *testing.T, p *page, teacher *boxtest.Person, l boxtest.Lesson) {
	t.Helper()
	const text = "Which planet is ours?"
	var made struct{ Quiz struct{ ID string } }
	load := map[string]any{"title": "Ours", "text": text + " {=Earth ~Mars}", "dry": false}
	if _, err := teacher.CallAPI("POST", "/api/quizzes/import", load, &made); err != nil {
		t.Fatal(err)
	}
	if _, err := teacher.CallAPI("POST", "/api/lessons/"+l.ID+"/quiz", map[string]string{"quiz": made.Quiz.ID}, nil); err != nil {
		t.Fatal(err)
	}
	m := teacher.NewMember(l.Room)
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	defer m.Drop()
	for n, name := range []string{"quiz.open", "quiz.lock", "quiz.reveal"} {
		payload := map[string]any{}
		if n > 0 {
			payload["round"] = 1
		}
		if _, err := m.SendCommand(wiretest.Command{ID: name, Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			p.sees(text)
			p.axe("a question of the other box")
			p.shot("a question of the other box")
			p.press("Earth")
			timetest.WaitUntil(t, "the answer", func() bool {
				return slices.ContainsFunc(m.SeenEvents(), func(e wiretest.Event) bool { return e.Kind == "quiz.answered" })
			})
		}
	}
}

// startWithMesh starts a box that takes the connections of other boxes at a free port. setting is for its next start.
func startWithMesh(t *testing.T) (b *boxtest.Box, setting string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	setting = "mesh.listen=" + address
	return boxtest.Start(t, t.TempDir(), "--set", setting), setting
}
