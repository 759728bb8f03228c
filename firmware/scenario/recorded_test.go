package scenario

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// recorder runs a lesson that uses every feature. The files of an earlier version are
// what its program wrote during this lesson.
type recorder struct {
	t    *testing.T
	box  *boxtest.Box
	ada  *boxtest.Person
	kept recorded

	lead  *wiretest.Member
	class []*wiretest.Member
	sent  int
}

// recorded identifies the people and the lesson in the files of a version.
type recorded struct {
	Teacher, Pupil session // a session of the earlier version stays signed in
	Lesson, Room   string
}

type session struct{ User, Cookie string }

// quizItems has one question of each kind that is marked, and one that is not.
const quizItems = `[
 {"id":"q1","kind":"single","text":"Which planet is red?","points":1,"options":[{"id":"a","text":"Mars"},{"id":"b","text":"Venus"}],"key":{"weights":{"a":1}}},
 {"id":"q2","kind":"multi","text":"Which are even?","points":2,"options":[{"id":"a","text":"two"},{"id":"b","text":"three"},{"id":"c","text":"four"}],"key":{"weights":{"a":0.5,"b":-1,"c":0.5}}},
 {"id":"q3","kind":"truefalse","text":"The Moon is a star.","points":1,"key":{"weights":{"f":1}}},
 {"id":"q4","kind":"text","text":"The capital of Senegal?","points":1,"key":{"texts":[{"text":"Dakar","weight":1},{"text":"Rufisque","weight":0.5}]}},
 {"id":"q5","kind":"numeric","text":"Six times seven?","points":1,"key":{"numbers":[{"value":42,"tolerance":0,"weight":1}]}},
 {"id":"q6","kind":"order","text":"Smallest first","points":2,"options":[{"id":"a","text":"ant"},{"id":"b","text":"cat"},{"id":"c","text":"cow"}],"key":{"order":["a","b","c"]}},
 {"id":"q7","kind":"match","text":"Match the capital","points":2,"options":[{"id":"a","text":"Peru"},{"id":"b","text":"Kenya"}],"choices":[{"id":"x","text":"Lima"},{"id":"y","text":"Nairobi"}],"key":{"pairs":{"a":"x","b":"y"}}},
 {"id":"q8","kind":"poll","text":"How was it?","points":0,"options":[{"id":"a","text":"Good"},{"id":"b","text":"Hard"}],"key":{}}]`

// quizAnswers are the responses of the two pupils to each question.
var quizAnswers = [][2]string{
	{`{"options":["a"]}`, `{"options":["b"]}`},
	{`{"options":["a","c"]}`, `{"options":["a"]}`},
	{`{"options":["f"]}`, `{"options":["t"]}`},
	{`{"text":"dakar"}`, `{"text":"Rufisque"}`},
	{`{"text":"42"}`, `{"text":"41"}`},
	{`{"order":["a","b","c"]}`, `{"order":["b","a","c"]}`},
	{`{"pairs":{"a":"a","b":"b"}}`, `{"pairs":{"a":"b","b":"a"}}`},
	{`{"options":["a"]}`, `{"options":["b"]}`},
}

// recordLesson runs the lesson on an unclaimed box. The lesson is open at its end, with
// one question open.
func recordLesson(t *testing.T, box *boxtest.Box, claimed func(*boxtest.Person)) recorded {
	t.Helper()
	r := &recorder{t: t, box: box, ada: box.ClaimBox("Ada")}
	claimed(r.ada)
	l := r.ada.OpenLesson(r.ada.AddClass("7B", 3), "Planets")
	r.join(l)
	r.talk(l)
	r.draw(l)
	r.askAll(l)
	return r.kept
}

func (r *recorder) join(l boxtest.Lesson) {
	r.t.Helper()
	r.lead = r.ada.NewMember(l.Room)
	people := []*boxtest.Person{r.box.JoinLesson(l, l.Names[0].ID), r.box.JoinLesson(l, l.Names[1].ID)}
	r.class = []*wiretest.Member{people[0].NewMember(l.Room), people[1].NewMember(l.Room)}
	r.kept = recorded{
		Teacher: session{r.ada.User, r.ada.Cookie}, Pupil: session{people[0].User, people[0].Cookie},
		Lesson: l.ID, Room: l.Room,
	}
	for _, m := range append(r.class, r.lead) {
		if _, err := m.Connect(); err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(m.Drop)
	}
}

