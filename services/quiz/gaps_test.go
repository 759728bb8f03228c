package quiz

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// gapQuiz is a text with a word and a choice, with the canary in its key.
func gapQuiz() item.Quiz {
	return item.Quiz{Title: "Gaps", Items: []item.Authored{{
		Item: item.Item{ID: "fill", Kind: item.Gaps, Text: "A dog ___ and it is ___.", Points: 2, Gaps: []item.Gap{
			{ID: "1", Kind: item.Text}, {ID: "2", Kind: item.Single, Options: []item.Option{{ID: "a", Text: "red"}, {ID: "b", Text: "warm"}}},
		}},
		Key: item.Key{Gaps: map[string]item.GapKey{
			"1": {Texts: []item.Accepted{{Text: canary, Weight: 1}, {Text: "barks", Weight: 1}}}, "2": {Weights: map[string]float64{"b": 1}},
		}},
	}}}
}

func fillGaps(gaps ...string) item.Response {
	r := item.Response{Gaps: map[string]string{}}
	for i, s := range gaps {
		if s != "" {
			r.Gaps[string(rune('1'+i))] = s
		}
	}
	return r
}

func TestGapsAreAnsweredOnceMarkedInPartsAndCounted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, Kind)
		h.StartLesson("l1")
		mustSend(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": gapQuiz()})
		screen := event.Viewer{User: "t1", Role: event.Screen}
		heard := []func() string{h.JoinRoom(roomtest.Ben), h.JoinRoom(screen)}
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{})
		for range 2 { // sent again: it counts once
			mustSend(t, h, roomtest.Ben, "quiz.answer", "b1", answerPayload(1, "fill", fillGaps("Barks", "b")))
		}
		mustSend(t, h, roomtest.Cid, "quiz.answer", "", answerPayload(1, "fill", fillGaps("miaows", "a")))
		mustSend(t, h, roomtest.Cid, "quiz.answer", "", answerPayload(1, "fill", fillGaps("", "b"))) // the last one stands
		if err := h.SendCommand(roomtest.Cid, "quiz.answer", "", answerPayload(1, "fill", fillGaps("", "c"))); errorCode(err) != "unknown" {
			t.Errorf("an option that is not there: %v", err)
		}
		mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		synctest.Wait()
		for i, sent := range []string{heard[0](), heard[1](), h.JoinView(roomtest.Ben), h.JoinView(screen)} {
			if strings.Contains(sent, canary) || strings.Contains(sent, `"weights"`) || strings.Contains(sent, `"key"`) || !strings.Contains(sent, "A dog _____") {
				t.Errorf("%d: before the reveal: %s", i, sent)
			}
		}
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		told := viewQuiz(t, h, roomtest.Cid).Round.Told
		if want := map[string]int{"1": 1, "2": 2, "2.a": 0, "2.b": 2, "right": 1, "wrong": 1}; !cmp.Equal(told.Counts["fill"], want) {
			t.Errorf("counts are %v", told.Counts["fill"])
		}
		if told.Mine["fill"] != 0.5 || told.Score != 1 || told.Answered["fill"] != 2 || told.Keys["fill"].Gaps["1"].Texts[1] != "barks" {
			t.Errorf("a pupil is told %+v", told)
		}
		if strings.Contains(heard[1](), "miaows") || strings.Contains(heard[1](), "Barks") {
			t.Error("the screen has the words of a pupil")
		}
	})
}
