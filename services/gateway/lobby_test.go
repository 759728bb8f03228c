package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/wire/wiretest"
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

// A client that throws its cookies away is a new device each time, and gets a count of its own until
// those of its address are used up.
func TestDevicesWithoutACookieShareTheRequestsOfTheirNetwork(t *testing.T) {
	r := newRig(t).school()
	r.ok("teacher", "PUT", "/api/lessons/"+r.lesson.ID+"/lobby", map[string]bool{"open": true}, nil)
	ask := func(b *browser, pupil int) int {
		return b.send("POST", "/api/join/ask", map[string]string{"key": r.lesson.Key, "pupil": r.class.Pupils[pupil].ID}).Code
	}
	for n := range 3 {
		if code := ask(&browser{r, "[2001:db8::1]:4000", map[string]*http.Cookie{}}, 1+n%2); code != 200 {
			t.Errorf("device %d without a cookie: %d", n+1, code)
		}
	}
	w := (&browser{r, "[2001:db8::2]:4000", map[string]*http.Cookie{}}).send("POST", "/api/join/ask",
		map[string]string{"key": r.lesson.Key, "pupil": r.class.Pupils[1].ID})
	if got := readRefusal(t, w); w.Code != 409 || got.Code != "lobby_full" {
		t.Errorf("the fourth in the network: %d %+v", w.Code, got)
	}
	b := r.browserAt("2001:db8::2")
	for n := range 2 { // the second request replaces the first
		if code := ask(b, 1+n); code != 200 {
			t.Errorf("a device with a cookie: %d", code)
		}
	}
	var lobby lobbyAnswer
	r.ok("teacher", "GET", "/api/lessons/"+r.lesson.ID+"/lobby", nil, &lobby)
	if len(lobby.Waiting) != 4 {
		t.Errorf("lobby: %+v", lobby)
	}
}

func TestALessonThatStartsWhileSomebodyGuessesHasALobby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		r.guessCodes()
		start := map[string]string{"class": r.spare.ID}
		var l struct {
			ID    string
			Lobby bool
		}
		r.ok("admin", "POST", "/api/lessons", start, &l)
		if !l.Lobby {
			t.Errorf("the new lesson: %+v", l)
		}
		list, _, err := r.Audit.List(t.Context(), audit.Filter{Action: "lobby.guessing"}, 9)
		if err != nil || len(list) != 2 || list[0].Target != l.ID {
			t.Errorf("the audit log: %+v %v", list, err)
		}
		r.ok("admin", "PUT", "/api/lessons/"+l.ID+"/lobby", map[string]bool{"open": false}, nil)
		l.Lobby = false
		r.ok("admin", "POST", "/api/lessons", start, &l) // the lesson runs already
		if l.Lobby {
			t.Error("a second press on Start opens the lobby that the teacher closed")
		}
	})
}

// A ticket that a second device repeats gives it the name, so the first one is no longer in the lesson.
func TestATicketThatMovesTheNameClosesTheOldSocket(t *testing.T) {
	withServer(t, func(*Config) {}, func(t *testing.T, r *rig, p *wiretest.Net) {
		r.school()
		checkError(t, r.Roster.SetLobby(r.lesson.ID, true))
		ticket, err := r.Roster.EnterLobby(roster.Ref{Key: r.lesson.Key}, r.class.Pupils[1].ID, "", roster.Asker{})
		checkError(t, err)
		list, err := r.Roster.WaitingDevices(r.lesson.ID)
		checkError(t, err)
		_, err = r.Roster.AdmitWaiting(r.lesson.ID, []string{list[0].ID}, true)
		checkError(t, err)
		_, token, _, _, err := r.Roster.JoinTicket(ticket, "")
		checkError(t, err)
		c := dialServer(t, p)
		resp, text := getOn(t, c, "/socket/websocket?vsn=2.0.0", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Authorization: Bearer "+token)
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("socket: %v %s", resp, text)
		}
		r.ok("nobody", "POST", "/api/join", map[string]string{"ticket": ticket}, nil)
		said, _ := io.ReadAll(c) // until the server closes the socket
		// The token is void too, and the socket may notice that first ("signed out").
		if !strings.Contains(string(said), "let in") && !strings.Contains(string(said), "signed out") {
			t.Errorf("the old socket: %q", said)
		}
	})
}
