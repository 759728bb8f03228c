package gateway

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/errs"
)

// otherBoxes are boxes of the school of which one has the lesson of a code.
type otherBoxes struct{ code string }

func (o otherBoxes) Find(_ context.Context, q directory.Question) (directory.Place, bool) {
	return directory.Place{Box: "Hall", Address: "http://192.0.2.2/j/KEY"}, q.Code == o.code
}

// A pupil who types the code of another box's lesson is led there, and it is no wrong code. A lesson of
// this box comes first.
func TestACodeOfAnotherBoxLeadsThere(t *testing.T) {
	r := newRig(t).school()
	other := wrongCode(0)["code"]
	r.pupils.Directory = otherBoxes{other}
	var found struct {
		Lesson    struct{ ID string }
		Names     []any
		Elsewhere *directory.Place
	}
	for range 30 { // more than anybody may guess
		if code := r.browser().send("POST", "/api/join/look", map[string]string{"code": other}).Code; code != 200 {
			t.Fatalf("the code of another box: %d", code)
		}
	}
	r.ok("nobody", "POST", "/api/join/look", map[string]string{"code": other}, &found)
	if found.Elsewhere == nil || found.Elsewhere.Address != "http://192.0.2.2/j/KEY" || found.Names == nil || found.Lesson.ID != "" {
		t.Errorf("got %+v", found)
	}
	if code := r.browser().send("POST", "/api/join/look", wrongCode(1)).Code; code != 404 {
		t.Errorf("a code that no box has: %d", code)
	}
	r.pupils.Directory = otherBoxes{r.lesson.Code}
	found.Elsewhere = nil
	r.ok("nobody", "POST", "/api/join/look", map[string]string{"code": r.lesson.Code}, &found)
	if found.Elsewhere != nil || found.Lesson.ID != r.lesson.ID {
		t.Errorf("a lesson of this box: %+v", found)
	}
}

// A guesser at another box opens the lobbies here, and a box that was taken over cannot try all codes.
func TestWrongCodesOfOtherBoxesCountHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		find := func(code string) string {
			_, err := r.FindForOtherBox(code, "192.0.2.77")
			return errs.BodyOf(err).Code
		}
		if code := find(r.lesson.Code); code != "" {
			t.Errorf("the right code: %s", code)
		}
		misses := 0
		for range 200 {
			if find(wrongCode(0)["code"]) == "no_lesson" {
				misses++
			}
		}
		if misses != 120 || find(r.lesson.Code) != "too_many_tries" {
			t.Errorf("%d misses within a moment", misses)
		}
		if !r.signIn.SomebodyGuesses() {
			t.Error("nobody hears of the guesser")
		}
		var found struct{ Lesson struct{ Lobby bool } }
		if r.ok("nobody", "POST", "/api/join/look", map[string]string{"code": r.lesson.Code}, &found); !found.Lesson.Lobby {
			t.Error("the lobby is closed")
		}
		time.Sleep(time.Second)
		if code := find(r.lesson.Code); code != "" {
			t.Errorf("the right code later: %s", code)
		}
	})
}
