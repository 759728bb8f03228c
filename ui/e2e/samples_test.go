package e2e

import (
	"fmt"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/sample"
	"github.com/livelearn/box/services/wire/wiretest"
)

// TestASampleQuizIsAddedAndTaught looks for a sample quiz, reads it, adds it to the list, starts a
// lesson with it and asks its first question.
func TestASampleQuizIsAddedAndTaught(t *testing.T) {
	installModules(t)
	for _, lang := range directions() {
		want, err := sample.Find(lang, "science-10-12")
		if err != nil {
			t.Fatal(err)
		}
		box := boxtest.Start(t, t.TempDir())
		ada := box.ClaimBox("Ada")
		class := ada.AddClass("7B", 2)
		home := "http://" + box.HTTP
		for n, size := range [][2]int64{phone, laptop} {
			p := newPage(t, size)
			p.speak(home, lang)
			p.as(home, ada)
			p.addSample(home, loadWords(t, lang), fmt.Sprintf("%s-%d", lang, size[0]), want)
			if list := quizzesOf(t, ada, want.Quiz.Title); len(list) != n+1 || list[0].Count != len(want.Quiz.Items) {
				t.Errorf("%s: got %+v", lang, list)
			}
		}
		p := newPage(t, laptop)
		p.speak(home, lang)
		p.as(home, ada)
		p.teachQuiz(home, loadWords(t, lang), quizzesOf(t, ada, want.Quiz.Title)[0].ID)
		lead := ada.NewMember(class)
		if _, err := lead.Connect(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(lead.Drop)
		if _, err := lead.SendCommand(wiretest.Command{ID: "open", Name: "quiz.open", Payload: map[string]any{}}); err != nil {
			t.Fatal(err)
		}
		p.open(home + "/screen/" + class)
		p.sees(want.Quiz.Items[0].Text)
		p.sees(want.Quiz.Items[0].Options[2].Text)
		p.noFaults()
	}
}

// addSample finds a sample with the filters, reads it and adds it.
func (p *page) addSample(home string, say func(string) string, name string, want sample.Sample) {
	p.t.Helper()
	const listed = `dialog[open] li button`
	p.open(home + "/teach")
	p.press(say("samples.browse"))
	p.until("all samples", `document.querySelectorAll(`+quote(listed)+`).length === 12`)
	p.axe(name + ", all samples")
	p.shot("samples-" + name)
	p.press(say("samples.science"))
	p.until("the subject", `document.querySelectorAll(`+quote(listed)+`).length === 3`)
	evalJS[bool](p, `(document.querySelectorAll("dialog[open] [role=group]")[1].querySelectorAll("button")[1].click(), true)`)
	p.until("the subject and age", `document.querySelectorAll(`+quote(listed)+`).length === 1`)
	if !evalJS[bool](p, `((b) => b.innerText.includes(`+quote(want.Quiz.Title)+`) && (b.click(), true))(document.querySelector(`+quote(listed)+`))`) {
		p.t.Fatalf("the sample is not %q", want.Quiz.Title)
	}
	p.until("the questions", fmt.Sprintf(`document.querySelectorAll("dialog[open] ol > li").length === %d`, len(want.Quiz.Items)))
	p.until("the focus in the preview", `document.activeElement.innerText.includes(`+quote(say("samples.back"))+`)`)
	p.sees(want.Quiz.Items[0].Key.General)
	p.axe(name + ", a sample")
	p.shot("sample-" + name)
	p.press(say("samples.add"))
	p.sees(say("samples.added"))
	p.until("the focus on the next step", `document.activeElement.innerText.includes(`+quote(say("samples.open"))+`)`)
	p.axe(name + ", an added sample")
	evalJS[bool](p, `(document.activeElement.scrollIntoView(), true)`)
	p.until("the heading in its place", `document.querySelector("dialog[open]").scrollTop === 0`)
	p.shot("sample-added-" + name)
	p.press(say("samples.back"))
	p.until("the focus on the sample", `document.activeElement.innerText.includes(`+quote(want.Quiz.Title)+`)`)
	p.press(say("close"))
	p.until("the copy in the list", `[...document.querySelectorAll("a[href^='/quiz/']")].some((a) => a.innerText.includes(`+quote(want.Quiz.Title)+`))`)
	p.noFaults()
}

// teachQuiz starts a lesson with a quiz.
func (p *page) teachQuiz(home string, say func(string) string, quiz string) {
	p.t.Helper()
	p.open(home + "/teach")
	p.press(say("home.start"))
	p.until("the quiz to choose", `document.querySelector("#start-quiz option[value='`+quiz+`']")`)
	evalJS[bool](p, `((list) => { list.value = `+quote(quiz)+`; return list.dispatchEvent(new Event("change", {bubbles: true})); })(document.getElementById("start-quiz"))`)
	evalJS[bool](p, `(document.querySelector("dialog[open] [type=submit]").click(), true)`)
	p.until("the console", `location.pathname.startsWith("/teach/")`)
}

func quizzesOf(t *testing.T, ada *boxtest.Person, title string) (list []library.Summary) {
	t.Helper()
	var all []library.Summary
	if _, err := ada.CallAPI("GET", "/api/quizzes", nil, &all); err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if q.Title == title {
			list = append(list, q)
		}
	}
	return list
}
