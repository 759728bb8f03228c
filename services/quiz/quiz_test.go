package quiz

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// canary is in every key of the test's quiz, and nowhere a pupil may look.
const canary = "CANARY-7f3a"

func sample() item.Quiz {
	two := []item.Option{{ID: "a", Text: "Mars"}, {ID: "b", Text: "Jupiter"}}
	return item.Quiz{Title: "Planets", Items: []item.Authored{
		{
			Item: item.Item{ID: "big", Kind: item.Single, Text: "Largest?", Options: two, Points: 2, Seconds: 20},
			Key:  item.Key{Weights: map[string]float64{"b": 1}, General: canary},
		},
		{
			Item: item.Item{ID: "say", Kind: item.Text, Text: "Ours?", Points: 1},
			Key:  item.Key{Texts: []item.Accepted{{Text: canary, Weight: 1}, {Text: "Earth", Weight: 1}}},
		},
		{Item: item.Item{ID: "read", Kind: item.Slide, Text: "Read this"}},
		{Item: item.Item{ID: "ask", Kind: item.Poll, Text: "Fun?", Options: two}, Key: item.Key{General: canary}},
	}}
}

// class is a house with an open lesson and the sample quiz.
func class(t *testing.T) *roomtest.House {
	t.Helper()
	h := roomtest.New(t, t.TempDir(), room.Config{}, Kind)
	h.Lesson("l1")
	do(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": sample()})
	return h
}

func do(t *testing.T, h *roomtest.House, by event.Viewer, name, id string, payload any) {
	t.Helper()
	if err := h.Ask(by, name, id, payload); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func reply(round int, id string, r item.Response) map[string]any {
	return map[string]any{"round": round, "item": id, "response": r}
}

func pick(id string) item.Response { return item.Response{Options: []string{id}} }

func code(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// near allows for commits, which keep a pace of 10 ms.
func near(ms, want int64) bool { return ms > want-100 && ms <= want }

// look is the quiz as a viewer sees it.
func look(t *testing.T, h *roomtest.House, v event.Viewer) (view struct {
	Score, Max float64
	Ranked     []ranked
	Round      *struct {
		Round  int
		State  string
		Paused bool
		Left   int64
		Mine   map[string]item.Response
		Told   *told
		Items  []item.Item
	}
	Answers map[string]map[string]answerView
	Stars   []star
},
) {
	t.Helper()
	var all struct{ Quiz json.RawMessage }
	if err := json.Unmarshal([]byte(h.View(v)), &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all.Quiz, &view); err != nil {
		t.Fatal(err)
	}
	return view
}

func TestARoundGoesFromOpenToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		next := func(round int, state string) error {
			return h.Ask(roomtest.Ada, "quiz.next", "", map[string]any{"round": round, "state": state})
		}
		for _, step := range []struct {
			round int
			state string
			then  string
		}{
			{0, "ready", "open"},
			{1, "open", "locked"},
			{1, "locked", "revealed"},
			{1, "revealed", "open"},
			{2, "open", "locked"},
			{2, "locked", "revealed"},
			{2, "revealed", "open"},
			{3, "open", "open"}, // a slide is shown and then left
			{4, "open", "locked"},
			{4, "locked", "revealed"},
			{4, "revealed", "closed"},
		} {
			if err := next(step.round, step.state); err != nil {
				t.Fatalf("from %d %s: %v", step.round, step.state, err)
			}
			if got := look(t, h, roomtest.Ada).Round.State; got != step.then {
				t.Fatalf("from %d %s to %s, want %s", step.round, step.state, got, step.then)
			}
			if err := next(step.round, step.state); code(err) != "moved_on" && code(err) != "no_more" {
				t.Fatalf("pressed twice at %d %s: %v", step.round, step.state, err)
			}
		}
		if err := next(4, "ready"); code(err) != "no_more" {
			t.Fatalf("past the end: %v", err)
		}
	})
}

