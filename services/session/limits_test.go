package session_test

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

func TestBadFramesGetAClearAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		frame ws.Frame
		code  ws.StatusCode
	}{
		"oversized": {ws.NewTextFrame(make([]byte, wire.MaxFrame+1)), ws.StatusMessageTooBig},
		"binary":    {ws.NewBinaryFrame([]byte("x")), ws.StatusUnsupportedData},
		"reserved":  {ws.Frame{Header: ws.Header{Fin: true, OpCode: 3}}, ws.StatusProtocolError},
	} {
		withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
			m, other := r.joined("p1"), r.joined("p2")
			_ = m.CurrentConn().SendFrame(ws.MaskFrame(c.frame)) // the box may close while we still write
			<-m.CurrentConn().Done()
			if code, reason := m.CurrentConn().CloseReason(); code != c.code || reason == "" {
				t.Errorf("%s: closed with %d %q, want %d", name, code, reason, c.code)
			}
			mustBody(t)(other.SendCommand(sayCommand("1", "unharmed", "all")))
		})
	}
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		m := r.joined("p1")
		_ = m.CurrentConn().SendFrame(ws.NewTextFrame([]byte("x"))) // the box may close while we still write
		<-m.CurrentConn().Done()
		if code, _ := m.CurrentConn().CloseReason(); code != ws.StatusProtocolError {
			t.Errorf("unmasked: closed with %d", code)
		}
	})
}

func TestBadMessagesGetAClearAnswer(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		m := r.joined("p1")
		for i, c := range []struct {
			name              string
			payload           map[string]any
			code, field, want string
		}{
			{"chat.say", map[string]any{"text": strings.Repeat("x", 2001), "to": "all"}, "too_long", "text", "invalid"},
			{"chat.say", map[string]any{"text": "  ", "to": "all"}, "empty", "text", "invalid"},
			{"chat.say", map[string]any{"text": "a\u0000b", "to": "all"}, "bad_text", "text", "invalid"},
			{"chat.say", map[string]any{"text": 5, "to": "all"}, "bad_type", "text", "invalid"},
			{"chat.say", map[string]any{"text": "x", "to": "p2"}, "unknown", "to", "invalid"},
			{"chat.say", map[string]any{"text": "x", "to": "all", "by": "t1"}, "unknown_field", "by", "invalid"},
			{"tap.set", map[string]any{"tap": "maybe"}, "unknown", "tap", "invalid"},
			{"tap.react", map[string]any{"emoji": "<script>"}, "unknown", "emoji", "invalid"},
			{"nothing.here", nil, "unknown_event", "", "missing"},
			{"chat.say", map[string]any{"id": strings.Repeat("i", 65), "text": "x", "to": "all"}, "too_long", "id", "invalid"},
		} {
			b, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("c", i), Name: c.name, Payload: c.payload})
			if err == nil || b.Reason != c.want || b.Code != c.code || b.Field != c.field {
				t.Errorf("%s %v: %+v, %v", c.name, c.payload, b, err)
			}
			time.Sleep(time.Second)
		}
		for topic, code := range map[string]string{"room:c9": "no_room", "lobby": "unmatched topic", "room:c2": "other_room"} {
			a, err := wiretest.WaitAnswer(m.CurrentConn().SendEvent("", topic, wire.Join, nil))
			if b := a.DecodeBody(); err != nil || a.OK || b.Code != code && b.Code != "other_room" {
				t.Errorf("join %s: %+v, %v", topic, b, err)
			}
		}
		a, err := wiretest.WaitAnswer(m.CurrentConn().SendEvent("", "room:c2", "chat.say", map[string]any{"id": "z"}))
		if b := a.DecodeBody(); err != nil || b.Code != "not_joined" {
			t.Errorf("command without a join: %+v, %v", b, err)
		}
		for _, text := range []string{"{", "[]", `["1","1","room:c1",7,{}]`, `["1","1","room:c1","chat.say",[]]`} {
			if err := m.CurrentConn().SendText([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		mustBody(t)(m.SendCommand(sayCommand("end", "still here", "all")))
	})
}

