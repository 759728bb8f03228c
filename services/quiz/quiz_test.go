package quiz

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// canary is in every key of the test's quiz, and nowhere a pupil may look.
const canary = "CANARY-7f3a"

func sampleQuiz() item.Quiz {
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

// lessonWithQuiz is a harness with an open lesson and the sample quiz.
func lessonWithQuiz(t *testing.T) *roomtest.Harness {
	t.Helper()
	return lessonIn(t, t.TempDir())
}

// lessonIn is lessonWithQuiz on the databases in dir.
func lessonIn(t *testing.T, dir string) *roomtest.Harness {
	t.Helper()
	h := roomtest.New(t, dir, room.Config{}, Kind)
	h.StartLesson("l1")
	mustSend(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": sampleQuiz()})
	return h
}

func mustSend(t *testing.T, h *roomtest.Harness, by event.Viewer, name, id string, payload any) {
	t.Helper()
	if err := h.SendCommand(by, name, id, payload); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func answerPayload(round int, id string, r item.Response) map[string]any {
	return map[string]any{"round": round, "item": id, "response": r}
}

func pickOption(id string) item.Response { return item.Response{Options: []string{id}} }

func errorCode(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// isNear allows for commits, which keep a pace of 10 ms.
func isNear(ms, want int64) bool { return ms > want-100 && ms <= want }

// viewQuiz is the quiz as a viewer sees it.
func viewQuiz(t *testing.T, h *roomtest.Harness, v event.Viewer) (view struct {
	Score, Max float64
	Ranked     []RankedEntry
	Round      *struct {
		Round  int
		State  string
		Paused bool
		Left   int64
		Mine   map[string]item.Response
		Told   *RevealedData
		Items  []item.Item
	}
	Answers map[string]map[string]SeenEntry
	Stars   []star
},
) {
	t.Helper()
	var all struct{ Quiz json.RawMessage }
	if err := json.Unmarshal([]byte(h.JoinView(v)), &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all.Quiz, &view); err != nil {
		t.Fatal(err)
	}
	return view
}

func TestARoundGoesFromOpenToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		next := func(round int, state string) error {
			return h.SendCommand(roomtest.Ada, "quiz.next", "", map[string]any{"round": round, "state": state})
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
			if got := viewQuiz(t, h, roomtest.Ada).Round.State; got != step.then {
				t.Fatalf("from %d %s to %s, want %s", step.round, step.state, got, step.then)
			}
			if err := next(step.round, step.state); errorCode(err) != "moved_on" && errorCode(err) != "no_more" {
				t.Fatalf("pressed twice at %d %s: %v", step.round, step.state, err)
			}
		}
		if err := next(4, "ready"); errorCode(err) != "no_more" {
			t.Fatalf("past the end: %v", err)
		}
	})
}

func TestAnAnswerCountsOnceAndTheLastOneStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		mustSend(t, h, roomtest.Ben, "quiz.answer", "x1", answerPayload(1, "big", pickOption("a")))
		mustSend(t, h, roomtest.Ben, "quiz.answer", "x1", answerPayload(1, "big", pickOption("a")))
		mustSend(t, h, roomtest.Ben, "quiz.answer", "x2", answerPayload(1, "big", pickOption("b")))
		mustSend(t, h, roomtest.Cid, "quiz.answer", "x1", answerPayload(1, "big", pickOption("a")))
		got := viewQuiz(t, h, roomtest.Ada).Answers["big"]
		if len(got) != 2 || got["p1"].Response.Options[0] != "b" || got["p1"].Mark != 1 || got["p2"].Mark != 0 {
			t.Fatalf("answers %+v", got)
		}
		mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		if err := h.SendCommand(roomtest.Ben, "quiz.answer", "x3", answerPayload(1, "big", pickOption("a"))); errorCode(err) != "locked" {
			t.Fatalf("after the lock: %v", err)
		}
		mustSend(t, h, roomtest.Ben, "quiz.answer", "x2", answerPayload(1, "big", pickOption("b"))) // a repeat is acknowledged at any time
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		ben, cid := viewQuiz(t, h, roomtest.Ben), viewQuiz(t, h, roomtest.Cid)
		if ben.Score != 2 || cid.Score != 0 || ben.Max != 2 || ben.Round.Told.Mine["big"] != 1 {
			t.Fatalf("ben %+v cid %+v", ben, cid)
		}
	})
}

