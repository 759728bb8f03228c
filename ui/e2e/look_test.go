package e2e

import (
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/chromedp/chromedp"
)

// projectors are the screen sizes of the tests.
var projectors = [][2]int64{{1024, 768}, {1366, 768}, {1920, 1080}, {3840, 2160}}

// seen is a function of the page that lists its faults by rules.
//
//go:embed testdata/seen.js
var seen string

// least is the smallest text that people in the last row can read, in parts of the screen's height.
const least = 0.022

// whole reports whether the tests look at every size, theme and language, and write pictures, as
// scripts/pictures asks. It takes half an hour. Without it they look at what is hardest to fit, and
// at each pair of two choices.
func whole() bool { return os.Getenv("LIVELEARN_PICTURES") != "" }

// inTurn reports whether a test checks a combination of choices, each given by its number. It is one
// combination of n: with at least n elements for each choice, each pair of two choices is in one.
func inTurn(n int, choices ...int) bool {
	sum := 0
	for _, c := range choices {
		sum += c
	}
	return whole() || sum%n == 0
}

// viewer is a window, a language and a theme in which a person sees a page.
type viewer struct {
	size        [2]int64
	lang, theme string
}

func (v viewer) String() string { return fmt.Sprint(v.size[0], " ", v.lang, " ", v.theme) }

// viewers are all on a phone and on a laptop, in both directions of writing and in both themes, or four
// that have each pair of two.
func viewers() (list []viewer) {
	for i, size := range [][2]int64{phone, laptop} {
		for j, lang := range []string{"en", "ar"} {
			for k, theme := range []string{"light", "dark"} {
				if inTurn(2, i, j, k, 1) {
					list = append(list, viewer{size, lang, theme})
				}
			}
		}
	}
	return list
}

// themes are those to look at. An empty one is the page's own.
func themes() []string {
	if whole() {
		return []string{"light", "dark"}
	}
	return []string{""}
}

// sizes are those of the next look: all, or the smallest and one of the others, by turns. The others
// have one shape.
func (s *stage) sizes() [][2]int64 {
	if whole() {
		return projectors
	}
	s.looks++
	return [][2]int64{projectors[1+s.looks%(len(projectors)-1)], projectors[0]}
}

// look checks the page at several sizes. what is the name of the sheet, and of the state after a space.
func (s *stage) look(what string, least float64) {
	s.t.Helper()
	was := evalJS[string](s.screen, `document.documentElement.dataset.theme || ""`)
	for _, theme := range themes() {
		name := what
		if theme != "" {
			name += " " + theme
			evalJS[bool](s.screen, `(document.documentElement.dataset.theme = "`+theme+`", true)`)
		}
		s.settle()
		for _, size := range s.sizes() {
			s.resize(size)
			for _, fault := range s.faults(least) {
				s.t.Errorf("%s at %d by %d in %s: %s", name, size[0], size[1], s.lang, fault)
			}
			s.shoot(name, size)
		}
	}
	evalJS[bool](s.screen, `(document.documentElement.dataset.theme = "`+was+`", true)`)
	s.resize(projectors[0]) // what moves costs least there
}

// resize sets the window size and waits until the page has followed.
func (s *stage) resize(size [2]int64) {
	s.t.Helper()
	s.screen.do(chromedp.EmulateViewport(size[0], size[1]))
	s.screen.until("the page in its new size", fmt.Sprintf(`innerWidth === %d && [...document.images].every((i) => i.complete)`, size[0]))
	evalJS[bool](s.screen, `new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))`)
}

// faults lists what an eye would find wrong.
func (s *stage) faults(least float64) []string {
	s.t.Helper()
	return evalJS[[]string](s.screen, fmt.Sprintf("(%s)(%g)", seen, least))
}

// lookAround checks the console and the phone in a state of a question.
func (s *stage) lookAround(q asking, state string) {
	s.t.Helper()
	if s.desk == nil {
		return
	}
	desks, phones := [][2]int64{{1024, 768}}, [][2]int64{{320, 568}}
	if whole() {
		desks, phones = append(desks, laptop), append(phones, phone, [2]int64{414, 896})
	}
	shown := `document.querySelector("[data-round=` + state + `]")?.innerText.includes(` + quote(fmt.Sprint(q.item["text"])) + `)`
	for _, at := range []struct {
		name  string
		page  *page
		sizes [][2]int64
	}{{"console", s.desk, desks}, {"phone", s.pupil, phones}} {
		at.page.until("the question", shown)
		for _, size := range at.sizes {
			at.page.do(chromedp.EmulateViewport(size[0], size[1]))
			for _, theme := range themes() {
				if theme != "" {
					evalJS[bool](at.page, `(document.documentElement.dataset.theme = "`+theme+`", true)`)
				}
				at.page.still()
				name := strings.TrimSpace(fmt.Sprint(at.name, " ", s.lang, " ", q.name, " ", state, " ", size[0], " ", theme))
				faults := at.page.pupilFaults()
				if at.page == s.desk {
					at.page.fits(name)
					faults = evalJS[[]string](at.page, apart)
				}
				for _, fault := range faults {
					s.t.Errorf("%s: %s", name, fault)
				}
				at.page.picture(name)
			}
		}
	}
}