func TestAnAnswerCountsOnceAndTheLastOneStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		do(t, h, roomtest.Ben, "quiz.answer", "x1", reply(1, "big", pick("a")))
		do(t, h, roomtest.Ben, "quiz.answer", "x1", reply(1, "big", pick("a")))
		do(t, h, roomtest.Ben, "quiz.answer", "x2", reply(1, "big", pick("b")))
		do(t, h, roomtest.Cid, "quiz.answer", "x1", reply(1, "big", pick("a")))
		got := look(t, h, roomtest.Ada).Answers["big"]
		if len(got) != 2 || got["p1"].Response.Options[0] != "b" || got["p1"].Mark != 1 || got["p2"].Mark != 0 {
			t.Fatalf("answers %+v", got)
		}
		do(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		if err := h.Ask(roomtest.Ben, "quiz.answer", "x3", reply(1, "big", pick("a"))); code(err) != "locked" {
			t.Fatalf("after the lock: %v", err)
		}
		do(t, h, roomtest.Ben, "quiz.answer", "x2", reply(1, "big", pick("b"))) // a repeat is acknowledged at any time
		do(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		ben, cid := look(t, h, roomtest.Ben), look(t, h, roomtest.Cid)
		if ben.Score != 2 || cid.Score != 0 || ben.Max != 2 || ben.Round.Told.Mine["big"] != 1 {
			t.Fatalf("ben %+v cid %+v", ben, cid)
		}
	})
}

func TestAKeyHasNoWayToAPupilBeforeTheReveal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		ben, screen := h.Sit(roomtest.Ben), h.Sit(event.Viewer{User: "t1", Role: event.Screen})
		for round := 1; round <= 2; round++ {
			do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
			do(t, h, roomtest.Cid, "quiz.answer", fmt.Sprint(round), reply(round, sample().Items[round-1].ID,
				[]item.Response{pick("b"), {Text: canary}}[round-1]))
			do(t, h, roomtest.Ada, "quiz.pause", "", map[string]any{"round": round, "on": true})
			do(t, h, roomtest.Ada, "quiz.regrade", "", map[string]any{"item": "say", "key": map[string]any{
				"texts": []map[string]any{{"text": canary + fmt.Sprint(round), "weight": 1}},
			}})
			do(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": round})
			synctest.Wait()
			for name, sent := range map[string]string{"pupil": ben(), "screen": screen(), "view": h.View(roomtest.Ben)} {
				if strings.Contains(sent, canary) || strings.Contains(sent, `"weights"`) || strings.Contains(sent, `"key"`) {
					t.Fatalf("round %d: the %s saw the key: %s", round, name, sent)
				}
			}
		}
		do(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 2})
		synctest.Wait()
		if !strings.Contains(ben(), canary) || !strings.Contains(screen(), canary) {
			t.Fatal("the reveal did not tell the right answer")
		}
		if strings.Contains(ben(), `"p2"`) || strings.Contains(screen(), `"p2"`) {
			t.Fatal("another's mark or answer was told")
		}
		if strings.Contains(h.View(roomtest.Cid), `"marks"`) {
			t.Fatal("a pupil's view has everybody's marks")
		}
	})
}

func TestTimeRunsByTheBoxAndLongerForWhomItIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		do(t, h, roomtest.Ada, "quiz.allow", "", map[string]any{"user": "p2", "factor": 1.5})
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		time.Sleep(10 * time.Second)
		do(t, h, roomtest.Ada, "quiz.pause", "", map[string]any{"round": 1, "on": true})
		if err := h.Ask(roomtest.Ben, "quiz.answer", "p", reply(1, "big", pick("a"))); code(err) != "paused" {
			t.Fatalf("while paused: %v", err)
		}
		time.Sleep(time.Hour)
		do(t, h, roomtest.Ada, "quiz.pause", "", map[string]any{"round": 1, "on": false})
		if left := look(t, h, roomtest.Ben).Round.Left; !near(left, 10_000) {
			t.Fatalf("left %d ms after a pause", left)
		}
		if left := look(t, h, roomtest.Cid).Round.Left; !near(left, 20_000) {
			t.Fatalf("left %d ms for who has half as much again", left)
		}
		time.Sleep(11 * time.Second)
		do(t, h, roomtest.Ben, "quiz.answer", "x", reply(1, "big", pick("b"))) // within the grace
		time.Sleep(time.Second)
		if err := h.Ask(roomtest.Ben, "quiz.answer", "y", reply(1, "big", pick("a"))); code(err) != "late" {
			t.Fatalf("late: %v", err)
		}
		do(t, h, roomtest.Cid, "quiz.answer", "x", reply(1, "big", pick("b")))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := look(t, h, roomtest.Ada).Round.State; got != "locked" {
			t.Fatalf("%s after the last one's time", got)
		}
	})
}

func TestTheRestOfTheTimeIsThereAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := roomtest.New(t, dir, room.Config{}, Kind)
		h.Lesson("l1")
		do(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": sample()})
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		time.Sleep(8 * time.Second)
		do(t, h, roomtest.Ben, "quiz.answer", "x", reply(1, "big", pick("b")))
		h.Stop()
		time.Sleep(time.Hour)
		h = roomtest.NewBoot(t, dir, 2, room.Config{}, Kind)
		time.Sleep(2 * time.Second)
		v := look(t, h, roomtest.Ben)
		if !near(v.Round.Left, 10_000) || v.Round.Mine["big"].Options[0] != "b" {
			t.Fatalf("%+v", v.Round)
		}
		time.Sleep(13 * time.Second)
		synctest.Wait()
		if got := look(t, h, roomtest.Ben).Round.State; got != "locked" {
			t.Fatalf("%s: nobody locked it after the restart", got)
		}
	})
}

func TestPupilsWorkAtTheirOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		do(t, h, roomtest.Ada, "quiz.pace", "", map[string]any{"paced": "pupil"})
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		do(t, h, roomtest.Ben, "quiz.answer", "1", reply(1, "say", item.Response{Text: "earth"}))
		do(t, h, roomtest.Ben, "quiz.answer", "2", reply(1, "big", pick("a")))
		if err := h.Ask(roomtest.Ben, "quiz.answer", "3", reply(1, "read", pick("a"))); code(err) != "no_question" && code(err) != "unknown_field" {
			t.Fatalf("a slide was answered: %v", err)
		}
		do(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		v := look(t, h, roomtest.Ben)
		if len(v.Round.Items) != 4 || v.Score != 1 || v.Max != 3 {
			t.Fatalf("%+v", v)
		}
		do(t, h, roomtest.Ada, "quiz.rank", "", map[string]any{"on": true})
		if got := look(t, h, roomtest.Cid).Ranked; len(got) != 1 || got[0] != (ranked{"p1", 1}) {
			t.Fatalf("ranked %+v", got)
		}
	})
}

func TestSpeedScoresOnlyWhereTheQuizSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		fast := sample()
		fast.Speed = true
		do(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": fast})
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		time.Sleep(10 * time.Second)
		do(t, h, roomtest.Ben, "quiz.answer", "1", reply(1, "big", pick("b")))
		do(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		if v := look(t, h, roomtest.Ben); v.Score < 1.49 || v.Score > 1.5 {
			t.Fatalf("score %v at half the time", v.Score)
		}
	})
}

func TestAChangedKeyChangesMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		do(t, h, roomtest.Ben, "quiz.answer", "1", reply(1, "big", pick("a")))
		do(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		key := map[string]any{"weights": map[string]float64{"a": 1}}
		do(t, h, roomtest.Ada, "quiz.regrade", "", map[string]any{"item": "big", "key": key})
		if v := look(t, h, roomtest.Ben); v.Score != 2 || v.Round.Told.Keys["big"].Right[0] != "a" {
			t.Fatalf("%+v", v)
		}
		if err := h.Ask(roomtest.Ada, "quiz.regrade", "", map[string]any{"item": "big", "key": map[string]any{"weights": map[string]float64{"z": 1}}}); err == nil {
			t.Fatal("a key for an option that is not there")
		}
	})
}

