package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// apart lists the parts of the console that lie over each other, leave the window, or cut a text
// of a button.
const apart = `(() => {
  const out = [];
  const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 0;
  const parts = ["strip", "stage", "rail", "chat"].flatMap((p) => [...document.querySelectorAll("[data-part=" + p + "]")]).filter(seen);
  const inBar = [...document.querySelectorAll("[data-part=bar] button, [data-part=bar] [role=timer]")].filter(seen);
  const inHead = [...document.querySelectorAll("header button, header a, header p")].filter(seen);
  for (const list of [parts, inBar, inHead])
    list.forEach((a, i) => list.slice(i + 1).forEach((b) => {
      const r = a.getBoundingClientRect(), s = b.getBoundingClientRect();
      if (Math.min(r.right, s.right) - Math.max(r.left, s.left) > 1 && Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top) > 1)
        out.push((a.dataset.part || a.innerText || a.ariaLabel) + " lies over " + (b.dataset.part || b.innerText || b.ariaLabel));
    }));
  for (const e of [...parts, ...inBar, ...inHead]) {
    const r = e.getBoundingClientRect();
    if (r.left < -1 || r.right > innerWidth + 1) out.push((e.dataset.part || e.innerText) + " leaves the window");
  }
  const head = document.querySelector("header").offsetHeight;
  if (head > 76) out.push("the head is " + head + " pixels high: it has two rows");
  for (const e of [...inBar, ...inHead]) if (e.tagName === "BUTTON" && e.scrollWidth > e.clientWidth + 1) out.push(e.innerText + " is cut");
  return out;
})()`

// TestTheConsoleIsWhole shows each state of the console, checks it by rules, and keeps a picture. A
// short run has three of the nine pairs of a window and a mode.
func TestTheConsoleIsWhole(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 28), "Planets")
	fillRoom(t, box, ada, lesson)
	for i, size := range [][2]int64{laptop, {1024, 768}, phone} {
		for j, mode := range []string{"light", "dark", "ar"} {
			if !inTurn(3, i, j) {
				continue
			}
			say := loadWords(t, map[bool]string{true: "ar", false: "en"}[mode == "ar"])
			p := newPage(t, size)
			p.mode("http://"+box.HTTP, mode)
			p.as("http://"+box.HTTP, ada)
			p.open("http://" + box.HTTP + "/teach/" + lesson.Room)
			p.theme(mode)
			p.until("the question", `document.querySelector("[data-part=question]")`)
			look := func(what string) {
				t.Helper()
				name := fmt.Sprintf("%d-%s-%s", size[0], mode, what)
				p.fits(name)
				for _, fault := range evalJS[[]string](p, apart) {
					t.Errorf("%s: %s", name, fault)
				}
				p.axe(name)
				p.shot(name)
			}
			look("question")
			p.press(say("console.view.answers"))
			p.press(say("stage.wall.show"))
			look("answers")
			p.press(say("console.view.board"))
			p.until("the slide", `document.querySelector("[data-part=draw] img")?.naturalWidth > 0`)
			look("board")
			p.press(say("console.chat"))
			look("chat")
			if size == phone {
				p.press(say("console.tab.class"))
				look("class")
				continue
			}
			p.press(say("close"))
			p.press(say("console.video"))
			look("video")
			p.noFaults()
		}
	}
}

