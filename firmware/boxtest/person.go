package boxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// Person is somebody with a browser: the cookie is the box's word on who it is.
type Person struct {
	Box    *Box
	Cookie string
	User   string
}

// Lesson is an open lesson as the box returns it.
type Lesson struct {
	ID, Room, Code, Key string
	Names               []Name
}

// Name is a pupil who may join.
type Name struct {
	ID, Name string
	Taken    bool
}

// PIN is that of the person who claimed the box.
const PIN = "246810"

// CallAPI sends a request and reads the answer into out, if it is not nil. It gives the
// status. If the box wants the PIN first, it gives the PIN and sends the request again.
func (p *Person) CallAPI(method, path string, in, out any) (int, error) {
	status, err := p.callOnce(method, path, in, out)
	if status == http.StatusForbidden && strings.Contains(err.Error(), `"pin_needed"`) && p.ConfirmPIN() == nil {
		return p.callOnce(method, path, in, out)
	}
	return status, err
}

// ConfirmPIN enters the PIN again.
func (p *Person) ConfirmPIN() error {
	_, err := p.callOnce("POST", "/api/pin/confirm", map[string]string{"pin": PIN}, nil)
	return err
}

func (p *Person) callOnce(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+p.Box.HTTP+path, body)
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
	client := http.Client{Timeout: timetest.Patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	p.keepCookies(resp.Cookies())
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

// keepCookies keeps what the box has set, as a browser does.
func (p *Person) keepCookies(set []*http.Cookie) {
	have, _ := http.ParseCookie(p.Cookie) // an empty header has none
	for _, c := range set {
		have = slices.DeleteFunc(have, func(o *http.Cookie) bool { return o.Name == c.Name })
		if c.MaxAge >= 0 {
			have = append(have, c)
		}
	}
	list := make([]string, len(have))
	for i, c := range have {
		list[i] = c.Name + "=" + c.Value
	}
	p.Cookie = strings.Join(list, "; ")
}

// mustCall is Call that ends the test on any fault.
func (p *Person) mustCall(method, path string, in, out any) {
	p.Box.T.Helper()
	if _, err := p.CallAPI(method, path, in, out); err != nil {
		p.Box.T.Fatal(err)
	}
}

// ClaimBox makes the box the teacher's own.
func (b *Box) ClaimBox(name string) *Person {
	b.T.Helper()
	p := &Person{Box: b}
	var me struct{ User string }
	p.mustCall("POST", "/api/claim", map[string]string{"code": b.Code, "box": "Test box", "name": name, "pin": PIN, "lang": "en"}, &me)
	p.User = me.User
	return p
}

// AddClass makes a class of n pupils named "Pupil 1" and on, and gives its id.
func (p *Person) AddClass(name string, n int) string {
	p.Box.T.Helper()
	var class struct{ ID string }
	p.mustCall("POST", "/api/classes", map[string]string{"name": name}, &class)
	var names strings.Builder
	for i := range n {
		fmt.Fprintf(&names, "Pupil %c%d\n", 'A'+i%26, i+1)
	}
	p.mustCall("POST", "/api/classes/"+class.ID+"/pupils", map[string]any{"text": names.String(), "dry": false}, nil)
	return class.ID
}

// OpenLesson opens a lesson and looks up who may join.
func (p *Person) OpenLesson(class, title string) Lesson {
	p.Box.T.Helper()
	var l Lesson
	p.mustCall("POST", "/api/lessons", map[string]string{"class": class, "title": title}, &l)
	var look struct{ Names []Name }
	(&Person{Box: p.Box}).mustCall("POST", "/api/join/look", map[string]string{"key": l.Key}, &look)
	l.Names = look.Names
	return l
}

// JoinLesson takes a name in the lesson.
func (b *Box) JoinLesson(l Lesson, pupil string) *Person {
	b.T.Helper()
	p := &Person{Box: b, User: pupil}
	p.mustCall("POST", "/api/join", map[string]string{"key": l.Key, "pupil": pupil}, nil)
	return p
}

// NewMember is the person's place in a room, not connected yet. It dials the box where the
// box then is.
func (p *Person) NewMember(room string) *wiretest.Member {
	return &wiretest.Member{
		Dial: p.Box.dial,
		URL:  "ws://" + p.Box.HTTP + "/socket/websocket?vsn=2.0.0", Cookie: p.Cookie, Room: room,
	}
}
