package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// pastRecording is a lesson that has ended, with files as a recording leaves them.
type pastRecording struct {
	t      *testing.T
	box    *boxtest.Box
	ada    *boxtest.Person
	lesson boxtest.Lesson
	dir    string
	began  int64
}

// makeRecording gives a lesson with a whiteboard, a slide, a question and chat.
func makeRecording(t *testing.T) *pastRecording {
	t.Helper()
	box := boxtest.Start(t, t.TempDir())
	r := &pastRecording{t: t, box: box, ada: box.ClaimBox("Ada"), began: time.Now().UnixMilli()}
	r.lesson = r.ada.OpenLesson(r.ada.AddClass("7B", 4), "Planets")
	r.dir = filepath.Join(box.Dir, "recordings", r.lesson.ID)
	l := &lectureRig{t: t, box: box, teacher: r.ada, lesson: r.lesson}
	m := r.ada.NewMember(r.lesson.Room)
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	n := 0
	do := func(name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("past-", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	surface, item := l.addMaterials()
	do("board.show", map[string]any{"surface": "w:1"})
	do("chat.say", map[string]any{"text": "this is the orbit", "to": "all"})
	time.Sleep(3 * time.Second) // a chapter lasts so long
	do("board.show", map[string]any{"surface": surface})
	do("chat.say", map[string]any{"text": "$v = \\sqrt{GM/r}$", "to": "all"})
	time.Sleep(3 * time.Second) // the second chapter
	do("quiz.open", map[string]any{"items": []string{item}})
	time.Sleep(time.Second) // the question is open for some time
	do("quiz.reveal", map[string]any{"round": 1})
	time.Sleep(time.Second) // and its answer is shown
	if _, err := r.ada.CallAPI("POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// addPart writes a file of the recording: content, or a picture and a sound of ten seconds.
func (r *pastRecording) addPart(name, source, kind string, content []byte) {
	r.t.Helper()
	if err := os.MkdirAll(r.dir, 0o750); err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.dir, name)
	if content == nil {
		args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=10", "-f", "lavfi", "-i", "sine=frequency=440", "-t", "10", "-c:v", "libvpx", "-g", "20", "-c:a", "libopus", path}
		if out, err := exec.CommandContext(r.t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
			r.t.Fatalf("%v: %s", err, out)
		}
	} else if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
	side, err := json.Marshal(map[string]any{"file": name, "user": r.ada.User, "source": source, "type": kind, "began_ms": r.began, "duration_ms": 10000, "width": 640, "height": 360})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path+".json", side, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

const vp8Type = `video/webm; codecs="vp8, opus"`

// playerFits checks the open player by rules and keeps a picture.
func playerFits(p *page, name string, size [2]int64) {
	p.t.Helper()
	if size == laptop {
		p.fits(name)
	} else if wide := evalJS[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		p.t.Errorf("%s: %d px too wide", name, wide)
	}
	if cut := evalJS[[]string](p, cutText); len(cut) > 0 {
		p.t.Errorf("%s: cut: %q", name, cut)
	}
	if evalJS[bool](p, `[...document.querySelectorAll("figure[data-source]:not([hidden]) video")].some((v) => v.getBoundingClientRect().bottom > document.querySelector("[role=group]").getBoundingClientRect().top + 1 && v.getBoundingClientRect().left < document.querySelector("[role=group]").getBoundingClientRect().right && v.getBoundingClientRect().right > document.querySelector("[role=group]").getBoundingClientRect().left + 1)`) {
		p.t.Errorf("%s: a picture lies over the controls", name)
	}
	p.shot(name)
	p.picture(name)
}

// The player at each kind of content, in light, dark and Arabic, on a laptop and a phone, or in one of
// them on each.
func TestTheRecordingPageFits(t *testing.T) {
	installModules(t)
	r := makeRecording(t)
	r.addPart("0-camera.webm", "camera", vp8Type, nil)
	home := "http://" + r.box.HTTP
	for i, at := range []struct {
		size [2]int64
		mode string
	}{{laptop, "light"}, {laptop, "dark"}, {laptop, "ar"}, {phone, "light"}, {phone, "ar"}} {
		if at.size == laptop && !inTurn(3, i) || at.size == phone && !inTurn(2, i) {
			continue
		}
		say := loadWords(t, map[bool]string{true: "ar", false: "en"}[at.mode == "ar"])
		p := newPage(t, at.size)
		p.mode(home, at.mode)
		p.as(home, r.ada)
		p.open(home + "/capsule/" + r.lesson.ID)
		p.theme(at.mode)
		p.until("the player", `[...document.querySelectorAll("figure video")].some((v) => v.videoWidth > 0)`)
		for n, shown := range []string{"page", "page", "question"} {
			p.until("the chapters", `document.querySelector("[data-chapters] button")`)
			evalJS[bool](p, fmt.Sprintf(`(document.querySelectorAll("[data-chapters] button")[%d].click(), true)`, n))
			p.until(shown, `document.querySelector("[data-player]").dataset.shown === "`+shown+`"`)
			name := fmt.Sprintf("player %d %s %d", at.size[0], at.mode, n)
			if n == 1 {
				p.until("the slide", `document.querySelector("[data-part=surface] img")?.naturalWidth > 0`)
			}
			if n == 2 {
				p.key(kb.End)
				p.until("the right answer", `document.querySelector("[data-option][data-right]")`)
				p.until("the seek bar at its end", `((i) => Number(i.value) > Number(i.max) - 200)(document.querySelector("input[type=range]"))`)
				evalJS[bool](p, `(document.querySelector("[role=tab]:last-child").click(), true)`)
				p.until("the formula", `document.querySelector("[data-chat] math")`)
				p.axe(name)
			}
			playerFits(p, name, at.size)
		}
		p.press(say("capsule.download"))
		p.sees(say("capsule.download.make"))
		p.until("a sheet at rest", `document.getAnimations().every((a) => a.playState === "finished")`)
		p.picture(fmt.Sprintf("player %d %s download", at.size[0], at.mode))
		p.noFaults()
	}
}

// The player says what is wrong: no recording, an empty one, a part that does not play, a box that
// does not answer.
func TestTheRecordingPageSaysWhatIsWrong(t *testing.T) {
	installModules(t)
	say := loadWords(t, "en")
	r := makeRecording(t)
	home := "http://" + r.box.HTTP
	p := newPage(t, laptop)
	p.mode(home, "light")
	p.as(home, r.ada)
	p.open(home + "/capsule/" + r.lesson.ID)
	p.sees(say("capsule.none"))
	p.axe("no recording")
	p.picture("player none")

	r.addPart("0-camera.mp4", "camera", `video/mp4; codecs="avc1.42e01f, opus"`, []byte("no video at all"))
	p.open(home + "/capsule/" + r.lesson.ID)
	p.until("the fault", `document.querySelector("[data-fault=unplayable]")`)
	p.sees("Chrome, Edge or Firefox")
	p.axe("a part that does not play")
	p.picture("player unplayable")
	p.press(say("capsule.play"))
	p.until("the slides without their picture", `Number(document.querySelector("[data-player]").dataset.time) > 1500`)
	p.key("k")
	p.press(say("capsule.download"))
	p.press(say("capsule.download.make"))
	p.until("the job's error", `document.querySelector("[data-job=failed] .note.bad")?.innerText.includes(`+quote(say("err.recording_damaged"))+`)`)
	p.axe("a film that cannot be made")
	p.until("a sheet at rest", `document.getAnimations().every((a) => a.playState === "finished")`)
	p.picture("player film failed")

	if err := os.WriteFile(filepath.Join(r.dir, "0-camera.mp4.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.open(home + "/capsule/" + r.lesson.ID)
	p.until("the lesson without media", `document.querySelector("[data-player]")`)
	p.press(say("capsule.download"))
	p.sees(say("capsule.download.none"))
	p.key(kb.Escape)

	evalJS[bool](p, `(window.fetch = () => Promise.reject(new TypeError("away")), true)`)
	p.press(say("capsule.results"))
	p.until("the results", `location.pathname.startsWith("/results/")`)
	evalJS[bool](p, `(history.back(), true)`)
	p.until("the fault", `document.querySelector("[data-player-state=failed]") && document.body.innerText.includes(`+quote(say("retry"))+`)`)
	p.axe("a box that does not answer")
	p.picture("player failed")
}
