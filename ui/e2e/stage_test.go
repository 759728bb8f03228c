package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

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
	looks  int
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
