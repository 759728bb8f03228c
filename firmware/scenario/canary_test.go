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

// tap is a connection that keeps all that came in.
type tap struct {
	net.Conn
	mu  *sync.Mutex
	all *bytes.Buffer
}

// Read keeps what it gives.
func (c tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	c.all.Write(b[:n])
	c.mu.Unlock()
	return n, err
}

const secret = "CANARY-9c41"

// TestNoByteThatAPupilGetsHoldsAKeyBeforeTheReveal looks at every byte of a pupil's
// socket, and at the answer to every address that the box describes, asked as the pupil.
func TestNoByteThatAPupilGetsHoldsAKeyBeforeTheReveal(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	quiz := map[string]any{"title": "Secret", "items": []any{
		map[string]any{"id": "q1", "kind": "text", "text": "Say it", "points": 1, "key": map[string]any{
			"texts": []any{map[string]any{"text": secret, "weight": 1}}, "general": secret, "feedback": map[string]string{secret: secret},
		}},
		map[string]any{"id": "q2", "kind": "text", "text": "Again", "points": 1, "key": map[string]any{"texts": []any{map[string]any{"text": secret, "weight": 1}}}},
	}}
	var kept struct{ ID string }
	if _, err := ada.Call("POST", "/api/quizzes", quiz, &kept); err != nil {
		t.Fatal(err)
	}
	lesson := ada.Lesson(ada.Class("7B", 2), "Secrets")
	ben := box.Join(lesson, lesson.Names[0].ID)
	var mu sync.Mutex
	var heard bytes.Buffer
	m := ben.Member(lesson.Room)
	dial := m.Dial
	m.Dial = func() (net.Conn, error) {
		c, err := dial()
		return tap{c, &mu, &heard}, err
	}
	lead := ada.Member(lesson.Room)
	for _, c := range []*wiretest.Member{m, lead} {
		if _, err := c.Connect(); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	do := func(who *wiretest.Member, name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := who.Do(wiretest.Command{ID: fmt.Sprint("c", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ada.Call("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": kept.ID}, nil); err != nil {
		t.Fatal(err)
	}
	do(lead, "quiz.open", map[string]any{})
	do(m, "quiz.answer", map[string]any{"round": 1, "item": "q1", "response": map[string]any{"text": "a guess"}})
	do(lead, "quiz.lock", map[string]any{"round": 1})
	m.Drop()
	if _, err := m.Connect(); err != nil { // a resume, and below a fresh view
		t.Fatal(err)
	}
	fresh := ben.Member(lesson.Room)
	fresh.Dial = m.Dial
	if _, err := fresh.Connect(); err != nil {
		t.Fatal(err)
	}
	sent := func() string { mu.Lock(); defer mu.Unlock(); return heard.String() }
	if strings.Contains(sent(), secret) || !strings.Contains(sent(), "Say it") {
		t.Fatalf("the socket told:\n%s", sent())
	}
	if asked := everyAddress(t, ben, lesson, kept.ID); asked < 40 {
		t.Errorf("only %d addresses were asked", asked)
	}
	do(lead, "quiz.reveal", map[string]any{"round": 1})
	do(m, "tap.set", map[string]any{"tap": "yes"}) // its answer comes behind the reveal
	if !strings.Contains(sent(), secret) {
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
	if _, err := ben.Call("GET", "/api/openapi.json", nil, &doc); err != nil {
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
		if err != nil || bytes.Contains(body, []byte(secret)) {
			t.Errorf("GET %s tells a pupil the key: %v", path, err)
		}
		asked++
	}
	return asked
}
