package session_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

func textOf(e wiretest.Event) string {
	var d struct{ Text string }
	_ = json.Unmarshal(e.Data, &d) // an empty text fails the comparison
	return d.Text
}

func must(t testing.TB) func(wiretest.Body, error) wiretest.Body {
	return func(b wiretest.Body, err error) wiretest.Body {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestWhatIsSaidIsSavedAndSeenByThoseWhoMay(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben, cid := r.joined("t1"), r.joined("p1"), r.joined("p2")
		if b := must(t)(ben.Do(say("a", "hello", "all"))); !b.Saved || b.ID != "a" || b.Seq == 0 {
			t.Errorf("ack %+v", b)
		}
		must(t)(ben.Do(say("b", "I am lost", "teacher")))
		synctest.Wait()
		for m, want := range map[*wiretest.Member][]string{ada: {"hello", "I am lost"}, ben: {"hello", "I am lost"}, cid: {"hello"}} {
			if d := cmp.Diff(want, texts(t, m)); d != "" {
				t.Error(d)
			}
		}
		late := r.joined("p3")
		if v := string(late.View()); !strings.Contains(v, "hello") || strings.Contains(v, "lost") {
			t.Errorf("view of a late pupil: %s", v)
		}
	})
}

func TestAMemberResumesWhereItLeftOff(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		must(t)(ada.Do(say("1", "one", "all")))
		synctest.Wait()
		ben.Drop()
		must(t)(ada.Do(say("2", "two", "all")))
		must(t)(ada.Do(say("3", "three", "all")))
		if b := must(t)(ben.Connect()); b.Missed == nil || len(b.Missed) != 2 {
			t.Errorf("missed %+v, want two events", b.Missed)
		}
		if d := cmp.Diff([]string{"one", "two", "three"}, texts(t, ben)); d != "" {
			t.Error(d)
		}
	})
}

func TestARepeatedCommandCountsOnce(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		first := must(t)(ben.Do(say("same", "once", "all")))
		again := must(t)(ben.Do(say("same", "once", "all")))
		synctest.Wait()
		if d := cmp.Diff(first, again); d != "" {
			t.Errorf("answers differ: %s", d)
		}
		if d := cmp.Diff([]string{"once"}, texts(t, ada)); d != "" {
			t.Error(d)
		}
	})
}

func TestTheProgramRestartsAndNothingSavedIsGone(t *testing.T) {
	dir := t.TempDir()
	var ada, ben *wiretest.Member
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{})
		r.lesson("l1")
		ada, ben = r.joined("t1"), r.joined("p1")
		for i := range 5 {
			must(t)(ben.Do(say(fmt.Sprint(i), fmt.Sprint("text ", i), "all")))
		}
		synctest.Wait()
		r.stop()
		if code, _ := ben.Conn().Closed(); code != ws.StatusGoingAway {
			t.Errorf("close code %d, want %d", code, ws.StatusGoingAway)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{})
		ada.Dial, ben.Dial = r.net.Dial, r.net.Dial
		if b := must(t)(ada.Connect()); b.Missed == nil || b.Epoch != 2 {
			t.Errorf("join after a restart: %+v, want a resume in epoch 2", b)
		}
		must(t)(ben.Connect())
		repeat := must(t)(ben.Do(say("4", "text 4", "all")))
		must(t)(ben.Do(say("5", "text 5", "all")))
		synctest.Wait()
		want := []string{"text 0", "text 1", "text 2", "text 3", "text 4", "text 5"}
		if d := cmp.Diff(want, texts(t, ada)); d != "" || repeat.Seq == 0 {
			t.Error(d, repeat)
		}
		r.stop()
	})
}

// bomb is a feature that crashes on demand.
func bomb(handle, apply *atomic.Int32) room.Kind {
	return room.Kind{
		Name: "bomb", New: func() room.Feature { return &bombed{handle: handle, apply: apply} },
		Commands: []room.Command{{Name: "bomb.set", Pupil: true}},
		Events:   []event.Def{{Kind: "bomb.went"}},
	}
}

type bombed struct {
	handle, apply *atomic.Int32 // crashes still to come; below zero: always
	N             int
}

