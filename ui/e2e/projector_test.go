package e2e

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// projectors are the screen sizes of the tests.
var projectors = [][2]int64{{1024, 768}, {1366, 768}, {1920, 1080}, {3840, 2160}}

// seen is a function of the page that lists its faults by rules.
//
//go:embed testdata/seen.js
var seen string

// least is the smallest text that people in the last row can read, in parts of the screen's height.
const least = 0.022

// title is nearly as long as a lesson title may be.
const title = "Photosynthese: aus Licht und Kohlenstoffdioxid wird Zucker"

// stage is a lesson, its teacher and its projector page.
type stage struct {
	t      *testing.T
	box    *boxtest.Box
	ada    *boxtest.Person
	teach  *wiretest.Member
	lesson boxtest.Lesson
	people []*boxtest.Person // the pupils who joined
	screen *page
	desk   *page // the console; nil: the test looks at the projector only
	pupil  *page // the page of the first pupil; the same
	round  int
	sent   int
	lang   string
	sheet  sheet
}

// newStage opens a lesson of so many pupils.
func newStage(t *testing.T, pupils int) *stage {
	t.Helper()
	box := boxtest.Start(t, t.TempDir())
	s := &stage{t: t, box: box, ada: box.ClaimBox("Ada")}
	s.lesson = s.ada.OpenLesson(s.ada.AddClass("7B", pupils), title)
	s.teach = s.ada.NewMember(s.lesson.Room)
	if _, err := s.teach.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.teach.Drop)
	s.screen = newPage(t, laptop)
	s.screen.as("http://"+box.HTTP, s.ada)
	s.open("en")
	return s
}

// open opens the projector page in a language.
func (s *stage) open(lang string) {
	s.t.Helper()
	home := "http://" + s.box.HTTP
	s.lang = lang
	s.screen.speak(home, lang)
	s.screen.open(home + "/screen/" + s.lesson.Room)
	s.screen.until("the page", `document.querySelector("[data-stage]")`)
	for p, path := range map[*page]string{s.desk: "/teach/" + s.lesson.Room, s.pupil: "/lesson"} {
		if p != nil {
			p.speak(home, lang)
			p.open(home + path)
		}
	}
}

// openAll opens the console and the page of the first pupil too.
func (s *stage) openAll(lang string) {
	s.t.Helper()
	home := "http://" + s.box.HTTP
	s.desk, s.pupil = newPage(s.t, laptop), newPage(s.t, phone)
	s.desk.as(home, s.ada)
	s.pupil.as(home, s.people[0])
	s.open(lang)
}

// do sends a command of a member.
func (s *stage) do(m *wiretest.Member, name string, payload map[string]any) {
	s.t.Helper()
	s.sent++
	command := wiretest.Command{ID: fmt.Sprint("stage", s.sent), Name: name, Payload: payload}
	_, err := m.SendCommand(command)
	if err != nil { // a member that was silent for long is dropped
		if _, err = m.Connect(); err == nil {
			_, err = m.SendCommand(command)
		}
	}
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
}

// resize sets the window size and waits until the page has followed.
func (s *stage) resize(size [2]int64) {
	s.t.Helper()
	s.screen.do(chromedp.EmulateViewport(size[0], size[1]))
	s.screen.until("the page in its new size", fmt.Sprintf(`innerWidth === %d && [...document.images].every((i) => i.complete)`, size[0]))
	evalJS[bool](s.screen, `new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))`)
}

// look checks the page at every size. what is the name of the sheet, and of the state after a space.
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
		for _, size := range projectors {
			s.resize(size)
			for _, fault := range s.faults(least) {
				s.t.Errorf("%s at %d by %d in %s: %s", name, size[0], size[1], s.lang, fault)
			}
			s.shoot(name, size)
		}
	}
	evalJS[bool](s.screen, `(document.documentElement.dataset.theme = "`+was+`", true)`)
}

