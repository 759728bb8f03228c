package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// The test records a lesson with slides and chat, and plays it right after its end. Pictures,
// slides and chat follow one clock, chapters jump, keys drive it, and the speed can be doubled. Then
// it is one file.
func TestARecordedLessonPlaysAtOnce(t *testing.T) {
	l := newLecture(t)
	l.ada.press(l.say("call.record"))
	l.ada.sees(l.say("onair.recorded"))
	m := l.teacher.NewMember(l.lesson.Room)
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	n := 0
	do := func(name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("capsule-", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	do("board.show", map[string]any{"surface": "w:1"})
	time.Sleep(4 * time.Second) // the recording gets longer, here and below
	do("chat.say", map[string]any{"text": "this is the orbit", "to": "all"})
	time.Sleep(2 * time.Second)
	do("chat.say", map[string]any{"text": "$v = \\sqrt{GM/r}$", "to": "all"})
	surface, item := l.addMaterials()
	do("board.show", map[string]any{"surface": surface})
	time.Sleep(4 * time.Second)
	do("quiz.open", map[string]any{"items": []string{item}})
	time.Sleep(2 * time.Second)
	do("quiz.reveal", map[string]any{"round": 1})
	time.Sleep(2 * time.Second)
	l.ada.press(l.say("call.recordOff"))
	if _, err := l.teacher.CallAPI("POST", "/api/lessons/"+l.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}

	p := newPage(t, laptop)
	p.as(l.home("http"), l.teacher)
	p.open(l.home("http") + "/results/" + l.lesson.ID)
	p.press(l.say("results.play"))
	p.until("the player", `document.querySelector("[data-player]")`)
	const (
		video = `[...document.querySelectorAll("figure[data-source]:not([hidden]) video")].at(-1)` // a recording may have several files
		at    = `Number(document.querySelector("[data-player]").dataset.time)`
		state = `document.querySelector("[data-player]").dataset.state`
	)
	p.until("the recording", `[...document.querySelectorAll("figure video")].some((v) => v.videoWidth > 0)`)
	p.key(" ")
	p.until("time to pass", at+` > 3000`)
	p.until("a moving picture", `[...document.querySelectorAll("figure video")].some((v) => v.currentTime > 1)`)
	p.key("k")
	p.until("a pause", state+` === "paused"`)
	evalJS[bool](p, `(window.was = `+at+`, true)`)
	p.key("j")
	p.until("ten seconds less", at+` === Math.max(0, was - 10000)`)
	p.key("l")
	p.until("ten seconds more", at+` >= Math.max(0, was - 10000) + 10000`)
	p.key("n")
	p.key("p")
	p.key("?")
	p.until("the list of keys", `document.querySelector("dialog[open] kbd")`)
	p.axe("the keys of a recorded lesson")
	p.picture("player keys")
	p.key(kb.Escape)

	chapters := evalJS[int](p, `document.querySelectorAll("[data-chapters] button").length`)
	if chapters != 3 {
		t.Errorf("%d chapters", chapters)
	}
	evalJS[bool](p, `(document.querySelector("[data-chapters] li:last-child button").click(), true)`)
	evalJS[bool](p, `(document.querySelector("[role=tab]:last-child").click(), true)`)
	p.sees("this is the orbit")
	p.until("picture and clock in step", fmt.Sprintf(`((v) => v && Math.abs(%s - Number(v.dataset.start) - v.currentTime * 1000) < 200)(%s)`, at, video))
	evalJS[bool](p, `(() => { const s = document.querySelector("[data-player] select"); s.value = "2"; s.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`)
	p.key(kb.Home)
	p.until("no chat before it was said", `!document.body.innerText.includes("this is the orbit")`)
	p.press(l.say("capsule.play"))
	p.until("a picture that goes twice as fast", `[...document.querySelectorAll("figure video")].some((v) => v.playbackRate > 1.8)`)
	p.press(l.say("capsule.pause"))
	p.axe("a recorded lesson")
	p.fits("a recorded lesson")

	p.press(l.say("capsule.download"))
	p.press(l.say("capsule.download.make"))
	p.until("the file", `document.querySelector("[data-film] a")`)
	p.axe("the download of a recorded lesson")
	p.picture("player download")
	checkFilm(t, p, l)
	p.noFaults()
}

// addMaterials puts a deck and a quiz into the lesson. It returns the first page and a question.
func (l *lectureRig) addMaterials() (surface, item string) {
	l.t.Helper()
	var decks []struct{ ID string }
	if _, err := l.teacher.CallAPI("GET", "/api/decks", nil, &decks); err != nil || len(decks) == 0 {
		l.t.Fatalf("%v: %v", decks, err)
	}
	if _, err := l.teacher.CallAPI("POST", "/api/lessons/"+l.lesson.ID+"/deck", map[string]string{"deck": decks[0].ID}, nil); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.teacher.CallAPI("POST", "/api/lessons/"+l.lesson.ID+"/quiz", map[string]string{"quiz": quizOf(l.t, l.teacher)}, nil); err != nil {
		l.t.Fatal(err)
	}
	return "d:" + decks[0].ID + ":0", "q1"
}

// checkFilm downloads the film in the open sheet, decodes all of it, and plays it in the browser.
func checkFilm(t *testing.T, p *page, l *lectureRig) {
	t.Helper()
	href := evalJS[string](p, `document.querySelector("[data-film] a").href`)
	path := filepath.Join(l.box.Dir, "recordings", l.lesson.ID, filepath.Base(href))
	probe, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames,duration:format=duration", "-of", "json", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, probe)
	}
	t.Logf("%s: %s", filepath.Base(path), probe)
	var got struct {
		Streams []struct {
			Codec  string `json:"codec_name"`
			Frames string `json:"nb_read_frames"`
		}
		Format struct{ Duration string }
	}
	if err := json.Unmarshal(probe, &got); err != nil || len(got.Streams) != 2 {
		t.Fatalf("%v: %s", err, probe) // a fault of a frame is in the output as well
	}
	seconds, _ := strconv.ParseFloat(got.Format.Duration, 64)
	frames, _ := strconv.Atoi(got.Streams[0].Frames)
	packets, _ := strconv.Atoi(got.Streams[1].Frames)
	sound, least := float64(packets)*0.02, 0.8 // each packet is 20 ms
	if timetest.IsBusy() {
		least = 0.3 // a browser that gets no processor leaves some out
	}
	if seconds < 8 || frames < int(least*seconds) || sound < least*seconds || sound > seconds+0.5 {
		t.Errorf("%v s, %d pictures, %d packets of sound", seconds, frames, packets)
	}
	evalJS[bool](p, `(() => { const v = document.createElement("video"); v.id = "film"; v.muted = true; v.src = `+quote(href)+`; v.playbackRate = 4; document.querySelector("dialog[open]").append(v); v.play(); return true; })()`)
	p.until("the film to its end", `((v) => v.ended && v.videoWidth > 0 && Math.abs(v.currentTime - `+fmt.Sprint(seconds)+`) < 0.5)(document.getElementById("film"))`)
}
