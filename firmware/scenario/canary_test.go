package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// recordingConn is a connection that keeps all that came in.
type recordingConn struct {
	net.Conn
	mu  *sync.Mutex
	all *bytes.Buffer
}

// Read keeps what it gives.
func (c recordingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	c.all.Write(b[:n])
	c.mu.Unlock()
	return n, err
}

const canary = "CANARY-9c41"

// keyPlace is the canary in the key of a pin.
const keyPlace = 0.3141592653

// TestNoByteThatAPupilGetsHoldsAKeyBeforeTheReveal looks at every byte of a pupil's
// socket, and at the answer to every address that the box describes, asked as the pupil.
func TestNoByteThatAPupilGetsHoldsAKeyBeforeTheReveal(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	quiz := map[string]any{"title": "Secret", "items": []any{
		map[string]any{"id": "q1", "kind": "text", "text": "Say it", "points": 1, "key": map[string]any{
			"texts": []any{map[string]any{"text": canary, "weight": 1}}, "general": canary, "feedback": map[string]string{canary: canary},
		}},
		map[string]any{"id": "q2", "kind": "text", "text": "Again", "points": 1, "key": map[string]any{"texts": []any{map[string]any{"text": canary, "weight": 1}}}},
		map[string]any{
			"id": "q3", "kind": "pin", "text": "Where", "points": 1, "image": map[string]any{"id": strings.Repeat("ab", 16) + ".png", "alt": "A map", "w": 8, "h": 6},
			"key": map[string]any{"regions": []any{map[string]any{"x": keyPlace, "y": 0, "w": 0.5, "h": 0.5}}, "general": canary},
		},
	}}
	var kept struct{ ID string }
	if _, err := ada.CallAPI("POST", "/api/quizzes", quiz, &kept); err != nil {
		t.Fatal(err)
	}
	lesson := ada.OpenLesson(ada.AddClass("7B", 2), "Secrets")
	ben := box.JoinLesson(lesson, lesson.Names[0].ID)
	var mu sync.Mutex
	var heard bytes.Buffer
	m := ben.NewMember(lesson.Room)
	dial := m.Dial
	m.Dial = func() (net.Conn, error) {
		c, err := dial()
		return recordingConn{c, &mu, &heard}, err
	}
	lead := ada.NewMember(lesson.Room)
	for _, c := range []*wiretest.Member{m, lead} {
		if _, err := c.Connect(); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	do := func(who *wiretest.Member, name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := who.SendCommand(wiretest.Command{ID: fmt.Sprint("c", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": kept.ID}, nil); err != nil {
		t.Fatal(err)
	}
	do(lead, "quiz.open", map[string]any{})
	do(m, "quiz.answer", map[string]any{"round": 1, "item": "q1", "response": map[string]any{"text": "a guess"}})
	do(lead, "quiz.lock", map[string]any{"round": 1})
	m.Drop()
	if _, err := m.Connect(); err != nil { // a resume, and below a fresh view
		t.Fatal(err)
	}
	fresh := ben.NewMember(lesson.Room)
	fresh.Dial = m.Dial
	if _, err := fresh.Connect(); err != nil {
		t.Fatal(err)
	}
	sent := func() string { mu.Lock(); defer mu.Unlock(); return heard.String() }
	if strings.Contains(sent(), canary) || !strings.Contains(sent(), "Say it") {
		t.Fatalf("the socket told:\n%s", sent())
	}
	if asked := everyAddress(t, ben, lesson, kept.ID); asked < 40 {
		t.Errorf("only %d addresses were asked", asked)
	}
	do(lead, "quiz.open", map[string]any{"items": []string{"q3"}})
	do(m, "quiz.answer", map[string]any{"round": 2, "item": "q3", "response": map[string]any{"pin": map[string]any{"x": 0.4, "y": 0.1}}})
	if strings.Contains(sent(), fmt.Sprint(keyPlace)) || strings.Contains(sent(), canary) || !strings.Contains(sent(), "Where") {
		t.Fatalf("the socket told the place:\n%s", sent())
	}
	do(lead, "quiz.reveal", map[string]any{"round": 2})
	do(m, "tap.set", map[string]any{"tap": "yes"}) // its answer comes behind the reveal
	if !strings.Contains(sent(), canary) || !strings.Contains(sent(), fmt.Sprint(keyPlace)) {
		t.Error("the reveal told nothing: the test would not have seen the key either")
	}
}

// everyAddress asks for each described GET as the pupil, with the ids that the pupil could
// guess, and for each page.
func everyAddress(t *testing.T, ben *boxtest.Person, l boxtest.Lesson, quiz string) (asked int) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if _, err := ben.CallAPI("GET", "/api/openapi.json", nil, &doc); err != nil {
		t.Fatal(err)
	}
	paths := []string{"/", "/lesson", "/teach", "/metrics", "/healthz", "/readyz", "/quiz/" + quiz, "/results/" + l.ID}
	for path, methods := range doc.Paths {
		if _, ok := methods["get"]; !ok {
			continue
		}
		for _, id := range []string{quiz, l.ID, l.Room, ben.User} {
			filled := path
			for strings.Contains(filled, "{") {
				from, to := strings.Index(filled, "{"), strings.Index(filled, "}")
				filled = filled[:from] + id + filled[to+1:]
			}
			paths = append(paths, filled)
		}
	}
	for _, path := range paths {
		req, err := http.NewRequest("GET", "http://"+ben.Box.HTTP+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", ben.Cookie)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || bytes.Contains(body, []byte(canary)) || bytes.Contains(body, fmt.Append(nil, keyPlace)) {
			t.Errorf("GET %s tells a pupil the key: %v", path, err)
		}
		asked++
	}
	return asked
}
