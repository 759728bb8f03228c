package e2e

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// writtenFormulas lists what a person sees or hears as the source of a formula: texts, choices of a
// menu, and names and tooltips of controls. A field shows what its author types, and its hint how.
const writtenFormulas = `(() => {
  const source = (s) => /\$|\\[a-z]+/.test(s), found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode())
    if (source(n.data) && !n.parentElement.closest("textarea, script, style, math, [id$=-text-hint]") && (n.parentElement.checkVisibility() || n.parentElement.closest("option"))) found.push(n.data);
  for (const e of document.querySelectorAll("[aria-label], [title], [aria-valuetext], [alt]"))
    for (const name of ["aria-label", "title", "aria-valuetext", "alt"]) if (source(e.getAttribute(name) ?? "")) found.push(name + ": " + e.getAttribute(name));
  return found;
})()`

// drawsFormulas checks that the page has a formula and shows the source of none.
func (p *page) drawsFormulas(what string) {
	p.t.Helper()
	p.until("a formula: "+what, `document.querySelector("math")`)
	p.until("no source of a formula: "+what, `(window.left = `+writtenFormulas+`).length === 0 || (document.title = JSON.stringify(window.left), false)`)
}

// mathQuestions have a formula in each text that they can have.
func mathQuestions() []asking {
	general := `Because $\frac{d}{dx} x^2 = 2x$.`
	with := func(kind, text string, more fields, key fields) map[string]any {
		key["general"] = general
		more["kind"], more["text"], more["points"], more["key"] = kind, text, 1, key
		return more
	}
	return []asking{
		{name: "single", item: with("single", `What is $\frac{d}{dx} x^2$? A long question, so that no list cuts the second formula $\sqrt{x^2 + y^2}$ in two.`, fields{"options": options(`$2x$`, `$\frac{x}{2}$`)}, weighing("a"))},
		{name: "order", item: with("order", `Order by $\log x$.`, fields{"options": options(`$10^{-3}$`, `$\sqrt{2}$`, `$10^3$`)}, ordering(3))},
		{name: "match", item: with("match", `Match $f$ and $f'$.`, fields{"options": options(`$\sin x$`, `$\ln x$`), "choices": options(`$\cos x$`, `$\frac{1}{x}$`)}, matching(2))},
		{name: "text", item: with("text", `What is $\pi$ called?`, fields{}, fields{"texts": []fields{{"text": "pi", "weight": 1}}})},
	}
}

// TestFormulasAreDrawnInEveryPlace follows questions with formulas from the editor and the import
// through a lesson to the results.
func TestFormulasAreDrawnInEveryPlace(t *testing.T) {
	s := newStage(t, 18)
	say, home, list := loadWords(t, "en"), "http://"+s.box.HTTP, mathQuestions()
	ids := s.bring(list)
	name := s.lesson.Names[0]
	pupil := newPage(t, phone)
	pupil.speak(home, "en")
	pupil.as(home, s.box.JoinLesson(s.lesson, name.ID))
	pupil.open(home + "/lesson")
	pupil.sees(say("conn.live"))
	answer := s.box.JoinLesson(s.lesson, s.lesson.Names[1].ID).NewMember(s.lesson.Room)
	if _, err := answer.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(answer.Drop)
	responses := []fields{{"options": []string{"b"}}, {"order": []string{"b", "a", "c"}}, {"pairs": map[string]string{"a": "a", "b": "b"}}, {"text": "pi"}}

	teacher := desk(t, s.ada, s.lesson.Room, laptop)
	teacher.press(say("console.view.question"))
	teacher.drawsFormulas("the next question")
	remote := newPage(t, phone)
	remote.speak(home, "en")
	remote.as(home, s.ada)
	remote.open(home + "/remote/" + s.lesson.Room)
	for i, q := range list {
		s.round++
		s.do(s.teach, "quiz.open", map[string]any{"items": []string{ids[i]}})
		s.do(answer, "quiz.answer", map[string]any{"round": s.round, "item": ids[i], "response": responses[i]})
		everywhere := func(state string) {
			for who, p := range map[string]*page{"pupil": pupil, "console": teacher, "projector": s.screen, "remote": remote} {
				if state == "revealed" && who == "remote" {
					continue
				}
				p.until(q.name+" on "+who, `document.body.innerText.includes(`+quote([]string{"What is", "Order by", "Match", "called?"}[i])+`)`)
				p.drawsFormulas(q.name + " " + state + " on " + who)
			}
		}
		everywhere("open")
		if q.name != "text" { // a pupil's own words have no formula
			teacher.press(say("console.view.answers"))
			teacher.press(say("stage.wall.show"))
			teacher.drawsFormulas(q.name + " on the class wall")
			teacher.press(say("console.view.question"))
		}
		s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
		s.do(s.teach, "quiz.star", map[string]any{"round": s.round, "item": ids[i], "user": s.lesson.Names[1].ID, "on": true})
		s.screen.until("the reveal", `document.querySelector("[data-state=revealed]")`)
		everywhere("revealed")
	}
	teacher.press(say("stage.more"))
	teacher.drawsFormulas("all questions")
	teacher.key(kb.Escape)
	s.round++
	s.do(s.teach, "quiz.pace", map[string]any{"paced": "pupil"})
	s.do(s.teach, "quiz.open", map[string]any{"items": ids})
	teacher.sees("Order by") // a question that opens brings its own view
	teacher.press(say("console.view.answers"))
	teacher.until("the choice of a question in readable words", `[...document.querySelectorAll("main option")].some((o) => o.innerText.includes("d/dx x²")) && `+writtenFormulas+`.length === 0`)
	s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
	s.screen.until("the reveal of all", `document.querySelector("li[data-right]")`)
	s.screen.drawsFormulas("all answers")
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	pupil.sees(say("review.title"))
	pupil.drawsFormulas("the review")
	teacher.open(home + "/results/" + s.lesson.ID)
	teacher.until("the results", `document.querySelector("[data-part=marks]")`)
	teacher.drawsFormulas("the results")
	checkPreparedFormulas(t, s.ada, teacher)
}

