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
		bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
			m, other := r.joined("p1"), r.joined("p2")
			_ = m.Conn().Frame(ws.MaskFrame(c.frame)) // the box may close while we still write
			<-m.Conn().Done()
			if code, reason := m.Conn().Closed(); code != c.code || reason == "" {
				t.Errorf("%s: closed with %d %q, want %d", name, code, reason, c.code)
			}
			must(t)(other.Do(say("1", "unharmed", "all")))
		})
	}
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		m := r.joined("p1")
		_ = m.Conn().Frame(ws.NewTextFrame([]byte("x"))) // the box may close while we still write
		<-m.Conn().Done()
		if code, _ := m.Conn().Closed(); code != ws.StatusProtocolError {
			t.Errorf("unmasked: closed with %d", code)
		}
	})
}

func TestBadMessagesGetAClearAnswer(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
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
			b, err := m.Do(wiretest.Command{ID: fmt.Sprint("c", i), Name: c.name, Payload: c.payload})
			if err == nil || b.Reason != c.want || b.Code != c.code || b.Field != c.field {
				t.Errorf("%s %v: %+v, %v", c.name, c.payload, b, err)
			}
			time.Sleep(time.Second)
		}
		for topic, code := range map[string]string{"room:c9": "no_room", "lobby": "unmatched topic", "room:c2": "other_room"} {
			a, err := wiretest.Wait(m.Conn().Send("", topic, wire.Join, nil))
			if b := a.Body(); err != nil || a.OK || b.Code != code && b.Code != "other_room" {
				t.Errorf("join %s: %+v, %v", topic, b, err)
			}
		}
		a, err := wiretest.Wait(m.Conn().Send("", "room:c2", "chat.say", map[string]any{"id": "z"}))
		if b := a.Body(); err != nil || b.Code != "not_joined" {
			t.Errorf("command without a join: %+v, %v", b, err)
		}
		for _, text := range []string{"{", "[]", `["1","1","room:c1",7,{}]`, `["1","1","room:c1","chat.say",[]]`} {
			if err := m.Conn().Raw([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		must(t)(m.Do(say("end", "still here", "all")))
	})
}

func TestAFloodIsStoppedAndOthersGoOn(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		bad, good := r.joined("p1"), r.joined("p2")
		if _, err := bad.Do(say("1", "first", "all")); err != nil {
			t.Fatal(err)
		}
		sent := 0
		for ; sent < 100_000; sent++ {
			if bad.Conn().Raw(fmt.Appendf(nil, `["1","x%d","room:c1","chat.say",{"id":"f%d","text":"flood","to":"all"}]`, sent, sent)) != nil {
				break
			}
		}
		<-bad.Conn().Done()
		if code, _ := bad.Conn().Closed(); code != 4029 {
			t.Errorf("closed with %d after %d messages, want 4029", code, sent)
		}
		must(t)(good.Do(say("2", "unharmed", "all")))
		synctest.Wait()
		if n := len(texts(t, good)); n > 45 {
			t.Errorf("%d messages of the flood got through, the burst is 40", n)
		}
		if _, err := bad.Connect(); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("a new socket right after a flood: %v, want 429", err)
		}
		time.Sleep(6 * time.Second)
		must(t)(bad.Connect())
		must(t)(bad.Do(say("3", "again", "all")))
	})
}

func TestTheLimitIsThePersonsAndNotTheSockets(t *testing.T) {
	bubble(t, session.Config{Rate: 1}, nil, func(t *testing.T, r *rig) {
		m := r.joined("p1")
		for i := range 39 {
			must(t)(m.Do(say(fmt.Sprint(i), "x", "all")))
		}
		if b, err := m.Do(say("39", "x", "all")); err == nil || b.Code != "rate" || b.RetryMS == 0 {
			t.Errorf("message 40 of a burst of 40, the join included: %+v, %v", b, err)
		}
		m.Drop()
		if b, err := m.Connect(); err == nil || b.Code != "rate" {
			t.Errorf("a new socket refilled the limit: %+v, %v", b, err)
		}
		time.Sleep(2 * time.Second)
		must(t)(m.Join())
	})
}

func TestASlowReaderLosesEphemeraThenItsSocketAndResumes(t *testing.T) {
	for name, c := range map[string]struct {
		messages, within int           // seen after resuming, when all fit into an answer
		every            time.Duration // between two
	}{"stuck write": {80, 80, 150 * time.Millisecond}, "full queue": {400, 0, 60 * time.Millisecond}} {
		bubble(t, session.Config{Rate: 1000, Burst: 1000}, nil, func(t *testing.T, r *rig) {
			ada := r.joined("t1")
			conn, err := r.net.Dial()
			if err != nil {
				t.Fatal(err)
			}
			slow := r.member("p1")
			stuck := &stuckConn{Conn: conn, gate: make(chan struct{})}
			slow.Dial = func() (net.Conn, error) { return stuck, nil }
			must(t)(slow.Connect())
			synctest.Wait()
			stuck.stop()
			for i := range c.messages {
				must(t)(ada.Do(wiretest.Command{ID: fmt.Sprint("r", i), Name: "tap.react", Payload: map[string]any{"emoji": "👏"}}))
				must(t)(ada.Do(say(fmt.Sprint(i), fmt.Sprint(i, strings.Repeat(" long", 200)), "all")))
				time.Sleep(c.every)
			}
			time.Sleep(time.Second)
			if ada.Present()["p1"] != 0 {
				t.Errorf("%s: the reader is still present", name)
			}
			close(stuck.gate)
			<-slow.Conn().Done()
			if n := slow.Casts("tap.reacted"); n >= c.messages {
				t.Errorf("%s: %d ephemera reached a stuck reader", name, n)
			}
			slow.Dial = r.net.Dial
			b := must(t)(slow.Connect())
			synctest.Wait()
			if n := len(texts(t, slow)); n != c.within {
				t.Errorf("%s: %d messages after resuming, want %d", name, n, c.within)
			}
			if last := fmt.Sprintf(`"%d long`, c.messages-1); c.within == 0 && !strings.Contains(string(b.View), last) {
				t.Errorf("%s: the view lacks the last message", name)
			}
		})
	}
}

// stuckConn stops reading when told to.
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
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		m, beating := r.joined("p1"), r.joined("p2")
		for range 3 {
			time.Sleep(30 * time.Second)
			if _, err := wiretest.Wait(beating.Conn().Send("", wire.System, wire.Heartbeat, struct{}{})); err != nil {
				t.Fatal(err)
			}
		}
		<-m.Conn().Done()
		if code, _ := m.Conn().Closed(); code != 4030 {
			t.Errorf("closed with %d, want 4030", code)
		}
		if !maps.Equal(beating.Present(), map[string]int{"p2": 1}) {
			t.Errorf("presence %v", beating.Present())
		}
	})
}

func TestKickAndTooManySockets(t *testing.T) {
	bubble(t, session.Config{Sockets: 2}, nil, func(t *testing.T, r *rig) {
		first, second := r.joined("p1"), r.joined("p1")
		third := r.joined("p1")
		<-first.Conn().Done()
		if code, _ := first.Conn().Closed(); code != 4002 {
			t.Errorf("oldest closed with %d, want 4002", code)
		}
		r.hub.Kick("p1", "", "the teacher released the name")
		<-second.Conn().Done()
		<-third.Conn().Done()
		if code, _ := third.Conn().Closed(); code != 4001 {
			t.Errorf("kicked with %d, want 4001", code)
		}
		synctest.Wait()
		if n := r.hub.Count(); n != 0 {
			t.Errorf("%d sockets counted, want 0", n)
		}
	})
}