// TestAClickerDrivesTheConsole uses the keys of a presenter's clicker on slides and on a question.
// While the teacher writes, the keys stay in the field.
func TestAClickerDrivesTheConsole(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	useSampleSlides(t, ada, lesson)
	loadQuiz(t, ada, lesson, asked)
	p := desk(t, ada, lesson.Room, laptop)
	pageShown := func(n int) {
		t.Helper()
		p.until(fmt.Sprint("page ", n), fmt.Sprintf(`document.querySelectorAll("[data-part=thumbs] button")[%d]?.ariaPressed === "true"`, n-1))
	}
	p.until("the first page, for the teacher only", `document.querySelector("[data-part=preview] img") && !document.querySelector("[data-part=thumbs] [aria-pressed=true]")`)
	p.key(kb.PageDown)
	pageShown(1)
	p.key(kb.PageDown)
	pageShown(2)
	p.key(" ")
	pageShown(3)
	p.key(kb.ArrowLeft)
	pageShown(2)
	p.key(kb.PageUp)
	pageShown(1)
	p.key(kb.ArrowRight)
	pageShown(2)

	p.press(say("console.chat"))
	p.until("the field", `document.querySelector("[data-part=composer] textarea")`)
	evalJS[bool](p, `(document.querySelector("[data-part=composer] textarea").focus(), true)`)
	p.key(kb.ArrowRight)
	p.key(" ")
	p.key(kb.PageDown)
	pageShown(2)
	p.press(say("close"))

	p.press(say("stage.open"))
	p.until("the question", `document.querySelector("[data-part=question]")`)
	evalJS[bool](p, `(document.activeElement.blur(), true)`)
	p.key(kb.PageDown)
	p.until("the answer", `document.querySelector("[data-go]")?.innerText === `+quote(say("stage.next")))
	pageShown(2) // the slides stay where they are
	p.key(kb.PageDown)
	p.until("the next question", `document.querySelector("[data-part=question]")?.innerText === "How many seasons has Mars?"`)
	p.press(say("console.menu"))
	p.press(say("console.keys"))
	p.until("the help", `document.querySelector("dialog[open] kbd")`)
	p.key(kb.PageDown) // a dialog is open
	p.key(kb.Escape)
	p.until("the same question, still open", `!document.querySelector("dialog[open]") && document.querySelector("[data-go]")?.innerText === `+quote(say("stage.reveal")))
	p.noFaults()
}

