package e2e

import (
	"cmp"
	_ "embed"
	"fmt"
	"os"
	"strconv"
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
// scripts/pictures asks. It takes half an hour. Without it they look at each choice once. The turn selects
// how choices are combined.
func whole() bool { return os.Getenv("LIVELEARN_PICTURES") != "" }

// turn returns the number of a short run, which scripts/test draws. Runs with other numbers look at
// what this one leaves out.
func turn() int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("LIVELEARN_TURN"), "0"))
	if err != nil || n < 0 {
		panic(fmt.Sprintf("LIVELEARN_TURN is %q, want a number from 0", os.Getenv("LIVELEARN_TURN")))
	}
	return n
}

// inTurn reports whether a test checks a combination of choices, each given by its number. It is one
// combination of n, and another one in the next turn. With n elements for each choice, each element is
// in one combination.
func inTurn(n int, choices ...int) bool {
	sum := turn()
	for _, c := range choices {
		sum += c
	}
	return whole() || sum%n == 0
}

// directions are the languages of each direction of writing, or one of them by turns.
func directions() []string {
	list := []string{"en", "ar"}
	if whole() {
		return list
	}
	return list[turn()%2:][:1]
}

// viewer is a window, a language and a theme in which a person sees a page.
type viewer struct {
	size        [2]int64
	lang, theme string
}

func (v viewer) String() string { return fmt.Sprint(v.size[0], " ", v.lang, " ", v.theme) }

// viewers are all on a phone and on a laptop, in both directions of writing and in both themes, or two
// that differ in all three. Four turns have all.
func viewers() (list []viewer) {
	for i, size := range [][2]int64{phone, laptop} {
		for j, lang := range []string{"en", "ar"} {
			for k, theme := range []string{"light", "dark"} {
				if inTurn(2, i, j) && inTurn(2, j, k, turn()/2) {
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

// sizes are those of the next look: all, or the smallest of each shape. The larger ones have the shape of
// the second, and a browser without a graphics card paints them slowly: each sixth look has one of them
// in its place.
func (s *stage) sizes() [][2]int64 {
	if whole() {
		return projectors
	}
	s.looks++
	other, n := projectors[1], s.looks+turn()
	if n%6 == 0 {
		other = projectors[2+n/6%2]
	}
	return [][2]int64{other, projectors[0]}
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
