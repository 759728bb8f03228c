package quiz

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// rightWidth is in the key of the pin and nowhere else.
const rightWidth = 0.12345

func newImage() *item.Image {
	return &item.Image{ID: strings.Repeat("ab", 16) + ".png", Alt: "A map", W: 800, H: 600}
}

// pictureLesson has an open pin question (round 1) and a drawing to come.
func pictureLesson(t *testing.T, dir string) *roomtest.Harness {
	t.Helper()
	h := roomtest.New(t, dir, room.Config{}, Kind)
	h.StartLesson("l1")
	q := item.Quiz{Title: "Maps", Items: []item.Authored{
		{
			Item: item.Item{ID: "where", Kind: item.Pin, Text: "Where?", Image: newImage(), Points: 2},
			Key:  item.Key{Regions: []item.Region{{X: 0.5, Y: 0.5, W: rightWidth, H: 0.25}}},
		},
		{Item: item.Item{ID: "sketch", Kind: item.Draw, Text: "Draw a leaf"}},
	}}
	mustSend(t, h, roomtest.Ada, "quiz.load", "", map[string]any{"quiz": q})
	mustSend(t, h, roomtest.Ada, "quiz.open", "", nil)
	return h
}

func pinAt(x, y float64) item.Response { return item.Response{Pin: &item.Place{X: x, Y: y}} }

func drawing(bytes int) item.Response {
	return item.Response{Strokes: []item.Stroke{{Color: 1, Size: 2, Points: strings.TrimSuffix(strings.Repeat("0 0 0 ", bytes/6), " ")}}}
}

func TestAPinIsMarkedInsideAndAllPlacesComeWithTheReveal(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := pictureLesson(t, dir)
		heard := []func() string{h.JoinRoom(roomtest.Ben), h.JoinRoom(screen)}
		for range 2 { // sent again: it counts once
			mustSend(t, h, roomtest.Ben, "quiz.answer", "b1", answerPayload(1, "where", pinAt(0.6, 0.6)))
		}
		mustSend(t, h, roomtest.Cid, "quiz.answer", "", answerPayload(1, "where", pinAt(0.2, 0.9)))
		mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		synctest.Wait()
		for i, sent := range []string{heard[0](), heard[1](), h.JoinView(roomtest.Ben), h.JoinView(screen)} {
			if strings.Contains(sent, "regions") || strings.Contains(sent, fmt.Sprint(rightWidth)) || strings.Contains(sent, "0.2,") || !strings.Contains(sent, "Where?") {
				t.Errorf("%d: before the reveal: %s", i, sent)
			}
		}
		mustSend(t, h, roomtest.Ada, "quiz.reveal", "", map[string]any{"round": 1})
		told := viewQuiz(t, h, roomtest.Ben).Round.Told
		want := []item.Place{{X: 0.2, Y: 0.9}, {X: 0.6, Y: 0.6}}
		if !cmp.Equal(told.Pins["where"], want) || told.Mine["where"] != 1 || told.Score != 2 || told.Keys["where"].Regions[0].W != rightWidth {
			t.Errorf("a pupil is told %+v", told)
		}
		if told.Counts["where"]["right"] != 1 || told.Counts["where"]["wrong"] != 1 || told.Marks != nil {
			t.Errorf("counts %v, marks %v", told.Counts, told.Marks)
		}
		if s := heard[1](); !strings.Contains(s, `"pins"`) || strings.Contains(s, `"marks"`) || strings.Contains(s, `"mine"`+`:{"where"`) {
			t.Errorf("the screen is told %s", s)
		}
	})
}

func TestDrawingsReachTheTeacherInPartsAndAllByAStar(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := pictureLesson(t, dir)
		mustSend(t, h, roomtest.Ada, "quiz.next", "", map[string]any{"round": 1, "state": "open"})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", nil)
		teacher, pupil := h.JoinRoom(roomtest.Ada), h.JoinRoom(roomtest.Cid)
		synctest.Wait()
		for i := range 9 {
			p := event.Viewer{User: fmt.Sprint("d", i), Role: event.Pupil}
			mustSend(t, h, p, "quiz.answer", "", answerPayload(2, "sketch", drawing(10<<10-6*i)))
		}
		synctest.Wait()
		if s := teacher(); len(s) > 16<<10 || !strings.Contains(s, `"drawn":true`) {
			t.Errorf("nine drawings fill the queue of the teacher with %d bytes", len(s))
		}
		if v := h.JoinView(roomtest.Ada); len(v) > 8<<10 {
			t.Errorf("the view has %d bytes", len(v))
		}
		seen, after := 0, ""
		for part := 0; part == 0 || after != ""; part++ {
			before := len(teacher())
			mustSend(t, h, roomtest.Ada, "quiz.look", "", map[string]any{"round": 2, "item": "sketch", "after": after})
			synctest.Wait()
			if n := len(teacher()) - before; n > 64<<10 {
				t.Errorf("a part has %d bytes", n)
			}
			cast := lastSeen(t, teacher()[before:])
			after = ""
			for user, a := range cast.Answers {
				if len(a.Response.Strokes) != 1 {
					t.Errorf("%s has no strokes", user)
				}
				if seen++; cast.More && user > after {
					after = user
				}
			}
		}
		if seen != 9 {
			t.Errorf("%d drawings", seen)
		}
		star := func(user string, on bool) error {
			return h.SendCommand(roomtest.Ada, "quiz.star", "", map[string]any{"round": 2, "item": "sketch", "user": user, "on": on})
		}
		if s := pupil(); strings.Contains(s, "strokes") {
			t.Fatal("a pupil sees drawings without a star")
		}
		mustSend(t, h, roomtest.Ben, "quiz.answer", "", answerPayload(2, "sketch", drawing(6<<10)))
		for _, err := range []error{star("d0", true), star("d1", true)} {
			if err != nil {
				t.Error(err)
			}
		}
		if err := star("d2", true); errorCode(err) != "too_many" {
			t.Errorf("three large drawings have a star: %v", err)
		}
		synctest.Wait()
		if s := pupil(); strings.Count(s, "quiz.starred") != 2 || strings.Contains(s, `"d0"`) {
			t.Errorf("the stars: %.300s", s)
		}
	})
}

// lastSeen is the last quiz.seen of some frames.
func lastSeen(t *testing.T, frames string) (c SeenCast) {
	t.Helper()
	_, rest, ok := strings.Cut(frames, `"quiz.seen",`)
	if !ok {
		t.Fatalf("no answer in %.200q", frames)
	}
	if err := json.NewDecoder(strings.NewReader(rest)).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDrawingsHaveBounds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := pictureLesson(t, dir)
		mustSend(t, h, roomtest.Ada, "quiz.lock", "", map[string]any{"round": 1})
		mustSend(t, h, roomtest.Ada, "quiz.open", "", nil)
		var err error
		n := 0
		for ; err == nil && n < 1000; n++ {
			err = h.SendCommand(roomtest.Ben, "quiz.answer", "", answerPayload(2, "sketch", drawing(12000-6*(n%2))))
		}
		if errorCode(err) != "too_much" || n < maxDrawings/12100 {
			t.Errorf("after %d drawings: %v", n, err)
		}
		if err := h.SendCommand(roomtest.Ada, "quiz.look", "", map[string]any{"round": 2, "item": "sketch"}); err != nil {
			t.Error(err)
		}
	})
}