// useSampleSlides brings the deck of the box into the lesson. The class sees nothing of it yet.
func useSampleSlides(t *testing.T, ada *boxtest.Person, lesson boxtest.Lesson) {
	t.Helper()
	var decks []struct{ ID string }
	if _, err := ada.CallAPI("GET", "/api/decks", nil, &decks); err != nil || len(decks) != 1 {
		t.Fatalf("%v: %v", decks, err)
	}
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/deck", map[string]string{"deck": decks[0].ID}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestTwoTapsFromQuestionToQuestion counts the presses from an open question to the next open one.
// The button stays at its place.
func TestTwoTapsFromQuestionToQuestion(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	loadQuiz(t, ada, lesson, asked)
	p := desk(t, ada, lesson.Room, laptop)
	p.press(say("stage.open"))
	is := func(text string) string {
		return `document.querySelector("[data-part=question]")?.innerText === ` + quote(text)
	}
	p.until("the first question", is("The red planet?"))
	place := func() [2]int {
		return evalJS[[2]int](p, `((r) => [Math.round(r.right), Math.round(r.bottom)])(document.querySelector("[data-go]").getBoundingClientRect())`)
	}
	at, taps := place(), 0
	for taps < 5 && !evalJS[bool](p, is("How many seasons has Mars?")) {
		before := evalJS[string](p, `document.querySelector("[data-go]").innerText`)
		evalJS[bool](p, `(document.querySelector("[data-go]").click(), true)`)
		p.until("what follows "+before, `((b) => !b.disabled && b.innerText !== `+quote(before)+`)(document.querySelector("[data-go]"))`)
		taps++
		if got := place(); got != at {
			t.Errorf("after %q the button is at %v, before at %v", before, got, at)
		}
	}
	if taps > 2 {
		t.Errorf("%d taps from question to question, want at most 2", taps)
	}
	if n := evalJS[int](p, `document.querySelectorAll("[data-part=bar] [data-go]").length`); n != 1 {
		t.Errorf("%d primary buttons", n)
	}
	p.noFaults()
}

// TestSlidesAreAPreviewFirst brings slides into the lesson, and uploads some. The class sees them after
// one press.
func TestSlidesAreAPreviewFirst(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	p := desk(t, ada, lesson.Room, laptop)
	p.press(say("board.new"))
	p.until("a whiteboard", `document.querySelector("[data-part=draw] [data-blank]")`)
	p.press(say("board.decks"))
	evalJS[bool](p, `new Promise((r) => { const find = () => { const b = document.querySelector("dialog[open] li button"); b ? (b.click(), r(true)) : setTimeout(find, 50); }; find(); })`)
	p.until("the preview", `document.querySelector("[data-part=preview] img")?.naturalWidth > 0`)
	p.sees(say("board.preview"))
	p.shot("preview")
	if evalJS[bool](p, `!!document.querySelector("[data-part=thumbs] [aria-pressed=true]")`) {
		t.Error("the class sees the slides unasked")
	}
	p.press(say("board.next"))
	p.press(say("board.toClass"))
	p.until("the second page, for the class", `document.querySelector("[data-part=draw] img") && document.querySelectorAll("[data-part=thumbs] button")[1].ariaPressed === "true"`)
	p.give("[data-part=strip]", "leaf.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40" fill="green"/></svg>`)
	p.until("the upload, for the teacher only", `document.querySelectorAll("[data-part=thumbs]").length === 2 && document.querySelector("[data-part=preview] img")?.naturalWidth > 0 && document.querySelectorAll("[data-part=thumbs] button")[1].ariaPressed === "true"`)
	p.press(say("board.toClass"))
	p.until("the upload, for the class", `!document.querySelector("[data-part=preview]") && [...document.querySelectorAll("[data-part=thumbs] button")].at(-1).ariaPressed === "true"`)
	p.noFaults()
}

// TestTheRemoteShowsWhatTheClassSees finds the remote from the console, and uses it on a phone.
func TestTheRemoteShowsWhatTheClassSees(t *testing.T) {
	installModules(t)
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	useSampleSlides(t, ada, lesson)
	loadQuiz(t, ada, lesson, asked)
	p := desk(t, ada, lesson.Room, laptop)
	p.press(say("console.menu"))
	p.press(say("console.remote"))
	p.until("its QR code", `document.querySelector("dialog[open] img")?.naturalWidth > 0`)
	p.shot("remote-sheet")
	p.key(kb.Escape)
	p.press(say("board.toClass"))

	r := newPage(t, phone)
	r.as("http://"+box.HTTP, ada)
	r.open("http://" + box.HTTP + "/remote/" + lesson.Room)
	r.until("the page that the class sees", `document.querySelector("[data-part=preview] img")?.naturalWidth > 0`)
	r.axe("the remote with a page")
	r.shot("remote-page")
	r.press(say("remote.nextPage"))
	p.until("the second page", `document.querySelectorAll("[data-part=thumbs] button")[1].ariaPressed === "true"`)
	r.press(say("stage.open"))
	r.until("the question", `document.querySelector("[data-part=preview]")?.innerText.includes("The red planet?")`)
	r.axe("the remote with a question")
	r.shot("remote-question")
	r.press(say("stage.reveal"))
	p.until("the answer", `document.querySelector("[data-go]")?.innerText === `+quote(say("stage.next")))
	r.press(say("stage.ask"))
	r.press(say("stage.ask.yesno"))
	p.until("the question that was asked aloud", `document.querySelector("[data-part=question]")?.innerText === `+quote(say("stage.ask.aloud")))
	r.noFaults()
	p.noFaults()
}

// TestAQuestionClosesWhenEveryoneHasAnswered turns the setting on, which is off in a new lesson. It
// also gives a question more time.
func TestAQuestionClosesWhenEveryoneHasAnswered(t *testing.T) {
	say := loadWords(t, "en")
	timed := func(text string) map[string]any {
		return map[string]any{"kind": "text", "text": text, "points": 0, "seconds": 600, "key": map[string]any{}}
	}
	c := startClass(t, 3, map[string]any{"title": "Two", "items": []any{timed("What did you learn?"), timed("What is hard?")}})
	c.pupils = append(c.pupils, c.connect(c.people[0]))
	p := desk(t, c.ada, c.lesson.Room, laptop)
	screen := newPage(t, laptop)
	screen.as("http://"+c.box.HTTP, c.ada)
	screen.open("http://" + c.box.HTTP + "/screen/" + c.lesson.Room)
	setting := findControl + `("label.check", ` + quote(say("stage.auto")) + `)?.querySelector("input")`
	c.ask(0)
	p.press(say("stage.extend"))
	p.until("ten minutes and a half", `/^10:[0-2]/.test(document.querySelector("[data-part=bar] [role=timer]").innerText)`)
	c.answer(0, map[string]any{"text": "Light"}, map[string]any{"text": "Water"})
	p.sees(say("stage.allAnswered"))
	p.press(say("stage.more"))
	p.until("the setting, off, and the question, open", setting+`?.checked === false && document.querySelector("[data-round=open]")`)
	evalJS[bool](p, `(`+setting+`.click(), true)`)
	p.until("the question is closed", `document.querySelector("[data-round=locked]")`)
	p.shot("auto-close")
	p.press(say("close"))
	p.press(say("stage.wall.show"))
	screen.until("the answers of the class", `[...document.querySelectorAll("[data-words] li")].length === 2 && document.querySelector("[data-state=revealed]")`)

	c.open = false
	c.ask(1)
	p.open(evalJS[string](p, "location.href"))
	p.press(say("stage.more"))
	p.until("the setting, still on", setting+`?.checked`)
	c.answer(1, map[string]any{"text": "Nothing"})
	p.until("the question is closed", `document.querySelector("[data-round=locked]")`)
	p.noFaults()
	screen.noFaults()
}

// TestATeacherAnswersOnePupilAndDeletesAMessage uses the menu of a message.
func TestATeacherAnswersOnePupilAndDeletesAMessage(t *testing.T) {
	say := loadWords(t, "en")
	c := startClass(t, 3, manyKinds)
	p := desk(t, c.ada, c.lesson.Room, laptop)
	asker, other := c.pupilPage("en", laptop), newPage(t, laptop)
	other.as("http://"+c.box.HTTP, c.people[1])
	other.open("http://" + c.box.HTTP + "/lesson")
	for _, text := range []string{"May I go out?", "a rude word"} {
		c.send(c.pupils[1], "chat.say", map[string]any{"text": text, "to": "all"})
		other.sees(text)
	}
	evalJS[bool](asker, `(document.querySelector("input[name=chat-to][value=teacher]").click(), true)`)
	asker.fill(say("chat.label.teacher"), "I am lost")
	asker.press(say("chat.send"))
	p.press(say("console.chat"))
	menuOf := func(text, item string) {
		t.Helper()
		said := `[...document.querySelectorAll("[role=log] article")].find((e) => e.innerText.includes(` + quote(text) + `))?.querySelector("button")`
		p.until(text, said)
		evalJS[bool](p, "("+said+".click(), true)")
		item = `[...document.querySelectorAll("[role=menuitem]")].find((e) => e.innerText.startsWith(` + quote(item) + `))`
		p.until("the menu", item)
		evalJS[bool](p, "("+item+".click(), true)")
	}
	menuOf("I am lost", "Reply to")
	p.until("the field for the answer", `document.activeElement?.matches("textarea")`)
	p.typed("Page three")
	p.press(say("chat.send"))
	asker.sees("Page three")
	menuOf("a rude word", say("chat.remove"))
	p.confirm(say("chat.remove"))
	for _, q := range []*page{p, asker, other} {
		q.until("the message is gone", `((s) => s.includes("May I go out?") && !s.includes("a rude word"))(document.querySelector("[role=log]")?.textContent ?? "")`)
	}
	if evalJS[bool](other, `/lost|Page three/.test(document.body.textContent)`) {
		t.Error("another pupil reads what the two say")
	}
	for _, q := range []*page{p, asker, other} {
		q.noFaults()
	}
}
