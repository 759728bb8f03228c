package boxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/livelearn/box/services/wire/wiretest"
)

// Person is somebody with a browser: the cookie is the box's word on who it is.
type Person struct {
	Box    *Box
	Cookie string
	User   string
}

// Lesson is an open lesson as the box tells of it.
type Lesson struct {
	ID, Room, Code, Key string
	Names               []Name
}

// Name is a pupil who may join.
type Name struct {
	ID, Name string
	Taken    bool
}

// Call sends a request and reads the answer into out, if it is not nil. It gives the
// status.
func (p *Person) Call(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://"+p.Box.HTTP+path, body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.Cookie != "" {
		req.Header.Set("Cookie", p.Cookie)
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return p.Box.dial() }
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		p.Cookie = c.Name + "=" + c.Value
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, data)
	}
	if out != nil {
		return resp.StatusCode, json.Unmarshal(data, out)
	}
	return resp.StatusCode, nil
}

// must is Call that ends the test on any fault.
func (p *Person) must(method, path string, in, out any) {
	p.Box.T.Helper()
	if _, err := p.Call(method, path, in, out); err != nil {
		p.Box.T.Fatal(err)
	}
}

// Claim makes the box the teacher's own.
func (b *Box) Claim(name string) *Person {
	b.T.Helper()
	p := &Person{Box: b}
	var me struct{ User string }
	p.must("POST", "/api/claim", map[string]string{"code": b.Code, "box": "Test box", "name": name, "pin": "246810", "lang": "en"}, &me)
	p.User = me.User
	return p
}

// Class makes a class of n pupils named "Pupil 1" and on, and gives its id.
func (p *Person) Class(name string, n int) string {
	p.Box.T.Helper()
	var class struct{ ID string }
	p.must("POST", "/api/classes", map[string]string{"name": name}, &class)
	var names strings.Builder
	for i := range n {
		fmt.Fprintf(&names, "Pupil %c%d\n", 'A'+i%26, i+1)
	}
	p.must("POST", "/api/classes/"+class.ID+"/pupils", map[string]any{"text": names.String(), "dry": false}, nil)
	return class.ID
}

// Lesson opens a lesson and looks up who may join.
func (p *Person) Lesson(class, title string) Lesson {
	p.Box.T.Helper()
	var l Lesson
	p.must("POST", "/api/lessons", map[string]string{"class": class, "title": title}, &l)
	var look struct{ Names []Name }
	(&Person{Box: p.Box}).must("POST", "/api/join/look", map[string]string{"key": l.Key}, &look)
	l.Names = look.Names
	return l
}

// Join takes a name in the lesson.
func (b *Box) Join(l Lesson, pupil string) *Person {
	b.T.Helper()
	p := &Person{Box: b, User: pupil}
	p.must("POST", "/api/join", map[string]string{"key": l.Key, "pupil": pupil}, nil)
	return p
}

// Member is the person's place in a room, not connected yet. It dials the box where the
// box then is.
func (p *Person) Member(room string) *wiretest.Member {
	return &wiretest.Member{
		Dial: p.Box.dial,
		URL:  "ws://" + p.Box.HTTP + "/socket/websocket?vsn=2.0.0", Cookie: p.Cookie, Room: room,
	}
}
