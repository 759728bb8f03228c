package e2e

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
)

// updated is a box that has lost the files of the page's later parts, as after an update. gone
// selects them by name. nil selects none.
type updated struct {
	home string
	gone atomic.Pointer[regexp.Regexp]
}

func behindUpdate(t *testing.T, box *boxtest.Box) *updated {
	t.Helper()
	to, err := url.Parse("http://" + box.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	u := &updated{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone := u.gone.Load(); gone != nil && strings.HasPrefix(r.URL.Path, "/assets/") && gone.MatchString(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u.home = server.URL
	return u
}

// lose removes the files with one of these prefixes.
func (u *updated) lose(names ...string) {
	u.gone.Store(regexp.MustCompile(`^/assets/(` + strings.Join(names, "|") + `)-`))
}

func (u *updated) mend() { u.gone.Store(nil) }

// saysLost waits for the error and its retry in place of the skeleton.
func (p *page) saysLost(what string, say func(string) string) {
	p.t.Helper()
	p.until(what+": the error", `document.body?.innerText.includes(`+quote(say("err.part"))+`) && !document.querySelector(".skeleton, .boot") &&
	  `+findControl+`("button", `+quote(say("retry"))+`)`)
}

// TestAPageWhosePartIsGoneSaysSo opens each page from an old tab after an update. Its file answers
// 404, the page reports the error, and its retry loads the new page.
func TestAPageWhosePartIsGoneSaysSo(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	u := behindUpdate(t, box)
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 8), "Planets")
	pupil := box.JoinLesson(lesson, lesson.Names[0].ID)
	past := endedLesson(t, box, ada)
	fresh := behindUpdate(t, boxtest.Start(t, t.TempDir()))
	for _, s := range []struct {
		file, path, ready string
		who               *boxtest.Person
		u                 *updated
	}{
		{"lesson", "/lesson", `document.querySelector("[role=log]")`, pupil, u},
		{"claim", "/claim", `document.querySelector("input[name=lang]")`, nil, fresh},
		{"login", "/login", `document.querySelector("input[name=name]")`, nil, u},
		{"home", "/teach", `document.body?.innerText.includes("7B")`, ada, u},
		{"console", "/teach/" + lesson.Room, `document.querySelector("[data-part=strip]")`, ada, u},
		{"quiz", "/quiz/q_sample", `document.querySelector("[data-question]")`, ada, u},
		{"cards", "/cards/" + lesson.Room, `document.querySelector(".print-cards img")`, ada, u},
		{"screen", "/screen/" + lesson.Room, `document.querySelector("[data-code]")`, ada, u},
		{"remote", "/remote/" + lesson.Room, `document.querySelector("[data-part=remote]")`, ada, u},
		{"results", "/results/" + past.ID, `document.querySelector('a[href*="results.csv"]')`, ada, u},
		{"playback", "/capsule/" + past.ID, `document.querySelector("h1")`, ada, u},
		{"admin", "/admin/diagnostics", `document.body?.innerText.includes("journal")`, ada, u},
	} {
		for _, file := range []string{s.file, "stage|prepare|after"} {
			if file != s.file && (s.file == "lesson" || s.file == "login") {
				continue // they have no texts of their own
			}
			p := newPage(t, phone)
			if s.who != nil {
				p.as(s.u.home, s.who)
			}
			s.u.lose(file)
			p.open(s.u.home + "/c/none")
			p.until("the old tab", `document.querySelector("h1")`)
			evalJS[bool](p, `(history.pushState(null, "", `+quote(s.path)+`), dispatchEvent(new PopStateEvent("popstate")))`)
			p.saysLost(s.path+" without "+file, say)
			if file == s.file {
				p.shot(s.file)
			}
			s.u.mend()
			p.press(say("retry"))
			p.until(s.path+" after the retry", s.ready)
			p.noFaults()
		}
	}
}

// TestAPartOfAPageThatIsGoneSaysSo removes the files that a page loads later: pictures and sound,
// the admin's plots, another language.
func TestAPartOfAPageThatIsGoneSaysSo(t *testing.T) {
	say, french := loadWords(t, "en"), loadWords(t, "fr")
	box := boxtest.Start(t, t.TempDir())
	u := behindUpdate(t, box)
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	for _, s := range []struct{ file, path, works, ready string }{
		{"call", "/teach/" + lesson.Room, `document.querySelector("[data-part=strip]")`, `document.querySelector(".call")`},
		{"uPlot.esm", "/admin/diagnostics", `document.querySelector("[data-part=plots] figcaption")`, `document.querySelector("[data-part=plots] canvas")`},
	} {
		p := newPage(t, laptop)
		p.as(u.home, ada)
		p.open(u.home + "/healthz")
		for s.path == "/admin/diagnostics" && !evalJS[bool](p, `fetch("/api/admin/history").then((r) => r.json()).then((h) => h.at.length >= 2)`) {
			time.Sleep(time.Second) // the box measures at its own pace
		}
		u.lose(s.file)
		p.open(u.home + s.path)
		p.saysLost(s.file, say)
		p.until("the rest of the page", s.works)
		p.axe("a page without " + s.file)
		p.shot("without-" + s.file)
		u.mend()
		p.press(say("retry"))
		p.until(s.file+" after the retry", s.ready)
		p.noFaults()
	}
	for _, path := range []string{"/", "/login"} {
		p := newPage(t, phone)
		u.mend()
		p.open(u.home + path)
		p.until("the languages", `document.querySelector("select")`)
		u.gone.Store(languages(t))
		evalJS[bool](p, `((e) => { e.value = "fr"; return e.dispatchEvent(new Event("change", {bubbles: true})); })(document.querySelector("select"))`)
		p.saysLost("another language", say)
		p.axe("a language that is gone")
		p.shot("without-language")
		evalJS[bool](p, `(window.old = true)`)
		p.press(say("retry"))
		p.until("the new page", `!window.old && document.querySelector("h1")`)
		p.saysLost("a page that begins in that language", say) // and the text appears in English
		u.mend()
		p.press(say("retry"))
		p.until("the page in French", `document.documentElement?.lang === "fr" && document.title.includes(`+quote(french(map[string]string{"/": "join.title", "/login": "login.title"}[path]))+`)`)
		p.noFaults()
	}
}

// languages returns the files with the first texts of the pages. They are named like the first
// script.
func languages(t *testing.T) *regexp.Regexp {
	t.Helper()
	index, err := os.ReadFile("../dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../dist/assets/main-*.js")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if name := filepath.Base(f); !strings.Contains(string(index), name) {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	if len(names) < 3 {
		t.Fatalf("%d languages that come later: %v", len(names), names)
	}
	return regexp.MustCompile(strings.Join(names, "|"))
}

// TestTheRetryWaitsForTheBox presses the retry while the box is away. The page stays and reports
// the error.
func TestTheRetryWaitsForTheBox(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	box.ClaimBox("Ada")
	u := behindUpdate(t, box)
	p := newPage(t, phone)
	u.lose("login")
	p.open(u.home + "/c/none")
	p.until("the old tab", `document.querySelector("h1")`)
	evalJS[bool](p, `(history.pushState(null, "", "/login"), dispatchEvent(new PopStateEvent("popstate")))`)
	p.saysLost("/login", say)
	box.Kill()
	p.press(say("retry"))
	p.sees(say("err.down"))
	p.saysLost("still", say)
	p.shot("away")
	box.Restart()
	u.mend()
	evalJS[bool](p, `([...document.querySelectorAll("button")].find((b) => b.innerText === `+quote(say("retry"))+`).click(), true)`)
	p.until("the sign-in page", `document.querySelector("input[name=name]")`)
	p.noFaults()
}
