package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

var update = flag.Bool("update", false, "write the pictures of the README")

// setCookie gives the tab a cookie of the box.
func setCookie(home, cookie string) chromedp.Action[chromedp.Void] {
	name, value, _ := strings.Cut(cookie, "=")
	secure := strings.HasPrefix(home, "https:")
	if secure { // the box takes a teacher's token over HTTPS from this cookie only
		name = "__Host-" + name
	}
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: home, Path: "/", Secure: new(secure)})
		return err
	})
}

// cookieOf returns the cookie that the tab sends to the box.
func cookieOf(p *page, home string) string {
	p.t.Helper()
	var cookie string
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		got, err := cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{URLs: []string{home}})
		for _, c := range got.Cookies {
			if c.Name == "ll" {
				cookie = c.Name + "=" + c.Value
			}
		}
		return err
	}))
	return cookie
}

// fillRoom joins most of the class and makes them act.
func fillRoom(t *testing.T, box *boxtest.Box, teacher *boxtest.Person, lesson boxtest.Lesson) {
	t.Helper()
	n := 0
	do := func(m *wiretest.Member, name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("lively", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	ada := teacher.NewMember(lesson.Room)
	if _, err := ada.Connect(); err != nil {
		t.Fatal(err)
	}
	var class []*wiretest.Member
	for _, name := range lesson.Names[:len(lesson.Names)-2] {
		m := box.JoinLesson(lesson, name.ID).NewMember(lesson.Room)
		if _, err := m.Connect(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Drop)
		class = append(class, m)
	}
	t.Cleanup(ada.Drop)
	do(ada, "chat.say", map[string]any{"text": "Good morning! Which planet has the tallest volcano?", "to": "all"})
	do(class[0], "chat.say", map[string]any{"text": "Mars, I think", "to": "all"})
	do(class[1], "chat.say", map[string]any{"text": "I cannot see the board", "to": "teacher"})
	do(class[2], "chat.say", map[string]any{"text": "Olympus Mons: 22 km!", "to": "all"})
	do(class[3], "hand.raise", nil)
	do(class[1], "hand.raise", nil)
	for i, m := range class {
		do(m, "tap.set", map[string]any{"tap": []string{"yes", "yes", "no", "yes", "lost"}[i%5]})
	}
	do(ada, "room.mute", map[string]any{"user": lesson.Names[4].ID, "on": true})
	answerQuestions(t, teacher, lesson, func(who int, name string, payload map[string]any) {
		t.Helper()
		if who < 0 {
			do(ada, name, payload)
		} else if who < len(class) {
			do(class[who], name, payload)
		}
	})
}

// quizOf returns the id of the first quiz on the box.
func quizOf(t *testing.T, teacher *boxtest.Person) string {
	t.Helper()
	var list []struct{ ID string }
	if _, err := teacher.CallAPI("GET", "/api/quizzes", nil, &list); err != nil || len(list) == 0 {
		t.Fatalf("%v: %v", list, err)
	}
	return list[0].ID
}

// answerQuestions makes the class answer the first questions of the sample quiz. The last question
// stays open.
func answerQuestions(t *testing.T, teacher *boxtest.Person, lesson boxtest.Lesson, do func(who int, name string, payload map[string]any)) {
	t.Helper()
	id := quizOf(t, teacher)
	var quiz struct {
		Items []struct {
			ID, Kind string
			Options  []struct{ ID string }
		}
	}
	if _, err := teacher.CallAPI("GET", "/api/quizzes/"+id, nil, &quiz); err != nil {
		t.Fatal(err)
	}
	if _, err := teacher.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": id}, nil); err != nil {
		t.Fatal(err)
	}
	var decks []struct{ ID string }
	if _, err := teacher.CallAPI("GET", "/api/decks", nil, &decks); err != nil || len(decks) != 1 {
		t.Fatalf("%v: %v", decks, err)
	}
	if _, err := teacher.CallAPI("POST", "/api/lessons/"+lesson.ID+"/deck", map[string]string{"deck": decks[0].ID}, nil); err != nil {
		t.Fatal(err)
	}
	page := "d:" + decks[0].ID + ":1"
	do(-1, "board.show", map[string]any{"surface": page})
	do(-1, "board.draw", map[string]any{"surface": page, "stroke": map[string]any{"id": "circle", "tool": "ellipse", "color": 1, "size": 5, "points": "2bc 1jk 1e 1jk 1jk 0"}})
	round := 0
	for _, it := range quiz.Items {
		if it.Kind != "single" && it.Kind != "truefalse" && it.Kind != "multi" {
			continue
		}
		if round > 0 {
			do(-1, "quiz.reveal", map[string]any{"round": round})
		}
		round++
		do(-1, "quiz.open", map[string]any{"items": []string{it.ID}})
		for who := range 24 {
			option := it.Options[[]int{1, 1, 0, 1, 2, 1, 1, 0}[who%8]%len(it.Options)].ID
			do(who, "quiz.answer", map[string]any{"round": round, "item": it.ID, "response": map[string]any{"options": []string{option}}})
		}
		if round == 2 {
			return
		}
	}
}

// TestScreens writes the pictures of the README with -update. Otherwise it checks that they exist
// and are small enough.
func TestScreens(t *testing.T) {
	dir := "testdata"
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		takeScreenshots(t, dir)
	}
	for _, name := range []string{"console.png", "pupil.png", "projector.png", "quiz.png", "results.png"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() < 5_000 || info.Size() > 250_000 {
			t.Errorf("%s: %v; write it with: go test ./ui/e2e -run Screens -update", name, err)
		}
	}
}

