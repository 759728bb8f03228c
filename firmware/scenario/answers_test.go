package scenario

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire/wiretest"
)

const (
	pupils = 70
	limit  = 300 // seconds to answer
)

// quizView is the quiz as the box shows it to who joins.
type quizView struct {
	Score, Max float64
	Round      struct {
		Round int
		State string
		Left  int64
		Mine  map[string]struct{ Options []string }
	}
	Answers map[string]map[string]struct {
		Response struct{ Options []string }
	}
}

// readQuiz joins again and reads the quiz.
func readQuiz(t *testing.T, p *boxtest.Person, in string) quizView {
	t.Helper()
	m := p.NewMember(in)
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	defer m.Drop()
	var v struct{ Quiz quizView }
	if err := json.Unmarshal(m.LastView(), &v); err != nil {
		t.Fatal(err)
	}
	return v.Quiz
}

// threeQuestions is a quiz of three questions with two options each; "a" is right.
func threeQuestions() map[string]any {
	items := []any{}
	for i := range 3 {
		items = append(items, map[string]any{
			"id": fmt.Sprint("q", i+1), "kind": "single", "text": fmt.Sprint("Question ", i+1), "points": 1, "seconds": limit,
			"options": []any{map[string]string{"id": "a", "text": "yes"}, map[string]string{"id": "b", "text": "no"}},
			"key":     map[string]any{"weights": map[string]float64{"a": 1}},
		})
	}
	return map[string]any{"title": "Three", "items": items}
}

// TestSeventyPupilsAnswerOnceThroughThreeKills has a class answer within two seconds while
// the program is killed in the middle, once in each of three questions.
func TestSeventyPupilsAnswerOnceThroughThreeKills(t *testing.T) {
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.ClaimBox("Ada")
	var quiz struct{ ID string }
	if _, err := ada.CallAPI("POST", "/api/quizzes", threeQuestions(), &quiz); err != nil {
		t.Fatal(err)
	}
	lesson := ada.OpenLesson(ada.AddClass("7B", pupils), "Three")
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": quiz.ID}, nil); err != nil {
		t.Fatal(err)
	}
	var class []*chatWriter
	people := map[string]*boxtest.Person{}
	for _, n := range lesson.Names {
		people[n.ID] = box.JoinLesson(lesson, n.ID)
		class = append(class, &chatWriter{Member: people[n.ID].NewMember(lesson.Room), name: n.ID})
	}
	lead := &chatWriter{Member: ada.NewMember(lesson.Room), name: ada.User}
	n := 0
	do := func(name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := lead.SendCommand(wiretest.Command{ID: fmt.Sprint("lead", n), Name: name, Payload: payload}); err != nil {
			lead.settled(t)
		}
	}
	for _, c := range append([]*chatWriter{lead}, class...) {
		if _, err := c.Connect(); err != nil {
			t.Fatal(err)
		}
	}
	resent := 0
	for round := 1; round <= 3; round++ {
		do("quiz.open", map[string]any{})
		opened := time.Now() // before the box reads its clock
		before := readQuiz(t, people[class[0].name], lesson.Room).Round.Left
		box = answerAndKill(t, box, class, round)
		resent += bringBack(t, append([]*chatWriter{lead}, class...))
		now := readQuiz(t, people[class[0].name], lesson.Room)
		if gone := time.Since(opened).Milliseconds(); now.Round.Left > before || now.Round.Left < before-gone-1 {
			t.Errorf("round %d: %d ms were left, now %d, %d ms later", round, before, now.Round.Left, gone)
		}
		got := readQuiz(t, ada, lesson.Room).Answers[fmt.Sprint("q", round)]
		for i, c := range class {
			if o := got[c.name].Response.Options; len(o) != 1 || o[0] != chosenOption(i, round) {
				t.Errorf("round %d: pupil %d answered %s, counted is %v", round, i, chosenOption(i, round), o)
			}
		}
		do("quiz.reveal", map[string]any{"round": round})
	}
	for i, c := range class {
		want := 0.0
		for round := 1; round <= 3; round++ {
			if chosenOption(i, round) == "a" {
				want++
			}
		}
		if v := readQuiz(t, people[c.name], lesson.Room); v.Score != want || v.Max != 3 {
			t.Errorf("pupil %d has %v of %v, want %v", i, v.Score, v.Max, want)
		}
	}
	box.Stop()
	checkOnce(t, dir, lesson.Room, resent)
}

// chosenOption is what a pupil answers.
func chosenOption(pupil, round int) string { return []string{"a", "b"}[(pupil+round)%2] }

// answerAndKill has all answer within two seconds and ends the program at some moment.
func answerAndKill(t *testing.T, box *boxtest.Box, class []*chatWriter, round int) *boxtest.Box {
	t.Helper()
	var wait sync.WaitGroup
	for i, c := range class {
		wait.Go(func() {
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond) // pupils answer before and after the kill
			_, _ = c.SendCommand(wiretest.Command{                        // a command without an answer is sent again when the box is back
				ID: fmt.Sprint("answer", round), Name: "quiz.answer",
				Payload: map[string]any{"round": round, "item": fmt.Sprint("q", round), "response": map[string]any{"options": []string{chosenOption(i, round)}}},
			})
		})
	}
	time.Sleep(time.Duration(500+rand.IntN(1000)) * time.Millisecond) // some have answered
	box.Kill()
	box = box.Restart()
	wait.Wait()
	return box
}

// bringBack brings everybody back and counts whose answer was on its way when the box died.
func bringBack(t *testing.T, people []*chatWriter) (resent int) {
	t.Helper()
	for _, p := range people {
		resent += len(p.UnackedCommands())
		p.Drop()
		if _, err := p.Connect(); err != nil {
			t.Fatal(err)
		}
		p.settled(t)
	}
	return resent
}

// checkOnce counts the facts of each pupil's answers in the journal.
func checkOnce(t *testing.T, dir, class string, resent int) {
	t.Helper()
	j := openJournal(t, dir)
	defer j.Close()
	facts := map[string]int{}
	for e, err := range j.Replay(room.StreamOf(class), 0) {
		if err != nil {
			t.Fatal(err)
		}
		var a struct{ Round int }
		if e.Kind == "quiz.answered" && json.Unmarshal(e.Data, &a) == nil {
			facts[fmt.Sprint(e.By, " ", a.Round)]++
		}
	}
	for key, n := range facts {
		if n != 1 {
			t.Errorf("%s is in the journal %d times", key, n)
		}
	}
	if len(facts) != 3*pupils {
		t.Errorf("%d answers are in the journal, %d were given", len(facts), 3*pupils)
	}
	t.Logf("%d answers, %d sent again after a kill, %d stored once", 3*pupils, resent, len(facts))
}
