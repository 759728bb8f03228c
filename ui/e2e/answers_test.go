package e2e

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// asked is a quiz with a question of each kind whose answers are no list of options.
var asked = map[string]any{"title": "Four kinds", "items": []any{
	map[string]any{"id": "text", "kind": "text", "text": "The red planet?", "points": 1, "key": map[string]any{"texts": []any{map[string]any{"text": "Mars", "weight": 1}}}},
	map[string]any{"id": "number", "kind": "numeric", "text": "How many seasons has Mars?", "points": 1, "key": map[string]any{"numbers": []any{map[string]any{"value": 3.5, "tolerance": 0.25, "weight": 1}}}},
	map[string]any{
		"id": "order", "kind": "order", "text": "From the sun", "points": 1, "key": map[string]any{"order": []string{"a", "b", "c"}},
		"options": []any{map[string]any{"id": "a", "text": "Mercury"}, map[string]any{"id": "b", "text": "Venus"}, map[string]any{"id": "c", "text": "Earth"}},
	},
	map[string]any{
		"id": "match", "kind": "match", "text": "Whose moon?", "points": 1, "key": map[string]any{"pairs": map[string]string{"a": "a", "b": "b"}},
		"options": []any{map[string]any{"id": "a", "text": "Titan"}, map[string]any{"id": "b", "text": "Phobos"}},
		"choices": []any{map[string]any{"id": "a", "text": "Saturn"}, map[string]any{"id": "b", "text": "Mars"}},
	},
}}

// opened is a question in the form that a pupil gets. The ids of its options are assigned after
// mixing.
type opened struct {
	ID               string
	Options, Choices []option
}

type option struct{ ID, Text string }

func (q opened) id(text string) string {
	for _, o := range append(q.Options, q.Choices...) {
		if o.Text == text {
			return o.ID
		}
	}
	return text
}

// loadQuiz makes a quiz and brings it into the lesson.
func loadQuiz(t *testing.T, ada *boxtest.Person, lesson boxtest.Lesson, quiz any) []opened {
	t.Helper()
	var made struct {
		ID    string
		Items []opened
	}
	if _, err := ada.CallAPI("POST", "/api/quizzes", quiz, &made); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": made.ID}, nil); err != nil {
		t.Fatal(err)
	}
	return made.Items
}

// TestTheConsoleCountsWrittenOrderedAndMatchedAnswers asks the four kinds. The console counts equal
// answers together while the question is open, and shows the key at the reveal.
func TestTheConsoleCountsWrittenOrderedAndMatchedAnswers(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 4), "Planets")
	items := loadQuiz(t, ada, lesson, asked)
	var class []*wiretest.Member
	for _, n := range lesson.Names {
		m := box.JoinLesson(lesson, n.ID).NewMember(lesson.Room)
		if _, err := m.Connect(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Drop)
		class = append(class, m)
	}
	p := desk(t, ada, lesson.Room, laptop)
	order := func(names ...string) map[string]any {
		var ids []string
		for _, n := range names {
			ids = append(ids, items[2].id(n))
		}
		return map[string]any{"order": ids}
	}
	match := func(titan, phobos string) map[string]any {
		q := items[3]
		return map[string]any{"pairs": map[string]string{q.id("Titan"): q.id(titan), q.id("Phobos"): q.id(phobos)}}
	}
	text := func(s string) map[string]any { return map[string]any{"text": s} }
	sun, wrong := order("Mercury", "Venus", "Earth"), order("Earth", "Venus", "Mercury")
	for n, q := range []struct {
		given []map[string]any
		want  []string // each answer and its count
		key   string
	}{
		{[]map[string]any{text("Mars"), text("Venus"), text(" mars "), text("MARS")}, []string{"Mars 3 ✓", "Venus 1"}, "Mars"},
		{[]map[string]any{text("3,5"), text("4"), text("3.50"), text("4,0")}, []string{"3,5 2 ✓", "4 2"}, "3.5 ± 0.25"},
		{[]map[string]any{sun, wrong, sun, sun}, []string{"Mercury › Venus › Earth 3 ✓", "Earth › Venus › Mercury 1"}, "Mercury › Venus › Earth"},
		{[]map[string]any{match("Saturn", "Mars"), match("Mars", "Mars"), match("Mars", "Mars"), match("Mars", "Mars")}, []string{"Titan – Mars · Phobos – Mars 3", "Titan – Saturn · Phobos – Mars 1 ✓"}, "Titan – Saturn · Phobos – Mars"},
	} {
		press := map[bool]string{true: "stage.open", false: "stage.next"}[n == 0]
		p.press(say(press))
		p.until("the question", fmt.Sprintf(`document.querySelector("[data-part=question]")?.innerText === %s`, quote([]string{"The red planet?", "How many seasons has Mars?", "From the sun", "Whose moon?"}[n])))
		for _, part := range map[int][]string{2: {"Mercury", "Venus", "Earth"}, 3: {"Titan", "Phobos", "Saturn", "Mars"}}[n] {
			p.until(part+", before anybody has answered", `document.querySelector("[data-part=asked]").innerText.includes(`+quote(part)+`)`)
		}
		for who, given := range q.given {
			command := wiretest.Command{ID: fmt.Sprint("a", n), Name: "quiz.answer", Payload: map[string]any{"round": n + 1, "item": items[n].ID, "response": given}}
			if _, err := class[who].SendCommand(command); err != nil {
				t.Fatal(err)
			}
		}
		rows := `[...document.querySelectorAll("[data-part=counts] li")].map((li) => [li.querySelector("[data-part=text]").innerText, li.querySelector("[data-part=count]").innerText, ...(li.querySelector("[data-part=right] svg") ? ["✓"] : [])].join(" ")).join("|")`
		open := strings.ReplaceAll(strings.Join(q.want, "|"), " ✓", "")
		p.until(open, rows+` === `+quote(open))
		if evalJS[bool](p, `document.querySelector("[data-part=asked]").innerText.includes(`+quote(say("quiz.answer"))+`)`) {
			t.Errorf("question %d: the key is there before the reveal", n)
		}
		p.shot(fmt.Sprint("open", n))
		p.press(say("stage.close"))
		p.press(say("stage.reveal"))
		p.until("the key", `document.querySelector("[data-part=asked]")?.innerText.includes(`+quote(say("quiz.answer")+" "+q.key)+`)`)
		p.until("the right ones marked", rows+` === `+quote(strings.Join(q.want, "|")))
		p.shot(fmt.Sprint("revealed", n))
		if n == 1 {
			p.open(evalJS[string](p, "location.href"))
			p.until("the same after a reload", rows+` === `+quote(strings.Join(q.want, "|")))
		}
	}
	p.axe("written answers on the console")
	p.noFaults()
}