func TestAKeyHasNoWayToAPupilBeforeTheReveal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		ben, screen := h.JoinRoom(roomtest.Ben), h.JoinRoom(event.Viewer{User: "t1", Role: event.Screen})
		for round := 1; round <= 2; round++ {
			mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
			mustSend(t, h, roomtest.Cid, "quiz.answer", fmt.Sprint(round), answerPayload(round, sampleQuiz().Items[round-1].ID,
				[]item.Response{pickOption("b"), {Text: canary}}[round-1]))
			mustSend(t, h, roomtest.Ada, "quiz.pause", "", map[string]any{"round": round, "on": true})
			mustSend(t, h, roomtest.Ada, "quiz.regrade", "", map[string]any{"item": "say", "key": map[string]any{
				"texts": []map[string]any{{"text": canary + fmt.Sprint(round), "weight": 1}},
			}})
			mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": round})
			synctest.Wait()
			for name, sent := range map[string]string{"pupil": ben(), "screen": screen(), "view": h.JoinView(roomtest.Ben)} {
				if strings.Contains(sent, canary) || strings.Contains(sent, `"weights"`) || strings.Contains(sent, `"key"`) {
					t.Fatalf("round %d: the %s saw the key: %s", round, name, sent)
				}
			}
		}
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 2})
		synctest.Wait()
		if !strings.Contains(ben(), canary) || !strings.Contains(screen(), canary) {
			t.Fatal("the reveal has no right answer")
		}
		if strings.Contains(ben(), `"p2"`) || strings.Contains(screen(), `"p2"`) {
			t.Fatal("the mark or answer of another pupil was sent")
		}
		if strings.Contains(h.JoinView(roomtest.Cid), `"marks"`) {
			t.Fatal("a pupil's view has everybody's marks")
		}
	})
}

func TestTimeRunsByTheBoxAndLongerForWhomItIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		mustSend(t, h, roomtest.Ada, "quiz.allow", "", map[string]any{"user": "p2", "factor": 1.5})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		time.Sleep(10 * time.Second)
		mustSend(t, h, roomtest.Ada, "quiz.pause", "", map[string]any{"round": 1, "on": true})
		if err := h.SendCommand(roomtest.Ben, "quiz.answer", "p", answerPayload(1, "big", pickOption("a"))); errorCode(err) != "paused" {
			t.Fatalf("while paused: %v", err)
		}
		time.Sleep(time.Hour)
		mustSend(t, h, roomtest.Ada, "quiz.pause", "", map[string]any{"round": 1, "on": false})
		if left := viewQuiz(t, h, roomtest.Ben).Round.Left; !isNear(left, 10_000) {
			t.Fatalf("left %d ms after a pause", left)
		}
		if left := viewQuiz(t, h, roomtest.Cid).Round.Left; !isNear(left, 20_000) {
			t.Fatalf("left %d ms for who has half as much again", left)
		}
		time.Sleep(11 * time.Second)
		mustSend(t, h, roomtest.Ben, "quiz.answer", "x", answerPayload(1, "big", pickOption("b"))) // within the grace
		time.Sleep(time.Second)
		if err := h.SendCommand(roomtest.Ben, "quiz.answer", "y", answerPayload(1, "big", pickOption("a"))); errorCode(err) != "late" {
			t.Fatalf("late: %v", err)
		}
		mustSend(t, h, roomtest.Cid, "quiz.answer", "x", answerPayload(1, "big", pickOption("b")))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := viewQuiz(t, h, roomtest.Ada).Round.State; got != "locked" {
			t.Fatalf("%s after the last one's time", got)
		}
	})
}

func TestTheRestOfTheTimeIsThereAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := roomtest.New(t, dir, room.Config{}, Kind)
		h.StartLesson("l1")
		mustSend(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": sampleQuiz()})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		time.Sleep(8 * time.Second)
		mustSend(t, h, roomtest.Ben, "quiz.answer", "x", answerPayload(1, "big", pickOption("b")))
		h.Stop()
		time.Sleep(time.Hour)
		h = roomtest.NewBoot(t, dir, 2, room.Config{}, Kind)
		time.Sleep(2 * time.Second)
		v := viewQuiz(t, h, roomtest.Ben)
		if !isNear(v.Round.Left, 10_000) || v.Round.Mine["big"].Options[0] != "b" {
			t.Fatalf("%+v", v.Round)
		}
		time.Sleep(13 * time.Second)
		synctest.Wait()
		if got := viewQuiz(t, h, roomtest.Ben).Round.State; got != "locked" {
			t.Fatalf("%s: it was not locked after the restart", got)
		}
	})
}

func TestPupilsWorkAtTheirOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		mustSend(t, h, roomtest.Ada, "quiz.pace", "", map[string]any{"paced": "pupil"})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		mustSend(t, h, roomtest.Ben, "quiz.answer", "1", answerPayload(1, "say", item.Response{Text: "earth"}))
		mustSend(t, h, roomtest.Ben, "quiz.answer", "2", answerPayload(1, "big", pickOption("a")))
		if err := h.SendCommand(roomtest.Ben, "quiz.answer", "3", answerPayload(1, "read", pickOption("a"))); errorCode(err) != "no_question" && errorCode(err) != "unknown_field" {
			t.Fatalf("a slide was answered: %v", err)
		}
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		v := viewQuiz(t, h, roomtest.Ben)
		if len(v.Round.Items) != 4 || v.Score != 1 || v.Max != 3 {
			t.Fatalf("%+v", v)
		}
		mustSend(t, h, roomtest.Ada, "quiz.rank", "", map[string]any{"on": true})
		if got := viewQuiz(t, h, roomtest.Cid).Ranked; len(got) != 1 || got[0] != (RankedEntry{User: "p1", Score: 1}) {
			t.Fatalf("ranked %+v", got)
		}
	})
}

func TestTheLeaderboardSharesPlacesBetweenEquals(t *testing.T) {
	class := func(points ...float64) map[string]float64 {
		scores := map[string]float64{}
		for i, p := range points {
			scores[fmt.Sprintf("p%02d", i)] = p
		}
		return scores
	}
	for name, c := range map[string]struct {
		scores map[string]float64
		want   []RankedEntry
	}{
		"nobody":             {class(), []RankedEntry{}},
		"no points":          {class(0, 0, 0.4), []RankedEntry{}},
		"18 equals":          {class(slices.Repeat([]float64{1}, 18)...), []RankedEntry{{Score: 1, Shared: 18}}},
		"five equals":        {class(2, 2, 2, 2, 2), []RankedEntry{{User: "p00", Score: 2}, {User: "p01", Score: 2}, {User: "p02", Score: 2}, {User: "p03", Score: 2}, {User: "p04", Score: 2}}},
		"six equals":         {class(2, 2, 2, 2, 2, 2), []RankedEntry{{Score: 2, Shared: 6}}},
		"whole points":       {class(0.94, 0.91, 1.6), []RankedEntry{{User: "p02", Score: 2}, {User: "p00", Score: 1}, {User: "p01", Score: 1}}},
		"a tie at the end":   {class(1, 3, 2, 1, 2, 1), []RankedEntry{{User: "p01", Score: 3}, {User: "p02", Score: 2}, {User: "p04", Score: 2}, {Score: 1, Shared: 3}}},
		"a tie after five":   {class(6, 5, 4, 3, 2, 1, 1), []RankedEntry{{User: "p00", Score: 6}, {User: "p01", Score: 5}, {User: "p02", Score: 4}, {User: "p03", Score: 3}, {User: "p04", Score: 2}}},
		"none after a crowd": {class(3, 3, 3, 3, 3, 3, 1), []RankedEntry{{Score: 3, Shared: 6}}},
	} {
		if d := cmp.Diff(c.want, leaders(c.scores)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestSpeedScoresOnlyWhereTheQuizSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		fast := sampleQuiz()
		fast.Speed = true
		mustSend(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": fast})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		time.Sleep(10 * time.Second)
		mustSend(t, h, roomtest.Ben, "quiz.answer", "1", answerPayload(1, "big", pickOption("b")))
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		if v := viewQuiz(t, h, roomtest.Ben); v.Score < 1.49 || v.Score > 1.5 {
			t.Fatalf("score %v at half the time", v.Score)
		}
	})
}

func TestAChangedKeyChangesMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		mustSend(t, h, roomtest.Ben, "quiz.answer", "1", answerPayload(1, "big", pickOption("a")))
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		key := map[string]any{"weights": map[string]float64{"a": 1}}
		mustSend(t, h, roomtest.Ada, "quiz.regrade", "", map[string]any{"item": "big", "key": key})
		if v := viewQuiz(t, h, roomtest.Ben); v.Score != 2 || v.Round.Told.Keys["big"].Right[0] != "a" {
			t.Fatalf("%+v", v)
		}
		if err := h.SendCommand(roomtest.Ada, "quiz.regrade", "", map[string]any{"item": "big", "key": map[string]any{"weights": map[string]float64{"z": 1}}}); err == nil {
			t.Fatal("a key for an option that is not there")
		}
	})
}

