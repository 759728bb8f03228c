package call

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
	"github.com/livelearn/box/services/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ada    = roomtest.Ada
	ben    = roomtest.Ben
	cid    = roomtest.Cid
	wall   = event.Viewer{User: "t1", Role: event.Screen}
	box    = event.Viewer{Role: event.Operator}
	camera = []media.Source{media.Camera}
	both   = []media.Source{media.Camera, media.Microphone}
)

// exchange writes down what it is asked.
type exchange struct {
	mu    sync.Mutex
	calls []string // guarded by mu
}

func (x *exchange) note(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls = append(x.calls, fmt.Sprintf(format, args...))
}

func (x *exchange) Publish(req string, p media.Publish) {
	x.note("publish %s %s %s %s first=%v", req, p.Room, p.User, p.Session, p.First)
}

func (x *exchange) Watch(req string, w media.Watch) {
	x.note("watch %s %s %s %s %s", req, w.Room, w.User, w.Session, w.Mode)
}
func (x *exchange) Want(w media.Want)    { x.note("want %s %s %v", w.Session, w.Mode, w.Heights) }
func (x *exchange) Close(session string) { x.note("close %s", session) }
func (x *exchange) Mute(room, user string, source media.Source, on bool) {
	x.note("mute %s %s %s %v", room, user, source, on)
}
func (x *exchange) Record(room string, on, all bool) { x.note("record %s %v %v", room, on, all) }
func (x *exchange) Sync(room string)                 { x.note("sync %s", room) }

// took is what was asked since the last time.
func (x *exchange) took() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	calls := x.calls
	x.calls = nil
	return calls
}

// class is an open lesson whose exchange has answered that nothing is on air.
type class struct {
	*roomtest.Harness
	t *testing.T
	x *exchange
}

func beginLesson(t *testing.T) class {
	t.Helper()
	x := &exchange{}
	c := class{roomtest.New(t, t.TempDir(), room.Config{}, Kind(x)), t, x}
	c.StartLesson("l1")
	c.do(box, "call.sync", Live{})
	x.took()
	return c
}

func (c class) do(by event.Viewer, name string, payload any) {
	c.t.Helper()
	if err := c.ask(by, name, payload); err != nil {
		c.t.Fatalf("%s %v: %v", name, payload, err)
	}
}

var ids int

func (c class) ask(by event.Viewer, name string, payload any) error {
	ids++
	return c.SendCommand(by, name, fmt.Sprint("id", ids), payload)
}

// refused wants a refusal with the code.
func (c class) refused(by event.Viewer, name string, payload any, code string) {
	c.t.Helper()
	if got := errs.BodyOf(c.ask(by, name, payload)).Code; got != code {
		c.t.Errorf("%s by %v: refused with %q, want %q", name, by, got, code)
	}
}

type payloadMap map[string]any

// sessionName is a session's name as its page chooses it.
func sessionName(n any) string { return fmt.Sprintf("session-%08v-abcdef", n) }

func offerPayload(n any, list ...media.Source) payloadMap {
	tracks := []media.Track{}
	for i, s := range list {
		tracks = append(tracks, media.Track{MID: fmt.Sprint(i), Source: s})
	}
	return payloadMap{"session": sessionName(n), "sdp": "v=0 offer", "tracks": tracks}
}

func watchPayload(n any) payloadMap {
	return payloadMap{"session": sessionName(n), "sdp": "v=0 offer", "mode": "full"}
}

func (c class) event(kind string, user string, n any, source media.Source) {
	c.t.Helper()
	c.do(box, "call.event", media.Event{Kind: kind, Room: "c1", User: user, Session: sessionID(user, sessionName(n)), Source: source})
}

// seenBy is the feature's view.
func (c class) seenBy(v event.Viewer) (out view) {
	c.t.Helper()
	var all struct{ Call view }
	if err := json.Unmarshal([]byte(c.JoinView(v)), &all); err != nil {
		c.t.Fatal(err)
	}
	return all.Call
}

// air is the list of sources on air, sorted.
func (c class) air() string {
	c.t.Helper()
	var list []string
	for _, a := range c.seenBy(ben).OnAir {
		list = append(list, a.User+" "+string(a.Source))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (c class) wantAir(want string) {
	c.t.Helper()
	if got := c.air(); got != want {
		c.t.Errorf("on air %q, want %q", got, want)
	}
}

func (c class) wantCalls(want ...string) {
	c.t.Helper()
	if got := c.x.took(); !slices.Equal(got, want) {
		c.t.Errorf("asked of the exchange\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

// discardMember is a member that throws away what it is sent.
type discardMember struct{}

func (discardMember) Send(wire.Frame)   {}
func (discardMember) Closed(*room.Seat) {}

// post asks as a page does, over a seat in the room.
func (c class) post(by event.Viewer, name, payload string) error {
	c.t.Helper()
	seat := &room.Seat{Room: "c1", Viewer: by, JoinRef: "1", Member: discardMember{}}
	if err := c.Rooms.Join(seat, "1"); err != nil {
		c.t.Fatal(err)
	}
	defer c.Rooms.Leave(seat)
	answer := make(chan error, 1)
	m := room.Message{Name: name, ID: "posted", Data: json.RawMessage(payload), Reply: func(r room.Reply) { answer <- r.Err }}
	if err := c.Rooms.Post(seat, m); err != nil {
		c.t.Fatal(err)
	}
	return <-answer
}

func countIn(in, what string) int { return strings.Count(in, what) }