// whole reports whether the tests look at every size, theme and language, and write pictures. It takes
// half an hour. Without it they look at what is hardest to fit.
func whole() bool { return os.Getenv("LIVELEARN_PICTURES") != "" }

// themes are those to look at. An empty one is the page's own.
func themes() []string {
	if whole() {
		return []string{"light", "dark"}
	}
	return []string{""}
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

// faults lists what an eye would find wrong.
func (s *stage) faults(least float64) []string {
	s.t.Helper()
	return evalJS[[]string](s.screen, fmt.Sprintf("(%s)(%g)", seen, least))
}

// bring loads questions into the lesson and returns their ids.
func (s *stage) bring(list []asking) []string {
	s.t.Helper()
	var quiz struct {
		ID    string
		Items []struct{ ID string }
	}
	items := []map[string]any{}
	for _, q := range list {
		if image, ok := q.item["image"].(fields); ok {
			s.upload(image)
		}
		items = append(items, q.item)
	}
	if _, err := s.ada.CallAPI("POST", "/api/quizzes", map[string]any{"title": "Plants", "items": items}, &quiz); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/quiz", map[string]string{"quiz": quiz.ID}, nil); err != nil {
		s.t.Fatal(err)
	}
	var ids []string
	for _, it := range quiz.Items {
		ids = append(ids, it.ID)
	}
	return ids
}

// ask opens a question and checks the page, and checks again after the reveal.
func (s *stage) ask(q asking, id string, answers func()) {
	s.t.Helper()
	s.round++
	s.do(s.teach, "quiz.open", map[string]any{"items": []string{id}})
	s.screen.until("the question", `document.querySelector("[data-state=open] [data-stem]")?.textContent === `+quote(fmt.Sprint(q.item["text"])))
	s.look(q.name+" open", q.least)
	usual := !strings.Contains(q.name, "-") // the hard forms are for the projector
	if usual {
		s.lookAround(q, "open")
	}
	if q.item["kind"] == "match" {
		s.bothSides(q)
	}
	if answers != nil {
		answers()
	}
	if usual {
		s.do(s.teach, "quiz.lock", map[string]any{"round": s.round})
		s.screen.until("the lock", `document.querySelector("[data-state=locked]")`)
		s.look(q.name+" closed", q.least)
		s.lookAround(q, "locked")
	}
	s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
	s.screen.until("the reveal", `document.querySelector("[data-state=revealed]")`)
	s.look(q.name+" revealed", q.least)
	if usual {
		s.lookAround(q, "revealed")
	}
	if q.item["kind"] == "match" {
		s.bothSides(q)
	}
	if usual && whole() {
		s.do(s.teach, "quiz.rank", map[string]any{"on": true})
		s.screen.until("the leaderboard", `document.querySelector("[data-stage=ranking]")`)
		s.look(q.name+" leaderboard", least)
		s.do(s.teach, "quiz.rank", map[string]any{"on": false})
	}
}

// bothSides checks that a match shows each text of each side once.
func (s *stage) bothSides(q asking) {
	s.t.Helper()
	shown := "\n" + evalJS[string](s.screen, `[...document.querySelectorAll("[data-option] bdi, [data-choice] bdi")].map((e) => e.textContent).join("\n")`) + "\n"
	for _, side := range []string{"options", "choices"} {
		for _, o := range q.item[side].([]map[string]string) {
			if n := strings.Count(shown, "\n"+o["text"]+"\n"); n < 1 {
				s.t.Errorf("%s: %q of the %s is not there", q.name, o["text"], side)
			}
		}
	}
}