func TestATeacherEntersOwnRoomsOnly(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		r.joined("t2")
		b, err := r.member("t9").Connect()
		if err == nil || b.Code != "other_room" {
			t.Errorf("a teacher of another class: %+v, %v", b, err)
		}
	})
}

func TestWhoLostARoomIsSentOutOfItAlone(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		in, other := r.joined("t1"), r.joined("t2")
		r.hub.KickFromRoom("t1", "c2", "another room")
		mustBody(t)(in.SendCommand(sayCommand("a", "still here", "all")))
		r.hub.KickFromRoom("t1", "c1", "the class is not shared any more")
		if _, err := in.SendCommand(sayCommand("b", "hello?", "all")); err == nil {
			t.Error("the socket is still open")
		}
		mustBody(t)(other.SendCommand(sayCommand("c", "me too", "all")))
	})
}

func TestAFloodIsStoppedAndOthersGoOn(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		bad, good := r.joined("p1"), r.joined("p2")
		if _, err := bad.SendCommand(sayCommand("1", "first", "all")); err != nil {
			t.Fatal(err)
		}
		sent := 0
		for ; sent < 100_000; sent++ {
			if bad.CurrentConn().SendText(fmt.Appendf(nil, `["1","x%d","room:c1","chat.say",{"id":"f%d","text":"flood","to":"all"}]`, sent, sent)) != nil {
				break
			}
		}
		<-bad.CurrentConn().Done()
		if code, _ := bad.CurrentConn().CloseReason(); code != 4029 {
			t.Errorf("closed with %d after %d messages, want 4029", code, sent)
		}
		mustBody(t)(good.SendCommand(sayCommand("2", "unharmed", "all")))
		synctest.Wait()
		if n := len(saidTexts(t, good)); n > 45 {
			t.Errorf("%d messages of the flood got through, the burst is 40", n)
		}
		if _, err := bad.Connect(); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("a new socket right after a flood: %v, want 429", err)
		}
		time.Sleep(6 * time.Second)
		mustBody(t)(bad.Connect())
		mustBody(t)(bad.SendCommand(sayCommand("3", "again", "all")))
	})
}

func TestTheLimitIsThePersonsAndNotTheSockets(t *testing.T) {
	withRig(t, session.Config{Rate: 1}, nil, func(t *testing.T, r *rig) {
		m := r.joined("p1")
		for i := range 39 {
			mustBody(t)(m.SendCommand(sayCommand(fmt.Sprint(i), "x", "all")))
		}
		if b, err := m.SendCommand(sayCommand("39", "x", "all")); err == nil || b.Code != "rate" || b.RetryMS == 0 {
			t.Errorf("message 40 of a burst of 40, the join included: %+v, %v", b, err)
		}
		m.Drop()
		if b, err := m.Connect(); err == nil || b.Code != "rate" {
			t.Errorf("a new socket refilled the limit: %+v, %v", b, err)
		}
		time.Sleep(2 * time.Second)
		mustBody(t)(m.Join())
	})
}

