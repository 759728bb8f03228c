package quiz

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// screen is the projector of the tests.
var screen = event.Viewer{User: "screen:1", Role: event.Screen}

// openText is a lesson in which a question for words is open and two pupils have answered.
func openText(t *testing.T, dir string) *roomtest.Harness {
	t.Helper()
	h := lessonIn(t, dir)
	ask := item.Authored{Item: item.Item{Kind: item.Text, Text: "A word for today?"}}
	mustSend(t, h, roomtest.Ada, "quiz.ask", "", map[string]any{"item": ask})
	mustSend(t, h, roomtest.Ben, "quiz.answer", "", answerPayload(1, "ask5", item.Response{Text: "Rude  word"}))
	mustSend(t, h, roomtest.Cid, "quiz.answer", "", answerPayload(1, "ask5", item.Response{Text: "sunny"}))
	return h
}

func wallPayload(as string) map[string]any {
	return map[string]any{"round": 1, "item": "ask5", "as": as}
}

func TestWrittenAnswersAreSeenWhenTheTeacherShowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := openText(t, t.TempDir())
		if v := h.JoinView(screen); strings.Contains(v, "sunny") {
			t.Fatalf("before the wall the screen sees %s", v)
		}
		mustSend(t, h, roomtest.Ada, "quiz.wall", "", wallPayload("cloud"))
		want := &WalledData{Round: 1, Item: "ask5", As: "cloud", List: []WallEntry{{"Rude word", 1}, {"sunny", 1}}}
		v := h.JoinView(screen)
		if got := wallIn(t, v); !cmp.Equal(got, want) {
			t.Errorf("the screen sees %+v", got)
		}
		if strings.Contains(v, roomtest.Ben.User) || strings.Contains(v, roomtest.Cid.User) {
			t.Errorf("names are in %s", v)
		}
		mustSend(t, h, roomtest.Cid, "quiz.answer", "", answerPayload(1, "ask5", item.Response{Text: "late thought"}))
		if got := wallIn(t, h.JoinView(screen)); !cmp.Equal(got, want) {
			t.Errorf("an answer that the teacher has not shown is on the wall: %+v", got)
		}
		mustSend(t, h, roomtest.Ada, "quiz.wall", "", wallPayload(""))
		if got := wallIn(t, h.JoinView(screen)); got != nil {
			t.Errorf("after it was hidden: %+v", got)
		}
		mustSend(t, h, roomtest.Ada, "quiz.wall", "", wallPayload("wall"))
		mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{"items": []string{"big"}})
		if got := wallIn(t, h.JoinView(screen)); got != nil {
			t.Errorf("it lies over the next question: %+v", got)
		}
	})
}

func wallIn(t *testing.T, view string) *WalledData {
	t.Helper()
	var all struct{ Quiz struct{ Wall *WalledData } }
	if err := json.Unmarshal([]byte(view), &all); err != nil {
		t.Fatal(err)
	}
	return all.Quiz.Wall
}

func TestAHiddenAnswerStaysOffTheWall(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openText(t, dir)
		hide := func(on bool) {
			mustSend(t, h, roomtest.Ada, "quiz.hide", "", map[string]any{"round": 1, "item": "ask5", "user": roomtest.Ben.User, "on": on})
		}
		mustSend(t, h, roomtest.Ada, "quiz.wall", "", wallPayload("wall"))
		hide(true)
		mustSend(t, h, roomtest.Ben, "quiz.answer", "", answerPayload(1, "ask5", item.Response{Text: "Ruder"}))
		for range 2 {
			if got := wallIn(t, h.JoinView(screen)); !cmp.Equal(got.List, []WallEntry{{"sunny", 1}}) {
				t.Errorf("the wall shows %+v", got)
			}
			h.Stop()
			h = roomtest.NewBoot(t, dir, 2, room.Config{}, Kind)
			mustSend(t, h, roomtest.Ada, "quiz.wall", "", wallPayload("wall"))
		}
		if v := h.JoinView(roomtest.Cid); strings.Contains(v, roomtest.Ben.User) || strings.Contains(v, "hidden") {
			t.Errorf("a pupil sees whose answer was hidden: %s", v)
		}
		hide(false)
		if got := wallIn(t, h.JoinView(screen)); len(got.List) != 2 {
			t.Errorf("shown again: %+v", got)
		}
	})
}

func TestABadWallNamesItsField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := openText(t, t.TempDir())
		mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{"items": []string{"big"}})
		for code, p := range map[string]map[string]any{
			"unknown":     {"round": 3, "item": "ask5", "as": "wall"},
			"not_written": {"round": 2, "item": "big", "as": "wall"},
		} {
			if err := h.SendCommand(roomtest.Ada, "quiz.wall", "", p); errorCode(err) != code {
				t.Errorf("%v: %v", p, err)
			}
		}
		for _, by := range []event.Viewer{roomtest.Ben, screen} {
			if err := h.SendCommand(by, "quiz.wall", "", wallPayload("wall")); errorCode(err) != "role" {
				t.Errorf("by %s: %v", by.User, err)
			}
		}
	})
}

// Whatever pupils write, the wall counts each of them once and fits its bounds.
func TestTheWallCountsEachPupilOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		r := &round{Answers: map[string]map[string]answer{"q": {}}, Hidden: map[string]map[string]bool{"q": {}}}
		shown := 0
		for i := range rnd.IntN(150) {
			user := fmt.Sprint("p", i)
			r.Answers["q"][user] = answer{Response: item.Response{Text: strings.Repeat([]string{"a", "A", "é", "É ", "b"}[rnd.IntN(5)], 1+rnd.IntN(3))}}
			if rnd.IntN(4) == 0 {
				r.Hidden["q"][user] = true
			} else {
				shown++
			}
		}
		n := 0
		list := wallOf(r, "q")
		for _, w := range list {
			n += w.N
		}
		if n != shown || !slices.IsSortedFunc(list, func(a, b WallEntry) int { return b.N - a.N }) {
			t.Fatalf("%d of %d: %+v", n, shown, list)
		}
	}
	full := &round{Answers: map[string]map[string]answer{"q": {}}}
	for i := range 2000 {
		full.Answers["q"][fmt.Sprint(i)] = answer{Response: item.Response{Text: fmt.Sprintf("%0200d", i)}}
	}
	if n := len(wallOf(full, "q")); n == 0 || n > maxWall || n*200 > maxWallBytes {
		t.Errorf("%d entries", n)
	}
}
