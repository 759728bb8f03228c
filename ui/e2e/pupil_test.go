package e2e

import (
	_ "embed"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

//go:embed testdata/pupil.js
var pupilRules string

// pupilWindows are the windows of a small, a usual and a large phone, and of a school laptop.
var pupilWindows = [][2]int64{{320, 568}, {360, 740}, {414, 896}, laptop}

// class is a lesson with a teacher who asks, and pupils who answer without a page.
type class struct {
	t       *testing.T
	box     *boxtest.Box
	ada     *boxtest.Person
	lesson  boxtest.Lesson
	teacher *wiretest.Member
	pupils  []*wiretest.Member
	people  []*boxtest.Person
	items   []opened
	n       int // commands
	round   int
	open    bool // the round
}

func startClass(t *testing.T, pupils int, quiz any) *class {
	t.Helper()
	c := &class{t: t, box: boxtest.Start(t, t.TempDir())}
	c.ada = c.box.ClaimBox("Ada")
	c.lesson = c.ada.OpenLesson(c.ada.AddClass("7B", pupils), "Photosynthesis")
	c.items = loadQuiz(t, c.ada, c.lesson, quiz)
	c.teacher = c.connect(c.ada)
	for _, n := range c.lesson.Names {
		c.people = append(c.people, c.box.JoinLesson(c.lesson, n.ID))
	}
	for _, who := range c.people[1:] { // the first one has a page
		c.pupils = append(c.pupils, c.connect(who))
	}
	return c
}

func (c *class) connect(who *boxtest.Person) *wiretest.Member {
	c.t.Helper()
	m := who.NewMember(c.lesson.Room)
	if _, err := m.Connect(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(m.Drop)
	return m
}

func (c *class) send(m *wiretest.Member, name string, payload map[string]any) {
	c.t.Helper()
	c.n++
	if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("do", c.n), Name: name, Payload: payload}); err != nil {
		c.t.Fatal(err)
	}
}

// ask opens the question n.
func (c *class) ask(n int) {
	c.t.Helper()
	if c.open {
		c.tell("quiz.lock")
	}
	c.round++
	c.open = true
	c.send(c.teacher, "quiz.open", map[string]any{"items": []string{c.items[n].ID}})
}

// answer makes the pupils without a page answer the question n, each with the next of the responses.
func (c *class) answer(n int, responses ...map[string]any) {
	c.t.Helper()
	for i, m := range c.pupils {
		c.send(m, "quiz.answer", map[string]any{"round": c.round, "item": c.items[n].ID, "response": responses[i%len(responses)]})
	}
}

func (c *class) tell(name string) {
	c.t.Helper()
	c.send(c.teacher, name, map[string]any{"round": c.round})
}

func choices(texts ...string) (list []any) {
	for i, s := range texts {
		list = append(list, map[string]any{"id": string(rune('a' + i)), "text": s})
	}
	return list
}

// manyKinds has a question of each kind that needs no picture.
var manyKinds = map[string]any{"title": "All kinds", "items": []any{
	map[string]any{"id": "one", "kind": "single", "text": "Which gas do plants take in during photosynthesis?", "points": 1, "options": choices("Oxygen", "Carbon dioxide", "Nitrogen", "Hydrogen"), "key": map[string]any{"weights": map[string]float64{"b": 1}, "general": "Leaves take in carbon dioxide and let out oxygen."}},
	map[string]any{"id": "many", "kind": "multi", "text": "What does a plant need?", "points": 2, "options": choices("Light", "Water", "Sugar"), "key": map[string]any{"weights": map[string]float64{"a": 0.5, "b": 0.5}}},
	map[string]any{"id": "word", "kind": "text", "text": "What is the green stuff in a leaf called?", "points": 1, "key": map[string]any{"texts": []any{map[string]any{"text": "Chlorophyll", "weight": 1}}}},
	map[string]any{"id": "number", "kind": "numeric", "text": "How many legs has a spider?", "points": 1, "key": map[string]any{"numbers": []any{map[string]any{"value": 8, "tolerance": 0, "weight": 1}}}},
	map[string]any{"id": "order", "kind": "order", "text": "From the smallest to the largest", "points": 1, "options": choices("Cell", "Leaf", "Tree"), "key": map[string]any{"order": []string{"a", "b", "c"}}},
	map[string]any{"id": "match", "kind": "match", "text": "What does each part do?", "points": 1, "options": choices("Roots", "Leaves"), "choices": choices("Take up water", "Catch light"), "key": map[string]any{"pairs": map[string]string{"a": "a", "b": "b"}}},
	map[string]any{"id": "sketch", "kind": "draw", "text": "Draw a flower.", "points": 0, "key": map[string]any{}},
	map[string]any{"id": "mood", "kind": "poll", "text": "How was it?", "points": 0, "options": choices("Easy", "Just right", "Hard"), "key": map[string]any{}},
}}