func TestAStarredAnswerHasNoName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		cid := h.JoinRoom(roomtest.Cid)
		mustSend(t, h, roomtest.Ada, "quiz.ask", "", map[string]any{"item": map[string]any{"kind": "text", "text": "Say", "key": map[string]any{}}})
		mustSend(t, h, roomtest.Ben, "quiz.answer", "1", answerPayload(1, "ask5", item.Response{Text: "a thought"}))
		mustSend(t, h, roomtest.Ada, "quiz.star", "", map[string]any{"round": 1, "item": "ask5", "user": "p1", "on": true})
		synctest.Wait()
		if sent := cid(); !strings.Contains(sent, "a thought") || strings.Contains(sent, `"p1"`) {
			t.Fatalf("sent %s", sent)
		}
		mustSend(t, h, roomtest.Ada, "quiz.star", "", map[string]any{"round": 1, "item": "ask5", "user": "p1", "on": false})
		if v := viewQuiz(t, h, roomtest.Cid); len(v.Stars) != 0 {
			t.Fatalf("%+v", v.Stars)
		}
	})
}

func TestPupilsCannotLeadTheQuiz(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		for _, c := range Kind.Commands {
			if c.Name == "quiz.answer" {
				continue
			}
			if err := h.SendCommand(roomtest.Ben, c.Name, "", map[string]any{}); errorCode(err) != "role" {
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
			h := lessonWithQuiz(t)
			mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
			for _, by := range []event.Viewer{roomtest.Ada, roomtest.Ben} {
				_ = h.SendCommand(by, name, "f", json.RawMessage(data))
			}
			if dead := h.DeadLetters(); len(dead) > 0 {
				t.Fatalf("%s %s: %s", name, data, dead[0].Err)
			}
		})
	})
}

func TestATeacherCanAlwaysComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		large := item.Quiz{Title: "Large"}
		for i := range item.MaxItems {
			large.Items = append(large.Items, item.Authored{
				Item: item.Item{Kind: item.Text, Text: strings.Repeat("x", 2000-i), Points: 1},
			})
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "quiz.load", "", map[string]any{"quiz": large})); b.Field != "quiz.items" || b.Limit != MaxLoad {
			t.Fatalf("%+v", b)
		}
		large.Items = large.Items[:20]
		mustSend(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": large})
		mustSend(t, h, roomtest.Ada, "quiz.pace", "", map[string]any{"paced": "pupil"})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		for n := range 70 {
			by := event.Viewer{User: fmt.Sprint("p_abcdefghijkl", n), Role: event.Pupil}
			for i := range 20 {
				mustSend(t, h, by, "quiz.answer", fmt.Sprint(i), answerPayload(1, fmt.Sprint("q", i+1), item.Response{Text: "a word or two"}))
			}
		}
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		if n := len(h.JoinView(roomtest.Ada)); n > 230<<10 { // of 256 KiB that may wait for a member
			t.Fatalf("the teacher's view has %d bytes", n)
		} else {
			t.Logf("the teacher's view has %d bytes", n)
		}
	})
}
