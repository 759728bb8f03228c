package gateway

import (
	"testing"

	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/item"
)

func TestASampleIsInTheLibraryWhenATeacherCopiesIt(t *testing.T) {
	r := newRig(t).school()
	var before, after []library.Summary
	r.ok("teacher", "GET", "/api/quizzes", nil, &before)
	var samples []struct {
		ID, Subject, Level, Title string
		Count                     int
	}
	r.ok("teacher", "GET", "/api/samples?lang=fr", nil, &samples)
	if len(samples) != 12 || samples[0].Subject != "mathematics" || samples[0].Level != "7-9" || samples[0].Title != "Nombres et formes" || samples[0].Count < 6 {
		t.Fatalf("got %+v", samples)
	}
	path := "/api/samples/" + samples[0].ID
	var shown, made, kept item.Quiz
	r.ok("teacher", "GET", path+"?lang=fr", nil, &shown)
	r.ok("teacher", "GET", "/api/quizzes", nil, &after)
	if shown.Title != samples[0].Title || len(shown.Items) != samples[0].Count || len(after) != len(before) {
		t.Errorf("a look at %+v changed the library: %d quizzes, before %d", shown, len(after), len(before))
	}
	r.ok("teacher", "POST", path+"/copy?lang=fr", nil, &made)
	r.ok("teacher", "GET", "/api/quizzes/"+made.ID, nil, &kept)
	if kept.Title != samples[0].Title || len(kept.Items) != samples[0].Count || kept.Items[0].Key.Weights["b"] != 1 {
		t.Errorf("got %+v", kept)
	}
	r.ok("teacher", "POST", path+"/copy?lang=fr", nil, &made)
	if made.ID == kept.ID {
		t.Error("the second copy replaced the first")
	}
}

func TestASampleThatIsNotThereIsRefused(t *testing.T) {
	r := newRig(t).school()
	for path, want := range map[string]string{
		"/api/samples":                     "lang unknown",
		"/api/samples?lang=de":             "lang unknown",
		"/api/samples/science-7-9?lang=de": "lang unknown",
		"/api/samples/art-7-9?lang=en":     " no_sample",
	} {
		if b := readRefusal(t, r.do(r.request("teacher", "GET", path, nil))); b.Field+" "+b.Code != want {
			t.Errorf("%s: got %+v, want %s", path, b, want)
		}
	}
}
