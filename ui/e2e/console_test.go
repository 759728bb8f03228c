package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
)

// shot saves a picture of the page in the folder of go test -artifacts.
func (p *page) shot(name string) {
	p.t.Helper()
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return // a picture takes half a second
	}
	data, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// drag moves the pressed mouse from one point of an element to another, in hundredths of its sides.
func (p *page) drag(element string, from, to [2]float64) {
	p.t.Helper()
	r := evalJS[[4]float64](p, `((e) => { e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })(document.querySelector(`+quote(element)+`))`)
	at := func(part float64) (float64, float64) {
		x, y := from[0]+(to[0]-from[0])*part, from[1]+(to[1]-from[1])*part
		return r[0] + r[2]*x/100, r[1] + r[3]*y/100
	}
	x, y := at(0)
	p.do(chromedp.MouseEvent(chromedp.MousePressed, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	for i := range 10 {
		x, y = at(float64(i+1) / 10)
		p.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y, chromedp.ButtonLeft))
	}
	p.do(chromedp.MouseEvent(chromedp.MouseReleased, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
}

// desk opens the console of a lesson.
func desk(t *testing.T, ada *boxtest.Person, room string, size [2]int64) *page {
	t.Helper()
	p := newPage(t, size)
	p.as("http://"+ada.Box.HTTP, ada)
	p.open("http://" + ada.Box.HTTP + "/teach/" + room)
	p.until("the console", `document.querySelector("[data-part=strip]")`)
	return p
}

// fits lists the elements that are larger than the window.
func (p *page) fits(what string) {
	p.t.Helper()
	got := evalJS[[4]int](p, `[document.documentElement.scrollHeight, innerHeight, document.documentElement.scrollWidth, innerWidth]`)
	if got[0] > got[1] || got[2] > got[3] {
		p.t.Errorf("%s: the document is %d high in a window of %d, and %d wide in one of %d", what, got[0], got[1], got[2], got[3])
	}
}

// TestTheConsoleFitsItsWindow checks a full console in several windows. Only its columns scroll.
func TestTheConsoleFitsItsWindow(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 30), "Planets")
	fillRoom(t, box, ada, lesson)
	for _, size := range [][2]int64{laptop, {1024, 768}, {1920, 1080}, {820, 600}, phone} {
		p := desk(t, ada, lesson.Room, size)
		p.sees("The Sun is a star.")
		p.press(say("console.view.board"))
		p.until("the slide", `document.querySelector("[data-part=draw] img")?.naturalWidth > 0 && document.querySelectorAll("[data-part=thumbs] img").length > 1`)
		name := fmt.Sprint(size[0])
		p.fits(name + ", a slide")
		p.shot("slide" + name)
		p.press(say("board.new"))
		p.until("the whiteboard", `document.querySelector("[data-part=draw] [data-blank]")`)
		p.fits(name + ", a whiteboard")
		p.press(say("console.view.answers"))
		p.press(say("stage.wall.show"))
		p.fits(name + ", the answers")
		evalJS[bool](p, `(document.querySelectorAll("main, main *").forEach((e) => e.scrollTo(0, 1e6)), true)`)
		p.fits(name + ", scrolled")
		p.shot("answers" + name)
		evalJS[bool](p, `(document.querySelectorAll("[data-part=thumbs] button")[1].click(), true)`)
		p.noFaults()
	}
}

// TestResultsOfALargeClassEndWithTheTable has more pupils than the window is high.
func TestResultsOfALargeClassEndWithTheTable(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 60), "Planets")
	fillRoom(t, box, ada, lesson)
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	p := newPage(t, laptop)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/results/" + lesson.ID)
	p.until("the table", `document.querySelectorAll("[data-part=marks] tbody tr").length === 60`)
	over := evalJS[int](p, `document.documentElement.scrollHeight - Math.ceil(document.getElementById("main").getBoundingClientRect().bottom + scrollY)`)
	if over > 0 {
		t.Errorf("%d empty pixels under the results", over)
	}
}

// TestAMouseDrawsAndSelectsNothing drags a real mouse over a slide and a whiteboard, and out of
// them.
func TestAMouseDrawsAndSelectsNothing(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 8), "Planets")
	fillRoom(t, box, ada, lesson)
	p := desk(t, ada, lesson.Room, laptop)
	draw := func(what string, ink int) {
		t.Helper()
		for _, to := range [][2]float64{{70, 60}, {60, -25}, {140, 30}} {
			p.drag("[data-part=draw]", [2]float64{30, 30}, to)
			ink++
			p.until(fmt.Sprint(what, ": stroke ", ink), fmt.Sprintf(`document.querySelectorAll("[data-part=draw] [data-stroke]").length === %d`, ink))
			if got := evalJS[string](p, `getSelection().type + ": " + getSelection().toString()`); strings.HasPrefix(got, "Range") {
				t.Errorf("%s, to %v: selected %q", what, to, got)
			}
		}
		for _, tool := range []string{"line", "rect", "laser"} {
			p.press(say("board.tool." + tool))
			p.drag("[data-part=draw]", [2]float64{30, 50}, [2]float64{60, 130})
			if got := evalJS[string](p, `getSelection().type`); got == "Range" {
				t.Errorf("%s, %s: selects", what, tool)
			}
		}
		p.press(say("board.tool.pen"))
		p.shot(what)
	}
	p.sees("The Sun is a star.")
	p.press(say("console.view.board"))
	p.until("the slide", `document.querySelector("[data-part=draw] img")?.naturalWidth > 0 && document.querySelector("[data-part=draw] [data-stroke]")`)
	draw("slide", 1)
	p.press(say("board.new"))
	p.until("the whiteboard", `document.querySelector("[data-part=draw] [data-blank]")`)
	draw("whiteboard", 0)
	p.noFaults()
}
