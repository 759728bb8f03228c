package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/gateway/staff"

	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/item"
)

func TestQuizGoesOverTheWireWithItsKeys(t *testing.T) {
	r := newRig(t).school()
	path := "/api/quizzes/" + r.quiz.ID
	var q item.Quiz
	r.ok("teacher", "GET", path, nil, &q)
	if q.Items[0].Key.Weights["b"] != 1 {
		t.Errorf("got %+v", q.Items[0])
	}
	stale := q
	q.Title = "Our planets"
	r.ok("teacher", "PUT", path, q, &q)
	if b := readRefusal(t, r.do(r.request("teacher", "PUT", path, stale))); b.Reason != "stale" || b.Code != "changed" {
		t.Errorf("got %+v", b)
	}
	var list []library.Summary
	r.ok("teacher", "GET", "/api/quizzes", nil, &list)
	if len(list) != 1 || list[0].Title != "Our planets" || list[0].Count != 5 {
		t.Errorf("got %+v", list)
	}
	var made item.Quiz
	r.ok("teacher", "POST", "/api/quizzes", map[string]any{"title": "Long", "items": longItems()}, &made)
	if made.ID == "" || len(made.Items) != item.MaxItems {
		t.Errorf("got %s with %d items", made.ID, len(made.Items))
	}
}

// longItems is a quiz of more than httpapi.MaxBody.
func longItems() (items []item.Authored) {
	for range item.MaxItems {
		items = append(items, item.Authored{Item: item.Item{Kind: item.Slide, Text: strings.Repeat("ش", 2000)}})
	}
	return items
}

func TestFaultsInAQuizAreNamed(t *testing.T) {
	r := newRig(t).school()
	for in, want := range map[string]string{
		`{"title":""}`: "title empty",
		`{"title":"x","items":[{"kind":"text","text":"y"},{"kind":"single","text":"y","options":[{"text":"a"}]}]}`: "items[1].options too_few",
		`{"title":"x","items":[{"kind":3}]}`: "body bad_request",
		`[]`:                                 "body bad_request",
		`{"title":"x","z":"` + strings.Repeat("z", staff.MaxQuiz) + `"}`: "body too_long",
	} {
		w := r.do(r.request("teacher", "POST", "/api/quizzes", in))
		if b := readRefusal(t, w); b.Field+" "+b.Code != want {
			t.Errorf("%.60s: got %+v, want %s", in, b, want)
		}
	}
}

func TestPageImageIsKeptByBrowsers(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("nobody", "GET", r.page, nil))
	if got := w.Header(); w.Code != 200 || got.Get("Content-Type") != "image/png" || !strings.Contains(got.Get("Cache-Control"), "immutable") {
		t.Errorf("got %d %v", w.Code, got)
	}
	if !strings.HasPrefix(w.Body.String(), "\x89PNG") {
		t.Error("that is no picture")
	}
	for _, path := range []string{
		strings.Replace(r.page, "-640", "-x", 1), "/slides/d_sample/..%2f..%2flibrary.db", "/slides/..%2f/library.db", r.page + "%00", "/slides/d_sample/",
	} {
		if w := r.do(r.request("admin", "GET", path, nil)); w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "" {
			t.Errorf("%s: got %d %v", path, w.Code, w.Header())
		}
	}
}

func TestClaimedBoxHasSomethingToBeginWith(t *testing.T) {
	r := newRig(t)
	claim := map[string]string{"code": r.claim, "box": "Box", "name": admin1, "pin": pin, "lang": "fr"}
	r.ok("nobody", "POST", "/api/claim", claim, nil)
	quiz, err := r.Library.Quiz(library.SampleQuizID)
	if err != nil || quiz.Title != "Le Système solaire" {
		t.Errorf("got %+v, %v", quiz, err)
	}
	if d, err := r.Library.Decks.Deck(library.SampleDeckID); err != nil || len(d.Pages) != 3 {
		t.Errorf("got %+v, %v", d, err)
	}
}
