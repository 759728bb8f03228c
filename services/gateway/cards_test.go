package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/roster"
)

func TestACardJoinsItsPupilUntilItIsRenewed(t *testing.T) {
	r := newRig(t).school()
	var cards []roster.Card
	r.ok("teacher", "GET", "/api/classes/"+r.class.ID+"/cards", nil, &cards)
	if len(cards) != 3 || cards[1].Name != pupil2 || !strings.HasPrefix(cards[1].Link, "/c/") {
		t.Fatalf("%+v", cards)
	}
	join := func(link string) (body string, code int) {
		w := r.do(r.request("nobody", "POST", "/api/join", map[string]string{"card": strings.TrimPrefix(link, "/c/")}))
		return w.Body.String(), w.Code
	}
	if body, code := join(cards[1].Link); code != 200 || !strings.Contains(body, pupil2) || !strings.Contains(body, `"role":"pupil"`) {
		t.Errorf("%d %s", code, body)
	}
	if body, code := join(cards[0].Link); code != 200 { // the holder of the card gets the name, and another device loses it
		t.Errorf("%d %s", code, body)
	}
	if w := r.do(r.request("pupil", "GET", "/api/lesson", nil)); w.Code != http.StatusUnauthorized {
		t.Errorf("the device that lost the name is still in: %d", w.Code)
	}
	old := cards[1].Link
	r.ok("teacher", "POST", "/api/classes/"+r.class.ID+"/cards/renew", nil, &cards)
	if body, code := join(old); code != http.StatusForbidden || !strings.Contains(body, `"code":"card"`) {
		t.Errorf("%d %s", code, body)
	}
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil)
	if body, code := join(cards[1].Link); code != http.StatusNotFound || !strings.Contains(body, `"code":"no_lesson"`) {
		t.Errorf("%d %s", code, body)
	}
	for _, secret := range []string{old, cards[1].Link} {
		if strings.Contains(r.log.String(), strings.TrimPrefix(secret, "/c/")) {
			t.Error("a card is in the log")
		}
	}
}

func TestJoiningNeedsAPupilOrACard(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("nobody", "POST", "/api/join", map[string]string{"code": r.lesson.Code}))
	if b := readRefusal(t, w); w.Code != 400 || b.Field != "pupil" {
		t.Errorf("%d %+v", w.Code, b)
	}
}

func TestAPupilsTimeAndNameChange(t *testing.T) {
	r := newRig(t).school()
	path := "/api/classes/" + r.class.ID + "/pupils/" + r.class.Pupils[1].ID
	var p roster.Pupil
	r.ok("teacher", "PATCH", path, map[string]any{"time": 1.5}, &p)
	if p.Time != 1.5 || p.Name != pupil2 {
		t.Errorf("%+v", p)
	}
	r.ok("teacher", "PATCH", path, map[string]any{"name": "Anew", "time": 1}, &p)
	if p.Name != "Anew" {
		t.Errorf("%+v", p)
	}
	for field, in := range map[string]map[string]any{"time": {"time": 4}, "name": {}} {
		if b := readRefusal(t, r.do(r.request("teacher", "PATCH", path, in))); b.Field != field {
			t.Errorf("%+v", b)
		}
	}
}