// TestEveryQuestionFitsTheProjector asks questions of each kind, with some that are hard to show,
// and checks each at every size.
func TestEveryQuestionFitsTheProjector(t *testing.T) {
	s := newStage(t, 18)
	s.look("lobby empty", least)
	list := questions()
	ids := s.bring(list)
	pupils := s.pupils()
	s.screen.until("the names", `document.querySelector("[data-here='18']")`)
	s.look("lobby full", least)
	s.openAll("en")
	for i, q := range list {
		s.ask(q, ids[i], s.answers(q, ids[i], pupils, 0))
		if q.name == "open" {
			s.showWords(ids[i])
		}
	}
	if !whole() {
		s.desk, s.pupil = nil, nil // TestAPupilsLessonLooksRight and TestTheConsoleIsWhole see them in Arabic
	}
	s.open("ar")
	for i, q := range list {
		if q.again || whole() {
			s.ask(q, ids[i], s.answers(q, ids[i], pupils, 5))
		}
	}
	s.do(s.teach, "quiz.close", map[string]any{"round": s.round})
	s.screen.until("the lobby again", `document.querySelector("[data-here]")`)
	s.look("lobby full", least)
	s.screen.noFaults()
}

// answers makes five pupils answer, from one on. A text and a drawing of that one get a star.
func (s *stage) answers(q asking, id string, pupils []*wiretest.Member, from int) func() {
	if response(q, 0) == nil {
		return nil
	}
	return func() {
		for n, m := range pupils[from : from+5] {
			s.do(m, "quiz.answer", map[string]any{"round": s.round, "item": id, "response": response(q, n)})
		}
		if kind := q.item["kind"]; (kind == "text" && q.name != "open") || kind == "draw" {
			s.do(s.teach, "quiz.star", map[string]any{"round": s.round, "item": id, "user": s.lesson.Names[from].ID, "on": true})
		}
	}
}

// pupils joins the whole class.
func (s *stage) pupils() []*wiretest.Member {
	s.t.Helper()
	var list []*wiretest.Member
	for _, name := range s.lesson.Names {
		who := s.box.JoinLesson(s.lesson, name.ID)
		s.people = append(s.people, who)
		m := who.NewMember(s.lesson.Room)
		if _, err := m.Connect(); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(m.Drop)
		list = append(list, m)
	}
	return list
}

// TestTheLeaderboardSharesPlaces has 18 pupils with equal answers, then some with better ones.
func TestTheLeaderboardSharesPlaces(t *testing.T) {
	s := newStage(t, 18)
	ids := s.bring(questions()[:2])
	pupils := s.pupils()
	answer := func(item string, who []*wiretest.Member, options ...string) {
		t.Helper()
		s.round++
		s.do(s.teach, "quiz.open", map[string]any{"items": []string{item}})
		for _, m := range who {
			s.do(m, "quiz.answer", map[string]any{"round": s.round, "item": item, "response": map[string]any{"options": options}})
		}
		s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
		s.do(s.teach, "quiz.rank", map[string]any{"on": true})
		s.screen.until("the leaderboard", `document.querySelector("[data-place]")`)
	}
	board := func() []string {
		t.Helper()
		return evalJS[[]string](s.screen, `[...document.querySelectorAll("[data-place]")].map((e) => e.dataset.place + ": " + e.innerText.replace(/\s+/g, " ").trim())`)
	}
	answer(ids[0], pupils, "c")
	s.look("leaderboard all", least)
	if got := board(); len(got) != 1 || got[0] != "1: 1 18 pupils share this place 1 point" {
		t.Errorf("18 equals are %q", got)
	}
	answer(ids[1], pupils[:2], "a", "c", "e")
	s.look("leaderboard two", least)
	if got := board(); len(got) != 2 || got[0] != "1: Pupil A1 Pupil B2 1 3 points" || got[1] != "3: 16 pupils share this place 3 1 point" {
		t.Errorf("two ahead of 16 are %q", got)
	}
	if n := evalJS[int](s.screen, `document.querySelectorAll("[data-ornament] i").length`); n == 0 {
		t.Error("no confetti at the podium")
	}
	s.screen.press(loadWords(t, "en")("screen.theme"))
	s.screen.until("the dark", `document.documentElement.dataset.theme === "dark"`)
	s.look("leaderboard dark", least)
	s.open("ar")
	s.screen.until("the podium", `document.documentElement.dataset.theme === "dark" && document.querySelector("[data-place]")`)
	s.look("leaderboard two", least)
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}
	s.screen.until("the end card", `document.querySelector("[data-stage=ended]")`)
	s.look("end", least)
}

