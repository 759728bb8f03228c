package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// askedLesson returns a lesson that has ended, in which a class of 18 answered every kind of question
// of the sample quiz. Some of the answers are wrong. Two of the pupils did not come.
func askedLesson(t *testing.T, box *boxtest.Box, teacher *boxtest.Person) boxtest.Lesson {
	t.Helper()
	lesson := teacher.OpenLesson(teacher.AddClass("9C Physics", 18), "The Solar System")
	quiz := quizOf(t, teacher)
	if _, err := teacher.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": quiz}, nil); err != nil {
		t.Fatal(err)
	}
	people := []*wiretest.Member{teacher.NewMember(lesson.Room)}
	for _, name := range lesson.Names[:16] {
		people = append(people, box.JoinLesson(lesson, name.ID).NewMember(lesson.Room))
	}
	for _, m := range people {
		if _, err := m.Connect(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Drop)
	}
	n := 0
	do := func(who int, name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := people[who].SendCommand(wiretest.Command{ID: fmt.Sprint("asked", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	answers := []struct {
		item        string
		right, away map[string]any
	}{
		{"q1", map[string]any{"options": []string{"b"}}, map[string]any{"options": []string{"a"}}},
		{"q2", map[string]any{"options": []string{"t"}}, map[string]any{"options": []string{"f"}}},
		{"q3", map[string]any{"text": "8,0"}, map[string]any{"text": "9"}},
		{"q4", map[string]any{"order": []string{"d", "c", "b", "a"}}, map[string]any{"order": []string{"c", "d", "b", "a"}}},
		{"q5", map[string]any{"pairs": map[string]string{"a": "d", "b": "b", "c": "c", "d": "a"}}, map[string]any{"pairs": map[string]string{"a": "a", "b": "b", "c": "c", "d": "d"}}},
	}
	for i, a := range answers {
		round := i + 1
		do(0, "quiz.open", map[string]any{"items": []string{a.item}})
		for who := 1; who <= 16; who++ {
			response := a.right
			if who%4 == 0 {
				response = a.away
			}
			do(who, "quiz.answer", map[string]any{"round": round, "item": a.item, "response": response})
		}
		do(0, "quiz.reveal", map[string]any{"round": round})
	}
	if _, err := teacher.CallAPI("POST", "/api/lessons/"+lesson.ID+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	return lesson
}

// cutText lists texts that leave the window or the box that clips them. Code and logs scroll.
const cutText = `(() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.checkVisibility() || e.closest("pre, .skip, .visually-hidden, select, textarea, script, .u-over, dialog:not([open]), [data-part=marks] thead")) continue;
    const range = document.createRange();
    range.selectNodeContents(n);
    let box = e, out = "";
    for (const r of range.getClientRects())
      if (r.width && (r.right > innerWidth + 1 || r.left < -1)) out = "window";
    for (; box && !out; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible" && [...range.getClientRects()].some((r) => r.right > box.getBoundingClientRect().right + 1 || r.left < box.getBoundingClientRect().left - 1)) out = box.tagName + "." + box.className;
    if (out) found.push(n.data.trim().slice(0, 40) + " in " + out);
  }
  return found;
})()`

// TestTheAdminAndResultsPagesFit checks each part of the settings, the results and the home page:
// nothing is cut, nothing scrolls sideways, and axe finds nothing.
func TestTheAdminAndResultsPagesFit(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	past := askedLesson(t, box, ada)
	home := "http://" + box.HTTP
	for _, at := range viewers() {
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		visit := func(path, ready string) {
			t.Helper()
			name := "office " + at.String()
			p.open(home + path)
			evalJS[bool](p, `(document.documentElement.dataset.theme = "`+at.theme+`", true)`)
			p.until(path, ready+` && !document.querySelector("[aria-busy=true], [data-part=skeleton]")`)
			p.axe(name + " " + path)
			if cut := evalJS[[]string](p, cutText); len(cut) > 0 {
				t.Errorf("%s %s: cut: %q", name, path, cut)
			}
			p.calm(name + " " + path)
			p.picture(name + " " + picturePart(path))
		}
		for _, part := range []string{"", "/people", "/content", "/network", "/cloud", "/updates", "/backup", "/diagnostics"} {
			visit("/admin"+part, `document.querySelector("[data-part=content] h2")`)
		}
		if rows := evalJS[int](p, `new Set([...document.querySelectorAll("header > *")].filter((e) => e.offsetWidth).map((e) => { const r = e.getBoundingClientRect(); return Math.round((r.top + r.bottom) / 20); })).size`); rows != 1 {
			t.Errorf("%s: the head has %d rows", at, rows)
		}
		visit("/results/"+past.ID, `document.querySelector("[data-part=marks]")`)
		visit("/teach", `document.querySelector("[data-class]")`)
		visit("/no-such-page", `document.body.innerText.includes(`+quote(loadWords(t, at.lang)("lost.title"))+`)`)
		if display := evalJS[string](p, `getComputedStyle(document.querySelector("header")).display`); display != "flex" {
			t.Errorf("the head of the page of an unknown address has no styles: its display is %q", display)
		}
		p.noFaults()
	}
}

// TestPlotsWriteTimesOfThePagesLanguage gives the page an hour of measurements and reads what the plots
// write.
func TestPlotsWriteTimesOfThePagesLanguage(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.speak(home, "fr")
	p.as(home, ada)
	at, level := make([]int64, 60), make([]float64, 60)
	for i := range at {
		at[i] = time.Date(2026, 11, 30, 13, i, 0, 0, time.UTC).UnixMilli()
	}
	p.answer(map[string]any{"GET /api/admin/history": map[string]any{"at": at, "chat_p99_ms": level, "load": level, "memory_mb": level, "sockets": level}})
	p.open(home + "/admin")
	evalJS[bool](p, `(() => {
	  window.written = [];
	  const draw = CanvasRenderingContext2D.prototype.fillText;
	  CanvasRenderingContext2D.prototype.fillText = function (text, ...at) { written.push(String(text)); return draw.call(this, text, ...at); };
	  return true;
	})()`)
	p.press(loadWords(t, "fr")("admin.part.diagnostics"))
	p.until("times of day", `written.some((s) => /^\d\d:\d\d$/.test(s))`)
	if other := evalJS[[]string](p, `written.filter((s) => /[ap]m|\//i.test(s))`); len(other) > 0 {
		t.Errorf("the plots write %q", other)
	}
	p.noFaults()
}

// TestALongLineOfALogScrollsInItsBox shows an admin with a phone how a board started and failed.
func TestALongLineOfALogScrollsInItsBox(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	for _, lang := range []string{"en", "ar"} {
		p := newPage(t, phone)
		p.speak(home, lang)
		p.as(home, ada)
		p.answer(map[string]any{"GET /api/admin/boot": map[string]any{"supported": true, "state": map[string]any{
			"ready": 12, "name": "board", "slot": "a", "phases": []any{map[string]any{"name": "data", "took": 1_000_000, "note": "grown"}},
			"failures": []any{map[string]any{"at": 1, "what": "livelearn box", "why": "exit status 2", "tail": "panic: " + strings.Repeat("a long line of a log ", 9)}},
			"before":   []string{"kernel: " + strings.Repeat("x", 200)},
		}}})
		p.open(home + "/admin/diagnostics")
		p.until("the logs", `document.querySelectorAll("[aria-labelledby=boot-title] summary").length === 3`)
		evalJS[bool](p, `([...document.querySelectorAll("[aria-labelledby=boot-title] details")].forEach((e) => (e.open = true)), true)`)
		if wide := evalJS[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s: the page is %d pixels too wide", lang, wide)
		}
		if cut := evalJS[[]string](p, cutText); len(cut) > 0 {
			t.Errorf("%s: cut: %q", lang, cut)
		}
		p.noFaults()
	}
}

// picturePart is the part of a path that names a picture.
func picturePart(path string) string {
	return strings.ReplaceAll(path[1:], "/", "-")
}

// TestKeepingDataForLessTimeAsksFirst shortens how long chat is kept: that deletes, so the box asks.
func TestKeepingDataForLessTimeAsksFirst(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, box.ClaimBox("Ada"))
	p.open(home + "/admin/content")
	days := func() int {
		return evalJS[int](p, `fetch("/api/admin/settings").then((r) => r.json()).then((s) => s.chat_days)`)
	}
	p.fill(say("settings.chat"), "20")
	p.press(say("staff.save"))
	p.sees(say("settings.keepAsk"))
	p.axe("the question before data is deleted")
	if got := days(); got <= 20 {
		t.Errorf("saved before the answer: %d days", got)
	}
	p.confirm(say("cancel"))
	p.press(say("staff.save"))
	p.confirm(say("settings.keepYes"))
	timetest.WaitUntil(t, "the shorter time", func() bool { return days() == 20 })
	p.fill(say("settings.chat"), "40")
	p.press(say("staff.save"))
	timetest.WaitUntil(t, "the longer time, without a question", func() bool { return days() == 40 })
	p.noFaults()
}

// TestTheAdminFindsAPerson searches teachers and pupils by a part of a name.
func TestTheAdminFindsAPerson(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	class := ada.AddClass("7B", 3)
	home, say := "http://"+box.HTTP, loadWords(t, "en")
	p := newPage(t, phone)
	p.speak(home, "en")
	p.as(home, ada)
	p.open(home + "/admin/people")
	p.sees(say("admin.people.hint"))
	p.sees("Ada")
	var list []struct{ Pupils []struct{ Name string } }
	if _, err := ada.CallAPI("GET", "/api/classes", nil, &list); err != nil || class == "" {
		t.Fatal(err)
	}
	name := list[0].Pupils[1].Name
	p.fill(say("admin.people.search"), name)
	p.until("the pupil and no teacher", `[...document.querySelectorAll("[data-part=people] strong")].map((e) => e.innerText).join() === `+quote(name))
	p.noFaults()
}

// TestResultsShowRightPlacesAndPairs reads the bars of an order, a match and a number.
func TestResultsShowRightPlacesAndPairs(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	past := askedLesson(t, box, ada)
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.speak(home, "en")
	p.as(home, ada)
	p.open(home + "/results/" + past.ID)
	p.until("the results", `document.querySelector("[data-part=marks]")`)
	bars := func(n int) string {
		return fmt.Sprintf(`[...document.querySelectorAll("[data-part=questions] > li:nth-child(%d) [data-bars] li")].map((e) => [e, ...e.querySelectorAll("svg[aria-label]")].map((x) => x.getAttribute("aria-label") ?? x.innerText.replace(/\s+/g, " ").trim()).join(" ")).join("; ")`, n)
	}
	for n, want := range map[int]string{
		4: "1 Mercury 12 of 16; 2 Venus 12 of 16; 3 Earth 16 of 16; 4 Mars 16 of 16",
		5: "Saturn its wide rings 12 of 16; Mars its red ground 16 of 16; Earth its seas and its life 16 of 16; Venus being the hottest 12 of 16",
		3: "8,0 12 75% Right answer; 9 4 25%",
	} {
		if got := evalJS[string](p, bars(n)); got != want {
			t.Errorf("question %d: %q, want %q", n, got, want)
		}
	}
	evalJS[bool](p, `(scrollTo(0, document.body.scrollHeight), true)`)
	if top := evalJS[int](p, `Math.round(document.querySelector("[data-part=marks] thead th").getBoundingClientRect().top)`); top < 0 {
		t.Errorf("the head of the table is %d pixels above the window", -top)
	}
	if rows, inner := evalJS[int](p, `document.querySelectorAll("[data-part=marks] tbody tr").length`), evalJS[bool](p, `[...document.querySelectorAll("main, main *")].some((e) => e.scrollHeight > e.clientHeight + 1 && getComputedStyle(e).overflowY === "auto")`); rows != 18 || inner {
		t.Errorf("%d rows, want 18; a scroller in the page: %v", rows, inner)
	}
}

// TestTheSetUpNamesAllWrongFieldsAtOnce sends the empty form, then an easy PIN.
func TestTheSetUpNamesAllWrongFieldsAtOnce(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	home, say := "http://"+box.HTTP, loadWords(t, "en")
	p := newPage(t, phone)
	p.speak(home, "en")
	p.open(home + "/claim")
	p.press(say("claim.next"))
	p.sees(say("claim.codeTitle"))
	evalJS[bool](p, `(document.activeElement.blur(), true)`) // so that the focus on the code below is that of the faults
	p.press(say("claim.claim"))
	p.until("four faults", `[...document.querySelectorAll("[aria-invalid=true]")].map((e) => e.name).join() === "code,box,name,pin" && document.activeElement.name === "code"`)
	for field, text := range map[string]string{"claim.code": box.Code, "claim.box": "Room 12", "claim.name": "Ada", "claim.pin": "123456", "claim.again": "123456"} {
		p.fill(say(field), text)
	}
	p.press(say("claim.claim"))
	p.sees(say("err.easy_pin"))
	p.until("one fault", `[...document.querySelectorAll("[aria-invalid=true]")].map((e) => e.name).join() === "pin"`)
}