func takeScreenshots(t *testing.T, dir string) {
	t.Helper()
	box := boxtest.Start(t, t.TempDir(), "--sample")
	var teacher boxtest.Person
	for line := range strings.Lines(box.ReadLog()) {
		if _, pin, ok := strings.Cut(line, `with the PIN `); ok {
			teacher = boxtest.Person{Box: box}
			if _, err := teacher.CallAPI("POST", "/api/login", map[string]string{"name": "Teacher", "pin": strings.TrimSpace(pin)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var open []boxtest.Lesson
	if _, err := teacher.CallAPI("GET", "/api/lessons", nil, &open); err != nil || len(open) != 1 {
		t.Fatalf("%v %v", open, err)
	}
	var look struct{ Names []boxtest.Name }
	if _, err := teacher.CallAPI("POST", "/api/join/look", map[string]string{"key": open[0].Key}, &look); err != nil {
		t.Fatal(err)
	}
	lesson := open[0]
	lesson.Names = look.Names
	fillRoom(t, box, &teacher, lesson)
	pupil := box.JoinLesson(lesson, lesson.Names[len(lesson.Names)-1].ID)
	past := endedLesson(t, box, &teacher)
	home := "http://" + box.HTTP
	for _, s := range []struct {
		file, path string
		size       [2]int64
		who        *boxtest.Person
		ready      string
	}{
		{"console.png", "/teach/" + lesson.Room, laptop, &teacher, `document.querySelectorAll("[data-part=strip] img").length === 3`},
		{"projector.png", "/screen/" + lesson.Room, laptop, &teacher, `/of 28/.test(document.body.innerText)`},
		{"pupil.png", "/lesson", phone, pupil, `/Sun is a star/.test(document.body.innerText)`},
		{"quiz.png", "/quiz/" + quizOf(t, &teacher), laptop, &teacher, `document.querySelector("[data-question]")`},
		{"results.png", "/results/" + past.ID, laptop, &teacher, `document.querySelector("a[href*='results.csv']")`},
	} {
		p := newPage(t, s.size)
		p.mode(home, "light")
		p.as(home, s.who)
		p.open(home + s.path)
		p.theme("light")
		p.until("the page", s.ready+` && [...document.images].every((i) => i.complete)`)
		evalJS[bool](p, `new Promise((r) => setTimeout(() => r(true), 1500))`)
		png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, s.file), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