// TestTheNextLessonAsksForItsOwnCode ends a lesson under a projector and starts the next one.
func TestTheNextLessonAsksForItsOwnCode(t *testing.T) {
	s := newStage(t, 18)
	s.screen.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}) // like after a long lesson
		return err
	}))
	s.screen.until("the QR code", `document.querySelector("[data-qr]")?.naturalWidth`)
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}
	s.screen.until("the end", `document.querySelector("[data-stage=ended]")`)
	next := s.ada.OpenLesson(s.lesson.Room, "Animals")
	s.screen.until("the next QR code", `document.querySelector("[data-qr][src*=`+next.ID+`]")?.naturalWidth`)
	codes := `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/qr.svg"))`
	if n := evalJS[int](s.screen, codes+`.length`); n < 2 {
		t.Errorf("%d codes were asked for", n)
	}
	if bad := evalJS[[]string](s.screen, codes+`.filter((e) => e.responseStatus !== 200).map((e) => e.responseStatus + " " + e.name)`); len(bad) > 0 {
		t.Errorf("refused: %q", bad)
	}
}

// grayPage is a gray picture with a black square around (0.2, 0.3) and (0.8, 0.7).
func grayPage(size image.Point) image.Image {
	img := image.NewGray(image.Rectangle{Max: size})
	draw.Draw(img, img.Bounds(), image.NewUniform(color.Gray{220}), image.Point{}, draw.Src)
	for _, at := range []image.Point{{size.X / 5, size.Y * 3 / 10}, {size.X * 4 / 5, size.Y * 7 / 10}} {
		draw.Draw(img, image.Rect(-20, -20, 20, 20).Add(at), image.Black, image.Point{}, draw.Src)
	}
	return img
}

// upload sends the file of a question's picture to the box, and sets what the box answers.
func (s *stage) upload(of fields) {
	s.t.Helper()
	var body bytes.Buffer
	err := png.Encode(&body, grayPage(image.Pt(of["w"].(int), of["h"].(int))))
	var got struct {
		ID   string
		W, H int
	}
	if err == nil {
		err = json.Unmarshal(s.post("/api/images", "application/octet-stream", &body), &got)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	of["id"], of["w"], of["h"] = got.ID, got.W, got.H
}

// post sends a file as the teacher.
func (s *stage) post(path, kind string, body io.Reader) []byte {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", "http://"+s.box.HTTP+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Cookie", s.ada.Cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("%s: %s %s %v", path, resp.Status, answer, err)
	}
	return answer
}