// pupilPage opens the lesson of the first pupil.
func (c *class) pupilPage(lang string, size [2]int64) *page {
	c.t.Helper()
	home := "http://" + c.box.HTTP
	p := newPage(c.t, size)
	p.speak(home, lang)
	p.as(home, c.people[0])
	p.open(home + "/lesson")
	p.until("the lesson", `document.querySelector("main[data-part=lesson]")`)
	return p
}

// looks checks a state in all windows, light and dark, and writes pictures of it. axe looks at it in the
// smallest or in the largest window, by turns.
func (p *page) looks(what string) {
	p.t.Helper()
	turn := int(crc32.ChecksumIEEE([]byte(what)) % 3)
	for i, size := range pupilWindows {
		p.do(chromedp.EmulateViewport(size[0], size[1]))
		for _, theme := range []string{"light", "dark"} {
			if theme == "dark" && i != 1 && i != len(pupilWindows)-1 {
				continue
			}
			evalJS[bool](p, `(document.documentElement.dataset.theme = "`+theme+`", true)`)
			p.still()
			name := fmt.Sprint(what, " ", size[0], " ", theme)
			for _, fault := range p.pupilFaults() {
				p.t.Errorf("%s: %s", name, fault)
			}
			if i == 0 || i == len(pupilWindows)-1 {
				if inTurn(3, turn) {
					p.axe(name)
				}
				turn++
			}
			p.picture(name)
		}
	}
}

// pupilFaults lists what an eye or a thumb would find wrong on a pupil's page.
func (p *page) pupilFaults() []string {
	p.t.Helper()
	return evalJS[[]string](p, "("+pupilRules[strings.Index(pupilRules, "() =>"):]+")()")
}

// atRest is true once nothing moves but what moves for ever. It brings movements to their end, since
// the pictures between cost more than the look at the last one.
const atRest = `document.getAnimations().filter((a) => a.playState !== "finished" && a.effect.getComputedTiming().endTime < Infinity).map((a) => a.finish()).length === 0`

// still waits until nothing moves.
func (p *page) still() {
	p.t.Helper()
	p.until("rest", atRest)
}

// tileOf is the button of an option.
func tileOf(text string) string {
	return `[...document.querySelectorAll("[data-option] button")].find((b) => b.innerText.includes(` + quote(text) + `))`
}