func TestAStarredAnswerHasNoName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		cid := h.Sit(roomtest.Cid)
		do(t, h, roomtest.Ada, "quiz.ask", "", map[string]any{"item": map[string]any{"kind": "text", "text": "Say", "key": map[string]any{}}})
		do(t, h, roomtest.Ben, "quiz.answer", "1", reply(1, "ask5", item.Response{Text: "a thought"}))
		do(t, h, roomtest.Ada, "quiz.star", "", map[string]any{"round": 1, "item": "ask5", "user": "p1", "on": true})
		synctest.Wait()
		if sent := cid(); !strings.Contains(sent, "a thought") || strings.Contains(sent, `"p1"`) {
			t.Fatalf("sent %s", sent)
		}
		do(t, h, roomtest.Ada, "quiz.star", "", map[string]any{"round": 1, "item": "ask5", "user": "p1", "on": false})
		if v := look(t, h, roomtest.Cid); len(v.Stars) != 0 {
			t.Fatalf("%+v", v.Stars)
		}
	})
}

func TestPupilsCannotLeadTheQuiz(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		for _, c := range Kind.Commands {
			if c.Name == "quiz.answer" {
				continue
			}
			if err := h.Ask(roomtest.Ben, c.Name, "", map[string]any{}); code(err) != "role" {
				t.Errorf("%s by a pupil: %v", c.Name, err)
			}
		}
	})
}

func FuzzHandle(f *testing.F) {
	for _, c := range Kind.Commands {
		f.Add(c.Name, []byte(`{"round":1,"item":"big","response":{"options":["a"]}}`))
		f.Add(c.Name, []byte(`{"items":["big","say"],"seconds":9,"on":true,"paced":"pupil","user":"p1","factor":2}`))
		f.Add(c.Name, []byte(`{"round":0,"state":"ready","quiz":{"title":"x"},"key":{"weights":{"a":1}},"item":{"kind":"slide","text":"y"}}`))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !json.Valid(data) {
			return // the socket refuses it before it comes to a room
		}
		synctest.Test(t, func(t *testing.T) {
			h := class(t)
			do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
			for _, by := range []event.Viewer{roomtest.Ada, roomtest.Ben} {
				_ = h.Ask(by, name, "f", json.RawMessage(data))
			}
			if dead := h.Dead(); len(dead) > 0 {
				t.Fatalf("%s %s: %s", name, data, dead[0].Err)
			}
		})
	})
}

func TestATeacherCanAlwaysComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := class(t)
		large := item.Quiz{Title: "Large"}
		for i := range item.MaxItems {
			large.Items = append(large.Items, item.Authored{
				Item: item.Item{Kind: item.Text, Text: strings.Repeat("x", item.MaxText-i), Points: 1},
			})
		}
		if b := errs.BodyOf(h.Ask(roomtest.Ada, "quiz.load", "", map[string]any{"quiz": large})); b.Field != "quiz.items" || b.Limit != MaxLoad {
			t.Fatalf("%+v", b)
		}
		large.Items = large.Items[:20]
		do(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": large})
		do(t, h, roomtest.Ada, "quiz.pace", "", map[string]any{"paced": "pupil"})
		do(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		for n := range 70 {
			by := event.Viewer{User: fmt.Sprint("p_abcdefghijkl", n), Role: event.Pupil}
			for i := range 20 {
				do(t, h, by, "quiz.answer", fmt.Sprint(i), reply(1, fmt.Sprint("q", i+1), item.Response{Text: "a word or two"}))
			}
		}
		do(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		if n := len(h.View(roomtest.Ada)); n > 230<<10 { // of 256 KiB that may wait for a member
			t.Fatalf("the teacher's view has %d bytes", n)
		} else {
			t.Logf("the teacher's view has %d bytes", n)
		}
	})
}
