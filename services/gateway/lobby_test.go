package gateway

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/audit"
)

type lobbyAnswer struct {
	Open, Guessing bool
	Waiting        []struct{ ID, Pupil, Name string }
}

// guessCodes makes wrong guesses from many devices until somebody is guessing.
func (r *rig) guessCodes() {
	for n := range 20 {
		r.browser().send("POST", "/api/join/look", wrongCode(n))
	}
}

func TestGuessersOpenTheLobbyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		at := "/api/lessons/" + r.lesson.ID + "/lobby"
		var lobby lobbyAnswer
		r.ok("teacher", "GET", at, nil, &lobby)
		if lobby.Open || lobby.Guessing {
			t.Fatalf("before: %+v", lobby)
		}
		r.guessCodes()
		r.ok("teacher", "GET", at, nil, &lobby)
		if !lobby.Open || !lobby.Guessing {
			t.Fatalf("somebody guesses: %+v", lobby)
		}
		page := r.do(r.request("admin", "GET", "/api/admin/audit?action=lobby.guessing", nil)).Body.String()
		if !strings.Contains(page, r.lesson.ID) {
			t.Errorf("the audit log: %s", page)
		}
		r.ok("teacher", "PUT", at, map[string]bool{"open": false}, &lobby)
		r.guessCodes()
		r.ok("teacher", "GET", at, nil, &lobby)
		if lobby.Open || !lobby.Guessing {
			t.Errorf("closed by the teacher in the same alarm: %+v", lobby)
		}
		time.Sleep(time.Hour)
		r.guessCodes()
		r.ok("teacher", "GET", at, nil, &lobby)
		if !lobby.Open {
			t.Error("the next alarm opens no lobby")
		}
	})
}

func TestALateJoinerWaitsForTheTeachersTap(t *testing.T) {
	r := newRig(t).school()
	at := "/api/lessons/" + r.lesson.ID + "/lobby"
	r.ok("teacher", "PUT", at, map[string]bool{"open": true}, nil)
	b, who := r.browser(), r.class.Pupils[1]
	join := map[string]string{"code": r.lesson.Code, "pupil": who.ID}
	w := b.send("POST", "/api/join/look", map[string]string{"code": r.lesson.Code})
	if !strings.Contains(w.Body.String(), `"lobby":true`) {
		t.Errorf("look: %s", w.Body)
	}
	w = b.send("POST", "/api/join", join)
	if got := readRefusal(t, w); w.Code != 403 || got.Code != "lobby" {
		t.Errorf("a new device: %d %+v", w.Code, got)
	}
	var ticket struct{ Ticket string }
	r.ok("nobody", "POST", "/api/join/ask", join, &ticket)
	w = b.send("POST", "/api/join", ticket)
	if got := readRefusal(t, w); w.Code != 403 || got.Code != "waiting" {
		t.Errorf("before the tap: %d %+v", w.Code, got)
	}
	var lobby lobbyAnswer
	r.ok("teacher", "GET", at, nil, &lobby)
	if len(lobby.Waiting) != 1 || lobby.Waiting[0].Name != pupil2 {
		t.Fatalf("lobby: %+v", lobby)
	}
	r.ok("teacher", "POST", at+"/admit", map[string][]string{"waiting": {lobby.Waiting[0].ID}}, &lobby)
	if len(lobby.Waiting) != 0 {
		t.Errorf("after the tap: %+v", lobby)
	}
	var me struct{ User string }
	r.ok("nobody", "POST", "/api/join", map[string]string{"ticket": ticket.Ticket}, &me)
	if me.User != who.ID {
		t.Errorf("joined as %q", me.User)
	}
	for _, kind := range []string{"lobby.set", "lobby.admitted"} {
		list, _, err := r.Audit.List(t.Context(), audit.Filter{Action: kind}, 9)
		if err != nil || len(list) != 1 || list[0].Target != r.lesson.ID || list[0].Name != teacher1 {
			t.Errorf("%s: %+v %v", kind, list, err)
		}
	}
	if strings.Contains(r.log.String(), ticket.Ticket) {
		t.Error("the ticket is in the log")
	}
}