func (r *recorder) do(m *wiretest.Member, name string, payload map[string]any) {
	r.t.Helper()
	r.sent++
	if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("c", r.sent), Name: name, Payload: payload}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *recorder) post(path string, in, out any) {
	r.t.Helper()
	if _, err := r.ada.CallAPI("POST", path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

func (r *recorder) talk(l boxtest.Lesson) {
	r.t.Helper()
	ben, cleo := r.class[0], r.class[1]
	r.do(r.lead, "chat.say", map[string]any{"text": "Good morning", "to": "all"})
	r.do(ben, "chat.say", map[string]any{"text": "I am lost", "to": "teacher"})
	r.do(ben, "hand.raise", map[string]any{})
	r.do(cleo, "hand.raise", map[string]any{})
	r.do(ben, "hand.lower", map[string]any{})
	r.do(ben, "tap.set", map[string]any{"tap": "yes"})
	r.do(cleo, "tap.set", map[string]any{"tap": "lost"})
	r.do(r.lead, "room.lock", map[string]any{"what": "react", "on": true})
	r.do(r.lead, "room.mute", map[string]any{"user": l.Names[1].ID, "on": true})
	r.do(cleo, "call.place", map[string]any{"place": "remote"})
	r.do(r.lead, "call.invite", map[string]any{"user": l.Names[1].ID, "sources": []string{"camera", "microphone"}})
	r.do(r.lead, "call.mute", map[string]any{"user": l.Names[1].ID, "source": "microphone", "on": true})
}

func (r *recorder) draw(l boxtest.Lesson) {
	r.t.Helper()
	var decks []struct{ ID string }
	if _, err := r.ada.CallAPI("GET", "/api/decks", nil, &decks); err != nil || len(decks) != 1 {
		r.t.Fatalf("the sample deck: %v: %v", decks, err)
	}
	r.post("/api/lessons/"+l.ID+"/deck", map[string]string{"deck": decks[0].ID}, nil)
	page := "d:" + decks[0].ID + ":1"
	r.do(r.lead, "board.show", map[string]any{"surface": page})
	for _, id := range []string{"s1", "s2"} {
		r.do(r.lead, "board.draw", map[string]any{"surface": page, "stroke": map[string]any{
			"id": id, "tool": "ellipse", "color": 1, "size": 5, "points": "2bc 1jk 1e 1jk 1jk 0",
		}})
	}
	r.do(r.lead, "board.undo", map[string]any{"surface": page})
	r.do(r.lead, "board.follow", map[string]any{"on": false})
	r.do(r.lead, "board.show", map[string]any{"surface": "w:1"})
	r.do(r.lead, "board.draw", map[string]any{"surface": "w:1", "stroke": map[string]any{
		"id": "s3", "tool": "pen", "color": 2, "size": 3, "points": "2bc 1jk 1e 5 5 0 5 5 0",
	}})
	r.do(r.lead, "board.clear", map[string]any{"surface": "w:1"})
	r.do(r.lead, "board.show", map[string]any{"surface": page})
}

// askAll asks every question, reveals each but the last, and leaves that one open.
func (r *recorder) askAll(l boxtest.Lesson) {
	r.t.Helper()
	var quiz struct{ ID string }
	r.post("/api/quizzes", map[string]any{"title": "All kinds", "items": json.RawMessage(quizItems)}, &quiz)
	r.post("/api/lessons/"+l.ID+"/quiz", map[string]string{"quiz": quiz.ID}, nil)
	r.do(r.lead, "quiz.allow", map[string]any{"user": l.Names[1].ID, "factor": 1.5})
	for i, pair := range quizAnswers {
		round, id := i+1, fmt.Sprint("q", i+1)
		r.do(r.lead, "quiz.open", map[string]any{"items": []string{id}})
		for j, m := range r.class {
			r.do(m, "quiz.answer", map[string]any{"round": round, "item": id, "response": json.RawMessage(pair[j])})
		}
		if i == len(quizAnswers)-1 {
			return
		}
		r.do(r.lead, "quiz.lock", map[string]any{"round": round})
		r.do(r.lead, "quiz.reveal", map[string]any{"round": round})
		if i == 3 {
			r.do(r.lead, "quiz.star", map[string]any{"round": round, "item": id, "user": l.Names[0].ID, "on": true})
		}
		r.do(r.lead, "quiz.close", map[string]any{"round": round})
	}
}