func (b *bombed) Handle(t *room.Turn, m room.Message) error {
	if v := b.handle.Add(-1); v >= 0 || v < -100 {
		panic("bomb in Handle")
	}
	t.Record("bomb.went", struct{}{})
	return nil
}

func (b *bombed) Apply(event.Event) {
	if v := b.apply.Add(-1); v >= 0 || v < -100 {
		panic("bomb in Apply")
	}
	b.N++
}

func (b *bombed) View(event.Viewer) any { return b.N }

func TestACrashedRoomKeepsItsPeople(t *testing.T) {
	var handle, apply atomic.Int32
	bubble(t, session.Config{}, []room.Kind{bomb(&handle, &apply)}, func(t *testing.T, r *rig) {
		ada := r.joined("t1")
		var class []*wiretest.Member
		for i := range 30 {
			class = append(class, r.joined(fmt.Sprint("p", i)))
		}
		must(t)(class[0].Do(say("before", "before", "all")))
		handle.Store(1)
		must(t)(class[1].Do(wiretest.Command{ID: "boom", Name: "bomb.set"})) // tried again on the rebuilt room
		must(t)(class[2].Do(say("after", "after", "all")))
		synctest.Wait()
		want := map[string]int{"t1": 1}
		for i, m := range class {
			want[fmt.Sprint("p", i)] = 1
			if d := cmp.Diff([]string{"before", "after"}, texts(t, m)); d != "" {
				t.Errorf("p%d: %s", i, d)
			}
			if m.Phx(wire.Error) != 0 {
				t.Errorf("p%d noticed the crash", i)
			}
		}
		if d := cmp.Diff(want, ada.Present()); d != "" {
			t.Errorf("presence after the crash: %s", d)
		}
		if len(r.buried()) != 0 || len(r.reports) == 0 {
			t.Errorf("%d letters, %d reports", len(r.buried()), len(r.reports))
		}
	})
}

func TestAMessageThatCrashesTwiceIsSetAside(t *testing.T) {
	var handle, apply atomic.Int32
	bubble(t, session.Config{}, []room.Kind{bomb(&handle, &apply)}, func(t *testing.T, r *rig) {
		ben := r.joined("p1")
		handle.Store(2)
		b, err := ben.Do(wiretest.Command{ID: "boom", Name: "bomb.set"})
		if err == nil || b.Code != "" && b.Code != "set_aside" || b.Reason != "internal" {
			t.Errorf("answer %+v, %v", b, err)
		}
		must(t)(ben.Do(say("on", "it goes on", "all")))
		letters := r.buried()
		if len(letters) != 1 || letters[0].Kind != "bomb.set" || letters[0].By != "p1" || len(letters[0].Stack) == 0 {
			t.Errorf("letters %+v", letters)
		}
	})
}

func TestAFactThatCannotBeFoldedIsPassedOver(t *testing.T) {
	var handle, apply atomic.Int32
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{}, bomb(&handle, &apply))
		r.lesson("l1")
		ben := r.joined("p1")
		must(t)(ben.Do(wiretest.Command{ID: "boom", Name: "bomb.set"}))
		must(t)(ben.Do(say("1", "kept", "all")))
		r.stop()
	})
	if err := os.Rename(dir+"/journal.db", dir+"/x"); err != nil { // only to show that the file is closed
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/x", dir+"/journal.db"); err != nil {
		t.Fatal(err)
	}
	apply.Store(-1000) // and from now on it always crashes
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{}, bomb(&handle, &apply))
		defer r.stop()
		// The snapshot of the clean stop holds the fact; without it, the log is replayed.
		ben := r.joined("p1")
		if !strings.Contains(string(ben.View()), "kept") {
			t.Errorf("view %s", ben.View())
		}
		_, err := ben.Do(wiretest.Command{ID: "again", Name: "bomb.set"})
		if err == nil {
			t.Error("a fact that cannot be folded was acknowledged")
		}
		must(t)(ben.Do(say("2", "room goes on", "all")))
	})
}

