package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/roster"
)

// otherBoxes are boxes of the school of which one has the lesson of a code.
type otherBoxes struct{ code string }

func (o otherBoxes) Find(_ context.Context, q directory.Question) (directory.Place, bool) {
	return directory.Place{Box: "Hall", Address: "http://192.0.2.2/j/KEY"}, q.Code == o.code || q.Key == "KEY-of-hall"
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
	r.ok("nobody", "POST", "/api/join/look", map[string]string{"key": "KEY-of-hall"}, &found)
	if found.Elsewhere == nil {
		t.Errorf("the link of another box's lesson: %+v", found)
	}
	r.pupils.Directory = otherBoxes{r.lesson.Code}
	found.Elsewhere = nil
	r.ok("nobody", "POST", "/api/join/look", map[string]string{"code": r.lesson.Code}, &found)
	if found.Elsewhere != nil || found.Lesson.ID != r.lesson.ID {
		t.Errorf("a lesson of this box: %+v", found)
	}
}

// hungBox is another box of the school that finds lessons and then answers no more.
type hungBox struct {
	relay.Boxes
	asked, end chan struct{}
}

func (hungBox) NameOf(id string) string { return map[string]string{"hall": "Hall"}[id] }
func (hungBox) Linked() []string        { return []string{"hall"} }

func (b hungBox) listDoors(context.Context, string) ([]string, error) {
	close(b.asked)
	<-b.end
	return nil, errors.New("no answer")
}

// Codes are looked up one after another. A box that finds a lesson and then hangs keeps no pupil of
// another lesson waiting.
func TestABoxThatHangsKeepsNoCodeWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		other, hall := wrongCode(0)["code"], hungBox{asked: make(chan struct{}), end: make(chan struct{})}
		r.pupils.Directory = placeAt{other, "hall"}
		r.pupils.Relay = relay.New(relay.Deps{Boxes: hall, Doors: hall.listDoors, Log: slog.New(slog.DiscardHandler)})
		var waiting sync.WaitGroup
		waiting.Go(func() { r.ok("nobody", "POST", "/api/join/look", map[string]string{"code": other}, nil) })
		<-hall.asked
		began := time.Now()
		r.ok("nobody", "POST", "/api/join/look", map[string]string{"code": r.lesson.Code}, nil)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("a code of this box waited for %v", waited)
		}
		close(hall.end)
		waiting.Wait()
	})
}

// placeAt is a box with an id that has the lesson of a code.
type placeAt struct{ code, id string }

func (p placeAt) Find(_ context.Context, q directory.Question) (directory.Place, bool) {
	return directory.Place{Box: "Hall", Address: "http://192.0.2.2/j/KEY", ID: p.id}, q.Code == p.code
}

// A guesser at another box opens the lobbies here, and a box that was taken over cannot try all codes.
func TestWrongCodesOfOtherBoxesCountHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		find := func(code string) string {
			_, err := r.FindForOtherBox(roster.Ref{Code: code}, "192.0.2.77")
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
		if l, err := r.FindForOtherBox(roster.Ref{Key: r.lesson.Key}, "192.0.2.77"); err != nil || l.ID != r.lesson.ID {
			t.Errorf("by the key of the link: %+v, %v", l, err)
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