// TestAPupilsLessonLooksRight goes through a lesson with each kind of question.
func TestAPupilsLessonLooksRight(t *testing.T) {
	installModules(t)
	for _, lang := range directions() {
		t.Run(lang, func(t *testing.T) {
			say := loadWords(t, lang)
			c := startClass(t, 5, manyKinds)
			home := "http://" + c.box.HTTP
			p := newPage(t, phone)
			p.speak(home, lang)
			p.open(home + "/")
			p.until("the code field", `document.querySelector("input[name=code]")`)
			p.looks(lang + " join")
			p.fill(say("join.code"), "000000")
			p.sees(say("join.wrong"))
			p.looks(lang + " join wrong")
			p.open(home + "/j/" + c.lesson.Key)
			p.sees(c.lesson.Names[1].Name)
			p.looks(lang + " names")

			p = c.pupilPage(lang, phone)
			p.sees(say("lesson.lobby"))
			c.send(c.teacher, "chat.say", map[string]any{"text": "Good morning!", "to": "all"})
			p.looks(lang + " lobby")
			options := func(n int, texts ...string) map[string]any {
				var ids []string
				for _, s := range texts {
					ids = append(ids, c.items[n].id(s))
				}
				return map[string]any{"options": ids}
			}

			c.ask(0)
			p.until("tiles", `document.querySelectorAll("[data-option]").length === 4`)
			p.looks(lang + " one open")
			evalJS[bool](p, "("+tileOf("Carbon")+".click(), true)")
			p.sees(say("quiz.saved"))
			p.looks(lang + " one saved")
			c.answer(0, options(0, "Oxygen"), options(0, "Carbon dioxide"))
			c.tell("quiz.lock")
			p.sees(say("quiz.locked"))
			p.looks(lang + " one closed")
			c.tell("quiz.reveal")
			p.sees(say("quiz.outcome.right"))
			p.looks(lang + " one revealed")

			c.ask(1)
			p.until("tiles", `document.querySelectorAll("[data-option]").length === 3`)
			evalJS[bool](p, "("+tileOf("Sugar")+".click(), true)")
			p.press(say("quiz.send"))
			p.sees(say("quiz.saved"))
			c.answer(1, options(1, "Light", "Water"))
			c.tell("quiz.reveal")
			p.sees(say("quiz.outcome.wrong"))
			p.looks(lang + " many wrong")

			c.ask(2)
			p.until("a field", `document.querySelector("textarea[data-part=field]")`)
			evalJS[bool](p, `(document.querySelector("[data-part=field]").focus(), true)`)
			p.typed("Chlorophyll, I think, but I am not quite sure how one writes it")
			p.press(say("quiz.send"))
			p.sees(say("quiz.saved"))
			p.looks(lang + " word saved")

			c.ask(3)
			p.until("a field", `document.querySelector("input[data-part=field]")`)
			evalJS[bool](p, `(document.querySelector("[data-part=field]").focus(), true)`)
			p.typed("eight")
			p.press(say("quiz.send"))
			p.sees(say("quiz.refused.not_a_number"))
			p.looks(lang + " number refused")

			c.ask(4)
			p.until("a list", `document.querySelectorAll("[data-grip]").length === 3`)
			p.looks(lang + " order")
			c.answer(4, map[string]any{"order": []string{c.items[4].id("Cell"), c.items[4].id("Leaf"), c.items[4].id("Tree")}})
			p.press(say("quiz.send"))
			p.sees(say("quiz.saved"))
			c.tell("quiz.reveal")
			p.until("the right order", `document.querySelector("[data-outcome]")`)
			p.looks(lang + " order revealed")

			c.ask(5)
			p.until("pairs", `document.querySelectorAll("[data-choice]").length === 2`)
			evalJS[bool](p, `(document.querySelector("[data-choice]").click(), true)`)
			p.looks(lang + " match")
			c.tell("quiz.reveal")
			p.until("the right pairs", `document.querySelector("[data-outcome]")`)
			if n := evalJS[int](p, `document.querySelectorAll("[data-line] svg, [data-line][data-right]").length`); n > 0 {
				t.Errorf("%d marks on pairs that the pupil did not give", n)
			}

			c.ask(6)
			p.until("a sheet", `document.querySelector("[data-sheet]")`)
			scribble(p)
			p.looks(lang + " draw")
			p.press(say("quiz.send"))
			p.sees(say("quiz.saved"))

			c.ask(7)
			p.until("tiles", `document.querySelectorAll("[data-option]").length === 3`)
			evalJS[bool](p, "("+tileOf("Hard")+".click(), true)")
			c.answer(7, options(7, "Easy"), options(7, "Just right"))
			c.tell("quiz.reveal")
			p.until("counts", `document.querySelectorAll("[data-bar]").length === 3`)
			p.looks(lang + " poll revealed")
			p.do(chromedp.EmulateViewport(phone[0], phone[1]))
			for _, tool := range []string{"dock.taps", "dock.react", "dock.chat"} {
				p.press(say(tool))
				p.still()
				p.axe(lang + " " + tool)
				p.picture(lang + " " + tool)
			}
			if _, err := c.ada.CallAPI("POST", "/api/lessons/"+c.lesson.ID+"/end", struct{}{}, nil); err != nil {
				t.Fatal(err)
			}
			p.sees(say("review.title"))
			p.looks(lang + " end")
			p.noFaults()
		})
	}
}

// scribble draws a line of 40 points on the sheet.
func scribble(p *page) {
	p.t.Helper()
	evalJS[bool](p, `(async () => {
	  const e = document.querySelector("[data-sheet]"), r = e.getBoundingClientRect();
	  e.setPointerCapture = () => {};
	  const at = (type, x, y) => e.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, clientX: r.left + x * r.width, clientY: r.top + y * r.height }));
	  at("pointerdown", 0.2, 0.5);
	  for (let i = 0; i < 40; i++) { at("pointermove", 0.2 + i * 0.015, 0.5 + 0.3 * Math.sin(i / 3)); await new Promise((done) => requestAnimationFrame(done)); }
	  at("pointerup", 0.8, 0.5);
	  return true;
	})()`)
	p.until("a line", `document.querySelectorAll("[data-sheet] path").length === 1`)
}

// TestADrawingWithAStarIsOnThePhones draws with a colour that can be seen, and shows it to the class.
func TestADrawingWithAStarIsOnThePhones(t *testing.T) {
	say := loadWords(t, "en")
	c := startClass(t, 2, manyKinds)
	p := c.pupilPage("en", phone)
	other := newPage(t, phone)
	other.as("http://"+c.box.HTTP, c.people[1])
	other.open("http://" + c.box.HTTP + "/lesson")
	c.ask(6)
	p.until("a sheet", `document.querySelector("[data-sheet]")`)
	p.until("four colours", `new Set([...document.querySelectorAll("[role=toolbar] i")].map((e) => getComputedStyle(e).backgroundColor)).size === 4`)
	scribble(p)
	p.press(say("quiz.send"))
	p.sees(say("quiz.saved"))
	c.send(c.teacher, "quiz.star", map[string]any{"round": c.round, "item": c.items[6].ID, "user": c.lesson.Names[0].ID, "on": true})
	other.sees(say("quiz.stars"))
	other.until("the drawing", `document.querySelectorAll("[data-round] li svg path").length === 1`)
	other.shot("star")
	p.shot("colours")
	p.noFaults()
	other.noFaults()
}