// deck makes a deck of pictures with a black square around (0.2, 0.3) and (0.8, 0.7).
func (s *stage) deck(sizes ...image.Point) string {
	s.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, size := range sizes {
		part, err := w.CreateFormFile("file", "page.png")
		if err == nil {
			err = png.Encode(part, grayPage(size))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.post("/api/decks?title=Pages", w.FormDataContentType(), &form)
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); {
		var decks []struct{ ID, Title, State string }
		if _, err := s.ada.CallAPI("GET", "/api/decks", nil, &decks); err != nil {
			s.t.Fatal(err)
		}
		for _, d := range decks {
			if d.Title == "Pages" && d.State == "ready" {
				return d.ID
			}
		}
		time.Sleep(100 * time.Millisecond) // a separate process runs the deck's job
	}
	s.t.Fatal("the deck is not ready")
	return ""
}

// landing is the distance in pixels of the line's ends on a page from (0.2, 0.3) and (0.8, 0.7) of
// the shown picture.
const landing = `(() => {
  const line = document.querySelector("[data-part=ink] line"), r = document.querySelector("[data-part=page]").getBoundingClientRect(), m = line.getScreenCTM();
  const off = (x, y, wx, wy) => { const p = new DOMPoint(x, y).matrixTransform(m); return Math.hypot(p.x - r.left - wx * r.width, p.y - r.top - wy * r.height); };
  return Math.max(off(line.x1.baseVal.value, line.y1.baseVal.value, 0.2, 0.3), off(line.x2.baseVal.value, line.y2.baseVal.value, 0.8, 0.7));
})()`

// TestInkLandsWhereItWasDrawn draws with a pointer on the console, on pages of several shapes and
// on a whiteboard, and checks the ink on the projector.
func TestInkLandsWhereItWasDrawn(t *testing.T) {
	say := loadWords(t, "en")
	s := newStage(t, 18)
	deck := s.deck(image.Pt(1600, 900), image.Pt(900, 1200), image.Pt(1500, 400), image.Pt(1200, 900))
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/deck", map[string]string{"deck": deck}, nil); err != nil {
		t.Fatal(err)
	}
	console := newPage(t, laptop)
	console.as("http://"+s.box.HTTP, s.ada)
	console.speak("http://"+s.box.HTTP, "en")
	console.open("http://" + s.box.HTTP + "/teach/" + s.lesson.Room)
	pupil := newPage(t, phone)
	pupil.as("http://"+s.box.HTTP, s.box.JoinLesson(s.lesson, s.lesson.Names[0].ID))
	pupil.open("http://" + s.box.HTTP + "/lesson")
	for i, surface := range []string{"d:" + deck + ":0", "d:" + deck + ":1", "d:" + deck + ":2", "d:" + deck + ":3", "w:1"} {
		s.do(s.teach, "board.show", map[string]any{"surface": surface})
		console.until("the surface without ink", `document.querySelector("[data-part=draw] [data-part=page]") && !document.querySelector("[data-part=draw] line")`)
		if surface != "w:1" {
			console.until("the picture", fmt.Sprintf(`document.querySelector("[data-part=draw] img")?.naturalWidth && document.querySelectorAll("[data-part=thumbs] button")[%d].ariaPressed === "true"`, i))
		}
		console.press(say("board.tool.line"))
		evalJS[bool](console, `(() => {
		  const e = document.querySelector("[data-part=draw]"), r = document.querySelector("[data-part=draw] [data-part=page]").getBoundingClientRect();
		  const at = (type, x, y) => e.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, pressure: 0.5, clientX: r.left + x * r.width, clientY: r.top + y * r.height }));
		  e.setPointerCapture = () => {};
		  at("pointerdown", 0.2, 0.3);
		  at("pointermove", 0.8, 0.7);
		  at("pointerup", 0.8, 0.7);
		  return true;
		})()`)
		for name, p := range map[string]*page{"screen": s.screen, "console": console, "pupil": pupil} {
			p.until("the line", fmt.Sprintf(`document.querySelectorAll("[data-part=ink] line").length === 1 && (!document.querySelector("[data-part=surface] img") === %t)`, surface == "w:1"))
			if off := evalJS[float64](p, landing); off > 2 {
				t.Errorf("the ink on page %d of the %s is %.1f px away", i+1, name, off)
			}
		}
		if wide := evalJS[float64](pupil, `((e) => e ? e.clientWidth / e.clientHeight / (e.naturalWidth / e.naturalHeight) : 1)(document.querySelector("img[data-part=page]"))`); wide < 0.98 || wide > 1.02 {
			t.Errorf("page %d is squashed to %.2f for a pupil", i+1, wide)
		}
		for _, size := range projectors {
			s.resize(size)
			if off := evalJS[float64](s.screen, landing); off > 2 {
				t.Errorf("the ink on page %d is %.1f px away at %d by %d", i+1, off, size[0], size[1])
			}
		}
		s.look(fmt.Sprintf("slide %d", i+1), least)
	}
	s.screen.noFaults()
}