func TestARefusedCommitIsSentAgainAndCountsOnce(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		must(t)(ben.Do(say("1", "one", "all")))
		// Another owner of the room raises the epoch: what this one writes is refused.
		if _, err := r.journal.Raise(t.Context(), room.Stream("c1")); err != nil {
			t.Fatal(err)
		}
		if b, err := ben.Do(say("2", "two", "all")); err == nil || b.Code != "not_saved" {
			t.Fatalf("answer %+v, %v; want not_saved", b, err)
		}
		synctest.Wait()
		for _, m := range []*wiretest.Member{ada, ben} { // they saw what was not saved
			if m.Phx(wire.Error) != 1 {
				t.Error("no phx_error after seeing what was taken back")
			}
			if b := must(t)(m.Join()); b.Missed != nil {
				t.Error("resumed from an event that the log never got")
			}
		}
		synctest.Wait()
		late := r.joined("t2")
		if v := string(late.View()); strings.Count(v, "two") != 1 || strings.Count(v, "one") != 1 {
			t.Errorf("view %s", v)
		}
	})
}

func TestEachCommandByEachRole(t *testing.T) {
	payload := map[string]map[string]any{
		"chat.say": {"text": "x", "to": "all"}, "hand.raise": {}, "hand.lower": {}, "tap.set": {"tap": "yes"}, "tap.clear": {},
		"tap.react": {"emoji": "👍"}, "room.lock": {"what": "chat", "on": false}, "room.mute": {"user": "p9", "on": true},
		"room.remove": {"user": "p9"}, "room.readmit": {"user": "p9"}, "lesson.start": {"lesson": "l2", "title": ""}, "lesson.end": {},
	}
	pupil := []string{"chat.say", "hand.raise", "hand.lower", "tap.set", "tap.react"}
	box := []string{"lesson.start", "lesson.end"}
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		screen := r.member("t2")
		screen.As = "screen"
		must(t)(screen.Connect())
		who := map[string]*wiretest.Member{"pupil": r.joined("p1"), "teacher": r.joined("t1"), "screen": screen}
		if len(payload) != len(r.rooms.Commands()) {
			t.Fatalf("%d commands in the table, the rooms have %d", len(payload), len(r.rooms.Commands()))
		}
		for _, c := range r.rooms.Commands() {
			for role, m := range who {
				b, err := m.Do(wiretest.Command{ID: role + c.Name, Name: c.Name, Payload: payload[c.Name]})
				want := role == "teacher" && !slices.Contains(box, c.Name) || role == "pupil" && slices.Contains(pupil, c.Name)
				if want != (err == nil) || !want && (b.Reason != "denied" || b.Code != "role") {
					t.Errorf("%s by a %s: %+v, %v", c.Name, role, b, err)
				}
				time.Sleep(time.Second) // fake time: the rate limit is another test's
			}
		}
		p1 := who["pupil"]
		if b, err := p1.Do(wiretest.Command{ID: "x1", Name: "hand.lower", Payload: map[string]any{"user": "p2"}}); err == nil || b.Code != "role" {
			t.Errorf("a pupil lowered another's hand: %+v", b)
		}
		if b, err := p1.Do(wiretest.Command{ID: "x2", Name: "hand.lower", Payload: map[string]any{"all": true}}); err == nil || b.Code != "role" {
			t.Errorf("a pupil lowered all hands: %+v", b)
		}
		if _, err := r.hubJoin("p1", "c2"); err == nil {
			t.Error("a pupil joined another class's room")
		}
		spy := r.member("p5")
		spy.As = "screen"
		if _, err := spy.Connect(); err == nil {
			t.Error("a pupil joined as the screen")
		}
	})
}

func (r *rig) hubJoin(user, id string) (wiretest.Body, error) {
	m := r.member(user)
	m.Room = id
	return m.Connect()
}