// TestACountIsAsLongAsItSays draws one of four, three of four and all of them, for the own answer
// and for other answers, and checks the pixels.
func TestACountIsAsLongAsItSays(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 4), "Planets")
	choice := func(id string) any { return map[string]any{"id": id, "text": "Option " + id} }
	options := []any{choice("a"), choice("b"), choice("c")}
	key := map[string]any{"weights": map[string]float64{"c": 1}}
	items := loadQuiz(t, ada, lesson, map[string]any{"title": "Counts", "items": []any{
		map[string]any{"id": "one", "kind": "single", "text": "One?", "points": 1, "options": options, "key": key},
		map[string]any{"id": "many", "kind": "multi", "text": "Many?", "points": 1, "options": options, "key": key},
	}})
	teacher := ada.NewMember(lesson.Room)
	if _, err := teacher.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(teacher.Drop)
	var people []*boxtest.Person
	var class []*wiretest.Member
	for _, n := range lesson.Names {
		people = append(people, box.JoinLesson(lesson, n.ID))
		class = append(class, people[len(people)-1].NewMember(lesson.Room))
		if _, err := class[len(class)-1].Connect(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(class[len(class)-1].Drop)
	}
	do := func(m *wiretest.Member, id, name string, payload map[string]any) {
		t.Helper()
		if _, err := m.SendCommand(wiretest.Command{ID: id, Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	for n, chosen := range [][]string{{"a", "b", "b", "b"}, {"a", "b", "bc", "b"}} {
		round := n + 1
		do(teacher, fmt.Sprint("open", n), "quiz.open", map[string]any{"items": []string{items[n].ID}})
		for who, c := range chosen {
			ids := strings.Split(c, "")
			for i, id := range ids {
				ids[i] = items[n].id("Option " + id)
			}
			do(class[who], fmt.Sprint("a", n), "quiz.answer", map[string]any{"round": round, "item": items[n].ID, "response": map[string]any{"options": ids}})
		}
		do(teacher, fmt.Sprint("reveal", n), "quiz.reveal", map[string]any{"round": round})
		for who := range 2 { // has chosen a, has chosen b
			for _, mode := range []string{"light", "dark"} {
				p := newPage(t, phone)
				p.mode("http://"+box.HTTP, mode)
				p.as("http://"+box.HTTP, people[who])
				p.open("http://" + box.HTTP + "/lesson")
				p.theme(mode)
				p.until("the counts", `document.querySelectorAll("[data-bar]").length === 3`)
				p.still()
				evalJS[bool](p, `(document.querySelector("[data-part=item]").scrollIntoView(), document.activeElement.blur(), true)`)
				name := fmt.Sprint(items[n].ID, who, mode)
				p.shot(name)
				for _, o := range []string{"a", "b", "c"} {
					want := map[string]int{"a": 25, "b": 75, "c": []int{0, 25}[n]}[o]
					at := slices.IndexFunc(items[n].Options, func(x option) bool { return x.Text == "Option "+o })
					if got := p.filled(fmt.Sprintf("[data-option]:nth-of-type(%d) [data-bar]", at+1)); got < want-4 || got > want+4 {
						t.Errorf("%s, option %s: the bar looks %d %% full, want %d", name, o, got, want)
					}
				}
			}
		}
	}
}

// filled returns how much of a bar differs clearly from its surroundings, in hundredths of its
// width. It reads the middle line of a picture of the bar.
func (p *page) filled(bar string) int {
	p.t.Helper()
	data, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	r := evalJS[[4]float64](p, `((r) => [r.left, r.top, r.width, r.height])(document.querySelector(`+quote(bar)+`).getBoundingClientRect())`)
	left, right, y := int(r[0])+2, int(r[0]+r[2])-2, int(r[1]+r[3]/2)
	around := luminance(img.At(left, int(r[1])-3))
	differ := 0
	for x := left; x < right; x++ {
		here := luminance(img.At(x, y))
		if (max(here, around)+0.05)/(min(here, around)+0.05) >= 2 {
			differ++
		}
	}
	return 100 * differ / (right - left)
}

// luminance returns the relative luminance of WCAG 2.2, 0 to 1.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 { return math.Pow((float64(v)/0xffff+0.055)/1.055, 2.4) }
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
