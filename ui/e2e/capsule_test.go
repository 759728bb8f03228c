package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/livelearn/box/services/wire/wiretest"
)

// A lesson with slides and chat is recorded, and seen again right after its end: pictures,
// slides and chat go by one clock, chapters jump, and it can run twice as fast.
func TestARecordedLessonPlaysAtOnce(t *testing.T) {
	l := newLecture(t)
	l.ada.press(l.say("call.record"))
	l.ada.sees(l.say("onair.recorded"))
	m := l.teacher.Member(l.lesson.Room)
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	n := 0
	do := func(name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := m.Do(wiretest.Command{ID: fmt.Sprint("capsule-", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	do("board.show", map[string]any{"surface": "w:1"})
	time.Sleep(4 * time.Second)
	do("chat.say", map[string]any{"text": "this is the orbit", "to": "all"})
	time.Sleep(2 * time.Second)
	do("board.show", map[string]any{"surface": "w:2"})
	time.Sleep(4 * time.Second)
	l.ada.press(l.say("call.recordOff"))
	if _, err := l.teacher.Call("POST", "/api/lessons/"+l.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}

	p := newPage(t, laptop)
	p.as(l.home("http"), l.teacher)
	p.open(l.home("http") + "/results/" + l.lesson.ID)
	p.press(l.say("results.play"))
	p.until("the player", `document.querySelector(".capsule-grid")`)
	const (
		video = `[...document.querySelectorAll(".capsule-part:not([hidden]) video")].at(-1)` // a recording may have several files
		at    = `Number(document.querySelector(".capsule-grid").dataset.time)`
	)
	p.until("the recording", `[...document.querySelectorAll(".capsule-part video")].some((v) => v.videoWidth > 0)`)
	p.press(l.say("capsule.play"))
	p.until("time to go on", at+` > 3000`)
	p.until("a picture that goes on", `[...document.querySelectorAll(".capsule-part video")].some((v) => v.currentTime > 1)`)
	eval[bool](p, `((document.querySelector(".capsule-grid").dataset.state === "playing" && document.querySelector(".capsule-controls button").click()), true)`)
	p.until("a pause", `document.querySelector(".capsule-grid").dataset.state === "paused"`)

	chapters := eval[int](p, `document.querySelectorAll(".capsule-chapters button").length`)
	if chapters != 2 {
		t.Errorf("%d chapters", chapters)
	}
	eval[bool](p, `(document.querySelector(".capsule-chapters li:last-child button").click(), true)`)
	p.sees("this is the orbit")
	p.until("picture and clock in step", fmt.Sprintf(`((v) => v && Math.abs(%s - Number(v.dataset.start) - v.currentTime * 1000) < 200)(%s)`, at, video))
	eval[bool](p, `(() => { const s = document.querySelector(".capsule-controls select"); s.value = "2"; s.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`)
	eval[bool](p, `(document.querySelector(".capsule-chapters li:first-child button").click(), true)`)
	p.until("no chat before it was said", `!document.body.innerText.includes("this is the orbit")`)
	p.press(l.say("capsule.play"))
	p.until("a picture that goes twice as fast", `[...document.querySelectorAll(".capsule-part video")].some((v) => v.playbackRate > 1.8)`)
	p.axe("a recorded lesson")
	p.noFaults()
}