func TestLocksMuteRemoveAndTheirUndo(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben, cid := r.joined("t1"), r.joined("p1"), r.joined("p2")
		n := 0
		do := func(m *wiretest.Member, name string, p map[string]any) string {
			n++
			time.Sleep(time.Second)
			b, err := m.Do(wiretest.Command{ID: fmt.Sprint(n), Name: name, Payload: p})
			if err == nil {
				return "ok"
			}
			return b.Code
		}
		chat := map[string]any{"text": "x", "to": "all"}
		for _, step := range []struct {
			who  *wiretest.Member
			name string
			p    map[string]any
			want string
		}{
			{ada, "room.lock", map[string]any{"what": "chat", "on": true}, "ok"},
			{ben, "chat.say", chat, "locked"},
			{ada, "chat.say", chat, "ok"},
			{ada, "room.lock", map[string]any{"what": "chat", "on": false}, "ok"},
			{ben, "chat.say", chat, "ok"},
			{ada, "room.lock", map[string]any{"what": "raise", "on": true}, "ok"},
			{ben, "hand.raise", nil, "locked"},
			{ada, "room.lock", map[string]any{"what": "react", "on": true}, "ok"},
			{ben, "tap.react", map[string]any{"emoji": "👍"}, "locked"},
			{ada, "room.lock", map[string]any{"what": "doors", "on": true}, "unknown"},
			{ada, "room.mute", map[string]any{"user": "p1", "on": true}, "ok"},
			{ben, "chat.say", chat, "muted"},
			{cid, "chat.say", chat, "ok"},
			{ada, "room.mute", map[string]any{"user": "p1", "on": false}, "ok"},
			{ben, "chat.say", chat, "ok"},
			{ada, "room.remove", map[string]any{"user": "p1"}, "ok"},
			{ben, "chat.say", chat, "not_joined"},
		} {
			if got := do(step.who, step.name, step.p); got != step.want {
				t.Errorf("%s %v: got %s, want %s", step.name, step.p, got, step.want)
			}
			synctest.Wait()
		}
		if ben.Phx(wire.Close) != 1 || ada.Present()["p1"] != 0 {
			t.Error("the removed pupil is still there")
		}
		for _, e := range cid.Events() {
			if strings.HasPrefix(e.Kind, "room.mute") || strings.HasPrefix(e.Kind, "room.re") {
				t.Errorf("another pupil saw %s", e.Kind)
			}
		}
		if b, err := ben.Join(); err == nil || b.Code != "removed" {
			t.Errorf("joined after removal: %+v", b)
		}
		if got := do(ada, "room.readmit", map[string]any{"user": "p1"}); got != "ok" {
			t.Error(got)
		}
		must(t)(ben.Join())
	})
}

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
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
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
		time.Sleep(time.Second)
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

func TestJoiningAgainReplacesTheChannel(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ben, ada := r.joined("p1"), r.joined("t1")
		must(t)(ben.Join())
		must(t)(ada.Do(say("1", "once", "all")))
		synctest.Wait()
		if d := cmp.Diff([]string{"once"}, texts(t, ben)); d != "" {
			t.Error(d)
		}
		if got := ada.Present(); got["p1"] != 1 {
			t.Errorf("presence %v", got)
		}
		a, err := wiretest.Wait(ben.Conn().Send("3", ben.Topic(), wire.Leave, nil))
		if err != nil || !a.OK {
			t.Errorf("leave: %+v %v", a, err)
		}
	})
}

func TestAnIdleRoomLeavesMemoryAndItsPeopleStay(t *testing.T) {
	bubble(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		must(t)(ada.Do(say("1", "before", "all")))
		for range 50 {
			time.Sleep(25 * time.Second)
			for _, m := range []*wiretest.Member{ada, ben} {
				if _, err := wiretest.Wait(m.Conn().Send("", wire.System, wire.Heartbeat, struct{}{})); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := r.rooms.Len(); n != 0 {
			t.Errorf("%d rooms in memory after 20 idle minutes", n)
		}
		if b := must(t)(ben.Do(say("2", "after", "all"))); b.Seq == 0 {
			t.Error("not saved")
		}
		must(t)(ben.Do(say("1", "before", "all"))) // another person's id is no repeat
		synctest.Wait()
		for _, m := range []*wiretest.Member{ada, ben} {
			if d := cmp.Diff([]string{"before", "after", "before"}, texts(t, m)); d != "" || m.Phx(wire.Error) != 0 {
				t.Error(d, m.Phx(wire.Error))
			}
		}
	})
}