// TestFormulasAreDrawnInTheChat says formulas to everybody and to one pupil. An Arabic page draws them
// too, and its arrow to the pupil points to the left.
func TestFormulasAreDrawnInTheChat(t *testing.T) {
	c := startClass(t, 3, manyKinds)
	desk, pupil := desk(t, c.ada, c.lesson.Room, laptop), c.pupilPage("ar", laptop)
	c.send(c.teacher, "chat.say", map[string]any{"text": `Solve $x^2 = 9$`, "to": "all"})
	c.send(c.pupils[0], "chat.say", map[string]any{"text": `It is $\pm 3$`, "to": "all"})
	desk.press(loadWords(t, "en")("console.chat"))
	for who, p := range map[string]*page{"console": desk, "pupil": pupil} {
		p.until("both messages on "+who, `document.querySelectorAll("[role=log] article math").length === 2`)
		p.drawsFormulas("the chat on " + who)
	}
	other := newPage(t, laptop)
	other.speak("http://"+c.box.HTTP, "ar")
	other.as("http://"+c.box.HTTP, c.ada)
	other.open("http://" + c.box.HTTP + "/teach/" + c.lesson.Room)
	seq := evalJS[int](desk, `document.querySelectorAll("[role=log] article").length`)
	c.send(c.teacher, "chat.say", map[string]any{"text": `Yes, $3$ and $-3$`, "to": "pupil", "user": c.people[1].User, "re": seq})
	other.press(loadWords(t, "ar")("console.chat"))
	other.until("the private answer", `document.querySelectorAll("[role=log] article:last-of-type math").length === 2`)
	if turn := evalJS[string](other, `getComputedStyle(document.querySelector("[role=log] article:last-of-type p svg")).transform`); turn != "matrix(-1, 0, 0, 1, 0, 0)" {
		t.Errorf("the arrow in an Arabic page has the transform %q", turn)
	}
	for _, p := range []*page{desk, pupil, other} {
		p.noFaults()
	}
}

// checkPreparedFormulas looks at the editor and at an import.
func checkPreparedFormulas(t *testing.T, ada *boxtest.Person, p *page) {
	t.Helper()
	say, home := loadWords(t, "en"), "http://"+ada.Box.HTTP
	var list []struct{ ID, Title string }
	if _, err := ada.CallAPI("GET", "/api/quizzes", nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		if q.Title == "Plants" {
			p.open(home + "/quiz/" + q.ID)
		}
	}
	p.until("the editor", `document.querySelectorAll("[data-thumb]").length === 4`)
	for n := range 4 {
		p.choose(n)
		p.drawsFormulas("the editor")
	}
	p.open(home + "/teach")
	p.press(say("quizzes.gift"))
	p.give("dialog[open]", "q.gift", "What is $x^2$ for $x = 3$? {=$3^2$ ~$2^3$}\n")
	p.until("the preview", `document.querySelector("[data-found]")`)
	p.drawsFormulas("the import")
}
