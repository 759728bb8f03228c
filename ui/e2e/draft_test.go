package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// onBox returns the title of a quiz on the box, followed by the texts of its questions.
func onBox(t *testing.T, ada *boxtest.Person, id string) string {
	t.Helper()
	var quiz struct {
		Title string
		Items []struct{ Text string }
	}
	if _, err := ada.CallAPI("GET", "/api/quizzes/"+id, nil, &quiz); err != nil {
		t.Fatal(err)
	}
	texts := []string{quiz.Title}
	for _, i := range quiz.Items {
		texts = append(texts, i.Text)
	}
	return strings.Join(texts, "|")
}

// four returns a quiz with four slides of text.
func four(t *testing.T, ada *boxtest.Person) string {
	t.Helper()
	var items []any
	for _, text := range []string{"one", "two", "three", "four"} {
		items = append(items, map[string]any{"kind": "slide", "text": text})
	}
	var made struct{ ID string }
	if _, err := ada.CallAPI("POST", "/api/quizzes", map[string]any{"title": "Numbers", "items": items}, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// saves waits until the page shows its save state.
func (p *page) saves(how string) {
	p.t.Helper()
	p.until(how, `document.getElementById("saving")?.innerText === `+quote(how))
}

// TestAnUnfinishedQuestionHoldsNothingElseUp leaves two questions and the title incomplete. The
// page saves the rest, the text survives a reload and Done, and Done lists the missing parts.
func TestAnUnfinishedQuestionHoldsNothingElseUp(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home, id := "http://"+box.HTTP, four(t, ada)
	name := func(n int) string { return strings.ReplaceAll(say("edit.question"), "{n}", fmt.Sprint(n)) }
	but := func(names ...string) string {
		return strings.ReplaceAll(say("edit.unfinished"), "{list}", strings.Join(names, " · "))
	}
	p := newPage(t, laptop)
	p.as(home, ada)
	p.open(home + "/quiz/" + id)
	p.until("the editor", `document.querySelectorAll("[data-thumb]").length === 4`)
	p.question(1, "")
	p.choose(3)
	p.add(say, "text")
	p.typed("Half a question")
	p.question(3, "FOUR")
	p.question(0, "ONE")
	p.saves(but(name(2), name(5)))
	if got := onBox(t, ada, id); got != "Numbers|ONE|two|three|FOUR" {
		t.Errorf("the box has %s", got)
	}
	p.axe("two drafts")
	p.shot("drafts")

	there := func(title, texts string) {
		t.Helper()
		p.until("the editor", `document.querySelector("[data-thumb]")`)
		if got := p.value(say("edit.title")) + "|" + p.texts(); got != title+"|"+texts {
			t.Errorf("the page has %s", got)
		}
	}
	p.open(home + "/healthz")
	p.open(home + "/quiz/" + id)
	there("Numbers", "ONE||three|FOUR|Half a question")
	if got := evalJS[string](p, `[...document.querySelectorAll("[data-thumb]")].map((e) => e.querySelector("[data-incomplete]") ? "x" : "-").join("")`); got != "-x--x" {
		t.Errorf("marked as incomplete: %s", got)
	}
	p.saves(but(name(2), name(5)))

	p.fill(say("edit.title"), " ")
	p.choose(4)
	p.press(strings.ReplaceAll(say("edit.up"), "{n}", "5"))
	p.question(2, "THREE")
	p.saves(but(say("edit.title"), name(2), name(4)))
	if got := onBox(t, ada, id); got != "Numbers|ONE|two|THREE|FOUR" {
		t.Errorf("the box has %s", got)
	}
	p.press(say("edit.done"))
	p.until("the question", `document.querySelector("dialog[open]")?.innerText.includes(`+quote(name(4))+`)`)
	for _, want := range []string{say("edit.title"), name(2), say("edit.mend.text"), say("edit.mend.accepted"), say("edit.leaveKept")} {
		if !evalJS[bool](p, `document.querySelector("dialog[open]").innerText.includes(`+quote(want)+`)`) {
			t.Errorf("Done does not say %q", want)
		}
	}
	p.axe("Done with drafts")
	p.shot("done")
	p.press(say("edit.stay"))
	p.until("the first of them", `!document.querySelector("dialog[open]") && location.pathname.startsWith("/quiz/") && document.activeElement === `+shownQuestion+`.querySelector("textarea") && `+shownQuestion+`.dataset.question === "2"`)
	p.press(say("edit.done"))
	p.press(say("edit.leave"))
	p.until("the quizzes", `location.pathname === "/teach"`)

	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Numbers")
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": id}, nil); err != nil {
		t.Fatal(err)
	}
	d := desk(t, ada, lesson.Room, laptop)
	d.press(say("stage.more"))
	d.until("the lesson's questions", `[...document.querySelectorAll("[data-part=launcher] li span bdi")].slice(0, 4).map((e) => e.innerText).join() === "ONE,two,THREE,FOUR"`)

	p.open(home + "/quiz/" + id)
	there(" ", "ONE||THREE|Half a question|FOUR")
	p.fill(say("edit.title"), "Counting")
	p.question(1, "TWO")
	p.choose(3)
	p.fill(strings.ReplaceAll(say("edit.accepted"), "{n}", "1"), "an answer")
	p.saves(say("edit.saved"))
	if got := onBox(t, ada, id); got != "Counting|ONE|TWO|THREE|Half a question|FOUR" {
		t.Errorf("the box has %s", got)
	}
	p.press(say("edit.done"))
	p.until("the quizzes", `location.pathname === "/teach"`)
	p.noFaults()
}

// TestDoneSavesWhatWasJustTyped presses Done right after the last key, in a text and in a number.
// The page does not ask.
func TestDoneSavesWhatWasJustTyped(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	p := newPage(t, laptop)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/q_sample")
	p.until("the editor", `document.querySelector("[data-thumb]")`)
	p.question(0, "Asked at the last moment")
	evalJS[bool](p, `(document.querySelector("[data-question] [id$=-seconds]").focus(), document.activeElement.select(), true)`)
	p.typed("45")
	p.press(say("edit.done"))
	p.until("the quizzes", `location.pathname === "/teach"`)
	var quiz struct {
		Items []struct {
			Text    string
			Seconds int
		}
	}
	if _, err := ada.CallAPI("GET", "/api/quizzes/q_sample", nil, &quiz); err != nil || quiz.Items[0].Text != "Asked at the last moment" || quiz.Items[0].Seconds != 45 {
		t.Errorf("%v: the box has %+v", err, quiz.Items[0])
	}
	p.noFaults()
}

// TestDoneWhileTheBoxIsAway reports that nothing is saved yet, lets the person stay or leave, and
// keeps the text for later.
func TestDoneWhileTheBoxIsAway(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	id := four(t, ada)
	p := newPage(t, phone)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/" + id)
	p.until("the editor", `document.querySelector("[data-thumb]")`)
	box.Kill()
	p.question(0, "written meanwhile")
	p.press(say("edit.done"))
	p.until("the question", `document.querySelector("dialog[open]")?.innerText.includes(`+quote(say("edit.offline"))+`)`)
	p.axe("Done while the box is away")
	p.shot("away")
	p.press(say("edit.leave"))
	p.until("home", `location.pathname === "/teach"`)
	box.Restart()
	p.open("http://" + box.HTTP + "/quiz/" + id)
	p.until("what was written", `document.querySelector("[data-question] textarea")?.value === "written meanwhile"`)
	p.saves(say("edit.saved"))
	if got := onBox(t, ada, id); got != "Numbers|written meanwhile|two|three|four" {
		t.Errorf("the box has %s", got)
	}
	p.noFaults()
}

// TestANumberOutOfRangeIsADraft keeps the text of a number field that is out of range.
func TestANumberOutOfRangeIsADraft(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.as(home, ada)
	p.open(home + "/quiz/q_sample")
	p.until("the editor", `document.querySelector("[data-thumb]")`)
	evalJS[bool](p, `(document.querySelector("[data-question] [id$=-points]").focus(), document.activeElement.select(), true)`)
	p.typed("500")
	p.sees(say("edit.draftOld"))
	p.open(home + "/healthz")
	p.open(home + "/quiz/q_sample")
	p.until("what was typed", `document.querySelector("[data-question] [id$=-points]")?.value === "500"`)
	p.press(say("edit.done"))
	p.until("the question", `document.querySelector("dialog[open]")?.innerText.includes(`+quote(say("edit.err.out_of_range"))+`)`)
	p.press(say("edit.stay"))
	evalJS[bool](p, `(document.querySelector("[data-question] [id$=-points]").focus(), document.activeElement.select(), true)`)
	p.typed("5")
	p.saves(say("edit.saved"))
	p.noFaults()
}

// TestAReloadDuringASaveIsNoOtherVersion leaves the page after the box has saved and before its
// answer arrives.
func TestAReloadDuringASaveIsNoOtherVersion(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.as(home, ada)
	p.open(home + "/quiz/q_sample")
	p.until("the editor", `document.querySelector("[data-thumb]")`)
	evalJS[bool](p, `((ask) => { window.fetch = async (url, o) => { const r = await ask(url, o); if (o?.method !== "PUT") return r; window.answered = true; return new Promise(() => {}); }; return true; })(fetch)`)
	p.choose(evalJS[int](p, `document.querySelectorAll("[data-thumb]").length`) - 1)
	p.add(say, "slide")
	p.typed(" The last word ")
	p.until("the box's answer", `window.answered`)
	p.open(home + "/healthz")
	p.open(home + "/quiz/q_sample")
	p.saves(say("edit.saved"))
	if got := onBox(t, ada, "q_sample"); !strings.HasSuffix(got, "|The last word") || strings.Count(got, "The last word") != 1 {
		t.Errorf("the box has %s", got)
	}
	p.noFaults()
}
