package scenario

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// pairBoxes starts two programs of one school with a connection between them. listenB is the setting
// with which the second one starts again.
func pairBoxes(t *testing.T) (a, b *boxtest.Box, listenB string) {
	t.Helper()
	a = boxtest.Start(t, t.TempDir(), "--set", "mesh.listen="+freeAddr(t))
	listenB = "mesh.listen=" + freeAddr(t)
	b = boxtest.Start(t, t.TempDir(), "--set", listenB)
	pairTwo(t, a, b)
	return a, b, listenB
}

func pairTwo(t *testing.T, a, b *boxtest.Box) {
	t.Helper()
	code, err := call[string](t, a, "POST", "/boxes/code", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call[[]link.Box](t, b, "POST", "/boxes/join", control.JoinRequest{Address: a.HTTPS, Code: code}); err != nil {
		t.Fatal(err)
	}
	waitLinked(t, a, b)
}

func waitLinked(t *testing.T, boxes ...*boxtest.Box) {
	t.Helper()
	for _, x := range boxes {
		timetest.WaitUntil(t, "the link", func() bool { linked, _ := linkedTo(t, x); return linked == 1 })
	}
}

// joinAt has a pupil type the code of a lesson at a box, choose a name and open the lesson.
func joinAt(t *testing.T, b *boxtest.Box, l boxtest.Lesson, pupil string) *boxtest.Person {
	t.Helper()
	p := &boxtest.Person{Box: b, User: pupil}
	var look struct {
		Lesson struct{ Title string }
		Names  []boxtest.Name
	}
	if _, err := p.CallAPI("POST", "/api/join/look", map[string]string{"code": l.Code}, &look); err != nil {
		t.Fatal(err)
	}
	if look.Lesson.Title == "" || len(look.Names) != len(l.Names) {
		t.Fatalf("the code at the other box shows %+v", look)
	}
	if _, err := p.CallAPI("POST", "/api/join", map[string]string{"code": l.Code, "pupil": pupil}, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func connect(t *testing.T, p *boxtest.Person, room string) *wiretest.Member {
	t.Helper()
	m := p.NewMember(room)
	if _, err := m.Connect(); err != nil {
		t.Fatalf("%s at %s: %v", p.User, p.Box.HTTP, err)
	}
	t.Cleanup(m.Drop)
	return m
}

func mustSend(t *testing.T, m *wiretest.Member, id, name string, payload map[string]any) {
	t.Helper()
	if b, err := m.SendCommand(wiretest.Command{ID: id, Name: name, Payload: payload}); err != nil || !b.Saved {
		t.Fatalf("%s is answered by %+v, %v", name, b, err)
	}
}

func waitKinds(t *testing.T, who string, m *wiretest.Member, kinds ...string) {
	t.Helper()
	timetest.WaitUntil(t, who+" to see "+strings.Join(kinds, ", "), func() bool {
		seen := []string{}
		for _, e := range m.SeenEvents() {
			seen = append(seen, e.Kind)
		}
		for _, k := range kinds {
			i := slices.Index(seen, k)
			if i < 0 {
				return false
			}
			seen = slices.Delete(seen, i, i+1)
		}
		return true
	})
}

// TestALessonIsHeldAtAnotherBox drives two programs. The lesson is box A's. A pupil types its code at box B
// and has all of it there, and so has the teacher who signs in at box B.
func TestALessonIsHeldAtAnotherBox(t *testing.T) {
	a, b, listenB := pairBoxes(t)
	ada := a.ClaimBox("Ada")
	b.ClaimBox("Bea")
	l := ada.OpenLesson(ada.AddClass("7b", 3), "Algebra")
	teacher := connect(t, ada, l.Room)
	cleo, dan := joinAt(t, b, l, l.Names[0].ID), a.JoinLesson(l, l.Names[1].ID)
	there, here := connect(t, cleo, l.Room), connect(t, dan, l.Room)
	t.Run("chat, hands, presence", func(t *testing.T) {
		mustSend(t, there, "c1", "chat.say", map[string]any{"text": "hello from B", "to": "all"})
		mustSend(t, here, "c2", "chat.say", map[string]any{"text": "hello from A", "to": "all"})
		mustSend(t, there, "c3", "hand.raise", nil)
		for who, m := range map[string]*wiretest.Member{"the teacher": teacher, "the pupil at B": there} {
			waitKinds(t, who, m, "chat.said", "chat.said", "hand.raised")
			timetest.WaitUntil(t, who+" to see all", func() bool { return len(m.PresentCounts()) == 3 })
		}
	})
	t.Run("pages", func(t *testing.T) { checkPagesAtOtherBox(t, ada, cleo, l) })
	t.Run("quiz", func(t *testing.T) { answerAtOtherBox(t, ada, teacher, there, l) })
	t.Run("board and locks", func(t *testing.T) { drawAtOtherBox(t, teacher, there) })
	t.Run("the teacher", func(t *testing.T) { teachAtOtherBox(t, a, b, l, here) })
	t.Run("line", func(t *testing.T) { there = cutAndReturn(t, a, b, listenB, cleo, teacher, there, l) })
	t.Cleanup(there.Drop)
	t.Run("removal", func(t *testing.T) { removeAtOtherBox(t, ada, teacher, there, cleo, l) })
	for who, m := range map[string]*wiretest.Member{"teacher": teacher, "here": here, "there": there} {
		if f := m.Faults(); len(f) > 0 {
			t.Errorf("%s: against the protocol: %v", who, f)
		}
	}
}

// checkPagesAtOtherBox reads what the pages of a lesson read, at the other box.
func checkPagesAtOtherBox(t *testing.T, ada, cleo *boxtest.Person, l boxtest.Lesson) {
	var state struct {
		Me   struct{ Role, User string }
		Room string
	}
	if _, err := cleo.CallAPI("GET", "/api/state", nil, &state); err != nil || state.Me.User != cleo.User || state.Me.Role != "pupil" || state.Room != l.Room {
		t.Errorf("the page is told %+v, %v", state, err)
	}
	var info struct {
		Lesson struct{ Title, Code string }
		People []any
	}
	if _, err := cleo.CallAPI("GET", "/api/lesson", nil, &info); err != nil || info.Lesson.Title != "Algebra" || info.Lesson.Code != "" || len(info.People) < 3 {
		t.Errorf("the lesson is %+v, %v", info, err)
	}
	var look struct{ Lesson struct{ Title string } }
	by := &boxtest.Person{Box: cleo.Box}
	if _, err := by.CallAPI("POST", "/api/join/look", map[string]string{"key": l.Key}, &look); err != nil || look.Lesson.Title != "Algebra" {
		t.Errorf("the link of the lesson at the other box shows %+v, %v", look, err)
	}
	var decks []struct {
		ID    string
		Pages []struct{ Key string }
	}
	if _, err := ada.CallAPI("GET", "/api/decks", nil, &decks); err != nil || len(decks) == 0 {
		t.Fatalf("decks: %v, %v", decks, err)
	}
	var d struct{ Pages []struct{ Key string } }
	if _, err := ada.CallAPI("GET", "/api/decks/"+decks[0].ID, nil, &d); err != nil || len(d.Pages) == 0 {
		t.Fatalf("the deck: %+v, %v", d, err)
	}
	page := fmt.Sprintf("/slides/%s/%s-640.png", decks[0].ID, d.Pages[0].Key)
	if code, err := cleo.CallAPI("GET", page, nil, new(any)); code != http.StatusOK {
		t.Errorf("a slide: %d, %v", code, err)
	}
	for path, want := range map[string]int{"/api/classes": http.StatusForbidden, "/api/staff": http.StatusForbidden, "/api/boxes/caller": http.StatusNotFound} {
		if code, _ := cleo.CallAPI("GET", path, nil, new(any)); code != want {
			t.Errorf("%s for a pupil at the other box: %d, want %d", path, code, want)
		}
	}
}

// answerAtOtherBox asks a question at A and answers it at B.
func answerAtOtherBox(t *testing.T, ada *boxtest.Person, teacher, there *wiretest.Member, l boxtest.Lesson) {
	var list []struct{ ID string }
	if _, err := ada.CallAPI("GET", "/api/quizzes", nil, &list); err != nil || len(list) == 0 {
		t.Fatalf("quizzes: %v, %v", list, err)
	}
	var quiz struct {
		ID, Title string
		Items     []struct {
			ID, Kind string
			Options  []struct{ ID string }
		}
	}
	if _, err := ada.CallAPI("GET", "/api/quizzes/"+list[0].ID, nil, &quiz); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(quiz.Items, func(i struct {
		ID, Kind string
		Options  []struct{ ID string }
	},
	) bool {
		return i.Kind == "single"
	})
	if _, err := ada.CallAPI("POST", "/api/lessons/"+l.ID+"/quiz", map[string]string{"quiz": quiz.ID}, nil); err != nil || at < 0 {
		t.Fatalf("question %d: %v", at, err)
	}
	item := quiz.Items[at]
	mustSend(t, teacher, "q1", "quiz.open", map[string]any{"items": []string{item.ID}})
	waitKinds(t, "the pupil at B", there, "quiz.opened")
	mustSend(t, there, "q2", "quiz.answer", map[string]any{"round": 1, "item": item.ID, "response": map[string]any{"options": []string{item.Options[0].ID}}})
	mustSend(t, teacher, "q3", "quiz.lock", map[string]any{"round": 1})
	mustSend(t, teacher, "q4", "quiz.reveal", map[string]any{"round": 1})
	waitKinds(t, "the pupil at B", there, "quiz.answered", "quiz.revealed")
	waitKinds(t, "the teacher", teacher, "quiz.answered")
}

// drawAtOtherBox draws on the board, and locks the chat.
func drawAtOtherBox(t *testing.T, teacher, there *wiretest.Member) {
	mustSend(t, teacher, "b0", "board.show", map[string]any{"surface": "w:1"})
	mustSend(t, teacher, "b1", "board.draw", map[string]any{"surface": "w:1", "stroke": map[string]any{
		"id": "s1", "tool": "pen", "color": 1, "size": 3, "points": "2bc 1jk 1e 5 5 0",
	}})
	waitKinds(t, "the pupil at B", there, "board.shown", "board.drawn")
	mustSend(t, teacher, "k1", "room.lock", map[string]any{"what": "chat", "on": true})
	waitKinds(t, "the pupil at B", there, "room.locked")
	if body, err := there.SendCommand(wiretest.Command{ID: "k2", Name: "chat.say", Payload: map[string]any{"text": "?", "to": "all"}}); err == nil || body.Code != "locked" {
		t.Errorf("a locked chat answers %+v, %v", body, err)
	}
	mustSend(t, teacher, "k3", "room.lock", map[string]any{"what": "chat", "on": false})
	waitKinds(t, "the pupil at B", there, "room.locked", "room.locked")
}

// teachAtOtherBox signs the teacher of A in at B, where no account has that name.
func teachAtOtherBox(t *testing.T, a, b *boxtest.Box, l boxtest.Lesson, here *wiretest.Member) {
	p := &boxtest.Person{Box: b}
	login := map[string]string{"name": "Ada", "pin": boxtest.PIN}
	if code, _ := p.CallAPI("POST", "/api/login", login, nil); code != http.StatusForbidden {
		t.Errorf("the teacher of A signs in at B without saying so: %d", code)
	}
	var door struct{ Boxes []struct{ ID, Name string } }
	if _, err := p.CallAPI("GET", "/api/door", nil, &door); err != nil || len(door.Boxes) != 1 {
		t.Fatalf("boxes: %+v, %v", door, err)
	}
	if _, err := p.CallAPI("POST", "/api/door", map[string]string{"box": door.Boxes[0].ID}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.CallAPI("POST", "/api/login", login, nil); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.CallAPI("GET", "/api/staff", nil, new(any)); code != http.StatusForbidden {
		t.Errorf("an admin at another box: %d", code)
	}
	m := connect(t, p, l.Room)
	mustSend(t, m, "t1", "chat.say", map[string]any{"text": "from the hall", "to": "all"})
	mustSend(t, m, "t2", "room.lock", map[string]any{"what": "raise", "on": true})
	waitKinds(t, "the pupil at A", here, "room.locked")
	screen := p.NewMember(l.Room)
	screen.As = "screen"
	if _, err := screen.Connect(); err != nil {
		t.Errorf("the projector at B: %v", err)
	}
	screen.Drop()
	if _, err := p.CallAPI("POST", "/api/logout", nil, nil); err != nil {
		t.Error(err)
	}
	timetest.WaitUntil(t, "the socket of who signed out to close", func() bool { code, _ := m.CurrentConn().CloseReason(); return code == 4001 })
	if a.HTTP == b.HTTP {
		t.Error("both boxes are one")
	}
}

// cutAndReturn kills box B and starts it again. The pupil there resumes by sequence, and what was not
// acknowledged is saved once.
func cutAndReturn(t *testing.T, a, b *boxtest.Box, listenB string, cleo *boxtest.Person, teacher, there *wiretest.Member, l boxtest.Lesson) *wiretest.Member {
	b.Kill()
	mustSend(t, teacher, "r1", "chat.say", map[string]any{"text": "while B is away", "to": "all"})
	b = b.Restart("--set", listenB)
	cleo.Box = b
	waitLinked(t, a, b)
	again := cleo.NewMember(l.Room)
	again.Cookie = cleo.Cookie
	timetest.WaitUntil(t, "the pupil to be back", func() bool { _, err := again.Connect(); return err == nil })
	mustSend(t, again, "r2", "chat.say", map[string]any{"text": "back", "to": "all"})
	mustSend(t, again, "r2", "chat.say", map[string]any{"text": "back", "to": "all"}) // once more: it counts once
	waitKinds(t, "the teacher", teacher, "chat.said")
	n := 0
	for _, e := range teacher.SeenEvents() {
		if e.ID == "r2" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the teacher has seen the command %d times", n)
	}
	return again
}

// TestALessonGoesOnWhenItsBoxIsBack kills the box of a lesson, which a pupil holds at the other box.
func TestALessonGoesOnWhenItsBoxIsBack(t *testing.T) {
	listenA := "mesh.listen=" + freeAddr(t)
	a := boxtest.Start(t, t.TempDir(), "--set", listenA)
	b := boxtest.Start(t, t.TempDir(), "--set", "mesh.listen="+freeAddr(t))
	pairTwo(t, a, b)
	ada := a.ClaimBox("Ada")
	b.ClaimBox("Bea")
	l := ada.OpenLesson(ada.AddClass("7b", 1), "Algebra")
	cleo := joinAt(t, b, l, l.Names[0].ID)
	there := connect(t, cleo, l.Room)
	mustSend(t, there, "c1", "chat.say", map[string]any{"text": "one", "to": "all"})
	a.Kill()
	timetest.WaitUntil(t, "the page to hear of it", func() bool { return there.PhxCount("phx_error") > 0 })
	if body, err := there.Join(); err == nil || body.Code != "box_away" {
		t.Errorf("a page that joins meanwhile: %+v, %v", body, err)
	}
	timetest.WaitUntil(t, "the API to say so", func() bool {
		code, err := cleo.CallAPI("GET", "/api/lesson", nil, nil)
		return code == http.StatusServiceUnavailable && strings.Contains(err.Error(), "box_away")
	})
	a = a.Restart("--set", listenA)
	waitLinked(t, a, b)
	timetest.WaitUntil(t, "the page to be back", func() bool { body, err := there.Join(); return err == nil && len(body.View) == 0 })
	mustSend(t, there, "c1", "chat.say", map[string]any{"text": "one", "to": "all"}) // once more: it counts once
	mustSend(t, there, "c2", "chat.say", map[string]any{"text": "two", "to": "all"})
	waitKinds(t, "the page", there, "chat.said", "chat.said")
	timetest.WaitUntil(t, "the API", func() bool { _, err := cleo.CallAPI("GET", "/api/lesson", nil, nil); return err == nil })
	if n := len(there.SeenEvents()); n != 2 {
		t.Errorf("the page has seen %d events: %+v", n, there.SeenEvents())
	}
}

// removeAtOtherBox removes the pupil at B from the room, lets them in again, and then frees the name.
func removeAtOtherBox(t *testing.T, ada *boxtest.Person, teacher, there *wiretest.Member, cleo *boxtest.Person, l boxtest.Lesson) {
	mustSend(t, teacher, "x1", "room.remove", map[string]any{"user": cleo.User})
	timetest.WaitUntil(t, "the pupil at B to be out", func() bool { return there.PhxCount("phx_close") > 0 })
	if body, err := there.Join(); err == nil || body.Code != "removed" {
		t.Errorf("a removed pupil joins again: %+v, %v", body, err)
	}
	mustSend(t, teacher, "x2", "room.readmit", map[string]any{"user": cleo.User})
	if _, err := there.Join(); err != nil {
		t.Errorf("a pupil who was let in again: %v", err)
	}
	if _, err := ada.CallAPI("POST", "/api/lessons/"+l.ID+"/release", map[string]string{"pupil": cleo.User}, nil); err != nil {
		t.Error(err)
	}
	timetest.WaitUntil(t, "the pupil at B to be signed out", func() bool { code, _ := there.CurrentConn().CloseReason(); return code == 4001 })
	if code, _ := cleo.CallAPI("GET", "/api/lesson", nil, nil); code != http.StatusUnauthorized {
		t.Errorf("a pupil whose name was released reads the lesson: %d", code)
	}
}
