package cluster_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire/wiretest"
)

// A pupil at each box is in the room of the other box and in the one of its own: both rooms work the
// same for both.
func TestPeopleOfTwoBoxesShareALesson(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, _ *clustertest.Net, a, b *box) {
		for _, id := range []string{"a1", "b1"} {
			teacher, here, there := a.joined("t1", id), a.joined("p1", id), b.joined("p2", id)
			time.Sleep(time.Second)
			for who, m := range map[string]*wiretest.Member{"teacher": teacher, "pupil at a": here, "pupil at b": there} {
				if got, want := m.PresentCounts(), map[string]int{"t1": 1, "p1": 1, "p2": 1}; !maps.Equal(got, want) {
					t.Errorf("room %s: the %s sees %v, want %v", id, who, got, want)
				}
			}
			if body := must(t, there, say("c1", "hello from b", "all")); !body.Saved || body.ID != "c1" || body.Seq == 0 {
				t.Errorf("the command of the pupil at b is answered by %+v", body)
			}
			must(t, here, say("c2", "hello from a", "all"))
			must(t, there, say("c3", "for the teacher", "teacher"))
			must(t, there, wiretest.Command{ID: "c4", Name: "hand.raise"})
			time.Sleep(time.Second)
			checkKinds(t, "pupil at a", here, "chat.said", "chat.said", "hand.raised")
			checkKinds(t, "pupil at b", there, "chat.said", "chat.said", "chat.said", "hand.raised")
			if body, err := there.SendCommand(say("c5", "", "all")); err == nil || body.Field != "text" || body.Code != "empty" || body.Reason != "invalid" || body.ID != "c5" {
				t.Errorf("an empty text is answered by %+v, %v", body, err)
			}
			if body, err := there.SendCommand(say(strings.Repeat("x", 100), "x", "all")); err == nil || body.Field != "id" || body.Limit != room.MaxID {
				t.Errorf("a long id is answered by %+v, %v", body, err)
			}
			here.Drop()
			time.Sleep(time.Second)
			if got, want := there.PresentCounts(), map[string]int{"t1": 1, "p2": 1}; !maps.Equal(got, want) {
				t.Errorf("room %s: after a leave the pupil at b sees %v, want %v", id, got, want)
			}
			noFaults(t, teacher, here, there)
			teacher.Drop()
			there.Drop()
		}
	})
}

// checkKinds compares what a member has seen since its view, but for who came and went.
func checkKinds(t *testing.T, who string, m *wiretest.Member, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(seenKinds(m), func(kind string) bool { return strings.HasPrefix(kind, "room.") })
	if !slices.Equal(got, want) {
		t.Errorf("the %s has seen %v, want %v", who, got, want)
	}
}

// A question is asked at its room's box. Pupils of both boxes answer, each sees what it got, and no
// pupil sees the answer of another one. The teacher is at the other box.
func TestQuizAcrossBoxes(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, _ *clustertest.Net, a, b *box) {
		teacher, here, there := b.joined("t1", "a1"), a.joined("p1", "a1"), b.joined("p2", "a1")
		loadQuiz(t, a, "a1")
		must(t, teacher, wiretest.Command{ID: "o", Name: "quiz.open"})
		time.Sleep(time.Second)
		for m, pick := range map[*wiretest.Member]string{here: "b", there: "a"} {
			must(t, m, answer("a", pick))
		}
		must(t, teacher, wiretest.Command{ID: "l", Name: "quiz.lock", Payload: map[string]any{"round": 1}})
		must(t, teacher, wiretest.Command{ID: "r", Name: "quiz.reveal", Payload: map[string]any{"round": 1}})
		time.Sleep(time.Second)
		for who, m := range map[string]*wiretest.Member{"p1": here, "p2": there, "t1": teacher} {
			answers := map[string]int{}
			for _, e := range m.SeenEvents() {
				if e.Kind == "quiz.answered" {
					answers[e.By]++
				}
			}
			want := map[string]int{who: 1}
			if who == "t1" {
				want = map[string]int{"p1": 1, "p2": 1}
			}
			if !maps.Equal(answers, want) {
				t.Errorf("%s has seen answers of %v, want %v", who, answers, want)
			}
			if !slices.Contains(seenKinds(m), "quiz.revealed") {
				t.Errorf("%s has not seen the result: %v", who, seenKinds(m))
			}
		}
		noFaults(t, teacher, here, there)
	})
}

func loadQuiz(t *testing.T, b *box, id string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"quiz": item.Quiz{Title: "Planets", Items: []item.Authored{{
		Item: item.Item{ID: "big", Kind: item.Single, Text: "Largest?", Points: 2, Options: []item.Option{{ID: "a", Text: "Mars"}, {ID: "b", Text: "Jupiter"}}},
		Key:  item.Key{Weights: map[string]float64{"b": 1}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.rooms.Call(context.Background(), id, room.Message{Name: "quiz.load", By: event.Viewer{User: "t1", Role: event.Teacher}, Data: data}); err != nil {
		t.Fatal(err)
	}
}

func answer(id, pick string) wiretest.Command {
	return wiretest.Command{ID: id, Name: "quiz.answer", Payload: map[string]any{
		"round": 1, "item": "big", "response": item.Response{Options: []string{pick}},
	}}
}