func TestASlowReaderLosesEphemeraThenItsSocketAndResumes(t *testing.T) {
	for name, c := range map[string]struct {
		messages, within int           // seen after resuming, when all fit into an answer
		every            time.Duration // between two
	}{"stuck write": {80, 80, 150 * time.Millisecond}, "full queue": {400, 0, 60 * time.Millisecond}} {
		withRig(t, session.Config{Rate: 1000, Burst: 1000}, nil, func(t *testing.T, r *rig) {
			ada := r.joined("t1")
			conn, err := r.net.Dial()
			if err != nil {
				t.Fatal(err)
			}
			slow := r.member("p1")
			stuck := &stuckConn{Conn: conn, gate: make(chan struct{})}
			slow.Dial = func() (net.Conn, error) { return stuck, nil }
			mustBody(t)(slow.Connect())
			synctest.Wait()
			stuck.stop()
			for i := range c.messages {
				mustBody(t)(ada.SendCommand(wiretest.Command{ID: fmt.Sprint("r", i), Name: "tap.react", Payload: map[string]any{"emoji": "👏"}}))
				mustBody(t)(ada.SendCommand(sayCommand(fmt.Sprint(i), fmt.Sprint(i, strings.Repeat(" long", 200)), "all")))
				time.Sleep(c.every)
			}
			time.Sleep(time.Second)
			if ada.PresentCounts()["p1"] != 0 {
				t.Errorf("%s: the reader is still present", name)
			}
			close(stuck.gate)
			<-slow.CurrentConn().Done()
			if n := slow.CastCount("tap.reacted"); n >= c.messages {
				t.Errorf("%s: %d ephemera reached a stuck reader", name, n)
			}
			slow.Dial = r.net.Dial
			b := mustBody(t)(slow.Connect())
			synctest.Wait()
			if n := len(saidTexts(t, slow)); n != c.within {
				t.Errorf("%s: %d messages after resuming, want %d", name, n, c.within)
			}
			if last := fmt.Sprintf(`"%d long`, c.messages-1); c.within == 0 && !strings.Contains(string(b.View), last) {
				t.Errorf("%s: the view lacks the last message", name)
			}
		})
	}
}

// stuckConn stops reading on demand.
type stuckConn struct {
	net.Conn
	stopped atomic.Bool
	gate    chan struct{}
}

func (c *stuckConn) stop() { c.stopped.Store(true) }

func (c *stuckConn) Read(p []byte) (int, error) {
	if c.stopped.Load() {
		<-c.gate
	}
	return c.Conn.Read(p)
}

func TestASilentSocketIsClosed(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		m, beating := r.joined("p1"), r.joined("p2")
		for range 3 {
			time.Sleep(61 * time.Second) // as a browser fires the timers of a hidden page
			if _, err := wiretest.WaitAnswer(beating.CurrentConn().SendEvent("", wire.System, wire.Heartbeat, struct{}{})); err != nil {
				t.Fatal(err)
			}
		}
		<-m.CurrentConn().Done()
		if code, _ := m.CurrentConn().CloseReason(); code != 4030 {
			t.Errorf("closed with %d, want 4030", code)
		}
		if !maps.Equal(beating.PresentCounts(), map[string]int{"p2": 1}) {
			t.Errorf("presence %v", beating.PresentCounts())
		}
	})
}

// Another box names its people as it likes. One with the id of a person of this box takes no socket from
// that person, and is not kicked with them.
func TestAPersonOfAnotherBoxHasLimitsOfTheirOwn(t *testing.T) {
	withRig(t, session.Config{Sockets: 1}, nil, func(t *testing.T, r *rig) {
		here, there := r.joined("p1"), r.joined("p1&home=b")
		mustBody(t)(here.SendCommand(sayCommand("1", "still here", "all")))
		r.hub.Kick("p1", "", "the teacher released the name")
		<-here.CurrentConn().Done()
		mustBody(t)(there.SendCommand(sayCommand("2", "still there", "all")))
	})
}

func TestKickAndTooManySockets(t *testing.T) {
	withRig(t, session.Config{Sockets: 2}, nil, func(t *testing.T, r *rig) {
		first, second := r.joined("p1"), r.joined("p1")
		third := r.joined("p1")
		<-first.CurrentConn().Done()
		if code, _ := first.CurrentConn().CloseReason(); code != 4002 {
			t.Errorf("oldest closed with %d, want 4002", code)
		}
		r.hub.Kick("p1", "", "the teacher released the name")
		<-second.CurrentConn().Done()
		<-third.CurrentConn().Done()
		if code, _ := third.CurrentConn().CloseReason(); code != 4001 {
			t.Errorf("kicked with %d, want 4001", code)
		}
		synctest.Wait()
		if n := r.hub.Count(); n != 0 {
			t.Errorf("%d sockets counted, want 0", n)
		}
	})
}
