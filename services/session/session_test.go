package session_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

func textOf(e wiretest.Event) string {
	var d struct{ Text string }
	_ = json.Unmarshal(e.Data, &d) // an empty text fails the comparison
	return d.Text
}

func mustBody(t testing.TB) func(wiretest.Body, error) wiretest.Body {
	return func(b wiretest.Body, err error) wiretest.Body {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestWhatIsSaidIsSavedAndSeenByThoseWhoMay(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben, cid := r.joined("t1"), r.joined("p1"), r.joined("p2")
		if b := mustBody(t)(ben.SendCommand(sayCommand("a", "hello", "all"))); !b.Saved || b.ID != "a" || b.Seq == 0 {
			t.Errorf("ack %+v", b)
		}
		mustBody(t)(ben.SendCommand(sayCommand("b", "I am lost", "teacher")))
		synctest.Wait()
		for m, want := range map[*wiretest.Member][]string{ada: {"hello", "I am lost"}, ben: {"hello", "I am lost"}, cid: {"hello"}} {
			if d := cmp.Diff(want, saidTexts(t, m)); d != "" {
				t.Error(d)
			}
		}
		late := r.joined("p3")
		if v := string(late.LastView()); !strings.Contains(v, "hello") || strings.Contains(v, "lost") {
			t.Errorf("view of a late pupil: %s", v)
		}
	})
}

func TestAMemberResumesWhereItLeftOff(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		mustBody(t)(ada.SendCommand(sayCommand("1", "one", "all")))
		synctest.Wait()
		ben.Drop()
		mustBody(t)(ada.SendCommand(sayCommand("2", "two", "all")))
		mustBody(t)(ada.SendCommand(sayCommand("3", "three", "all")))
		if b := mustBody(t)(ben.Connect()); b.Missed == nil || len(b.Missed) != 2 {
			t.Errorf("missed %+v, want two events", b.Missed)
		}
		if d := cmp.Diff([]string{"one", "two", "three"}, saidTexts(t, ben)); d != "" {
			t.Error(d)
		}
	})
}

func TestARepeatedCommandCountsOnce(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		first := mustBody(t)(ben.SendCommand(sayCommand("same", "once", "all")))
		again := mustBody(t)(ben.SendCommand(sayCommand("same", "once", "all")))
		synctest.Wait()
		if d := cmp.Diff(first, again); d != "" {
			t.Errorf("answers differ: %s", d)
		}
		if d := cmp.Diff([]string{"once"}, saidTexts(t, ada)); d != "" {
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
			mustBody(t)(ben.SendCommand(sayCommand(fmt.Sprint(i), fmt.Sprint("text ", i), "all")))
		}
		synctest.Wait()
		r.stop()
		if code, _ := ben.CurrentConn().CloseReason(); code != ws.StatusGoingAway {
			t.Errorf("close code %d, want %d", code, ws.StatusGoingAway)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{})
		ada.Dial, ben.Dial = r.net.Dial, r.net.Dial
		if b := mustBody(t)(ada.Connect()); b.Missed == nil || b.Epoch != 2 {
			t.Errorf("join after a restart: %+v, want a resume in epoch 2", b)
		}
		mustBody(t)(ben.Connect())
		repeat := mustBody(t)(ben.SendCommand(sayCommand("4", "text 4", "all")))
		mustBody(t)(ben.SendCommand(sayCommand("5", "text 5", "all")))
		synctest.Wait()
		want := []string{"text 0", "text 1", "text 2", "text 3", "text 4", "text 5"}
		if d := cmp.Diff(want, saidTexts(t, ada)); d != "" || repeat.Seq == 0 {
			t.Error(d, repeat)
		}
		r.stop()
	})
}

func TestEachCommandByEachRole(t *testing.T) {
	payload := map[string]map[string]any{
		"chat.say": {"text": "x", "to": "all"}, "hand.raise": {}, "hand.lower": {}, "tap.set": {"tap": "yes"}, "tap.clear": {},
		"tap.react": {"emoji": "👍"}, "room.lock": {"what": "chat", "on": false}, "room.mute": {"user": "p9", "on": true},
		"chat.remove": nil, "room.remove": {"user": "p9"}, "room.readmit": {"user": "p9"}, "lesson.start": {"lesson": "l2", "title": ""}, "lesson.end": {},
	}
	pupil := []string{"chat.say", "hand.raise", "hand.lower", "tap.set", "tap.react"}
	box := []string{"lesson.start", "lesson.end"}
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		screen := r.member("t2")
		screen.As = "screen"
		mustBody(t)(screen.Connect())
		who := map[string]*wiretest.Member{"pupil": r.joined("p1"), "teacher": r.joined("t1"), "screen": screen}
		said := mustBody(t)(who["teacher"].SendCommand(sayCommand("0", "remove me", "all")))
		payload["chat.remove"] = map[string]any{"seq": said.Seq}
		if len(payload) != len(r.rooms.Commands()) {
			t.Fatalf("%d commands in the table, the rooms have %d", len(payload), len(r.rooms.Commands()))
		}
		for _, c := range r.rooms.Commands() {
			for role, m := range who {
				b, err := m.SendCommand(wiretest.Command{ID: role + c.Name, Name: c.Name, Payload: payload[c.Name]})
				want := role == "teacher" && !slices.Contains(box, c.Name) || role == "pupil" && slices.Contains(pupil, c.Name)
				if want != (err == nil) || !want && (b.Reason != "denied" || b.Code != "role") {
					t.Errorf("%s by a %s: %+v, %v", c.Name, role, b, err)
				}
				time.Sleep(time.Second) // fake time: the rate limit is another test's
			}
		}
		p1 := who["pupil"]
		if b, err := p1.SendCommand(wiretest.Command{ID: "x1", Name: "hand.lower", Payload: map[string]any{"user": "p2"}}); err == nil || b.Code != "role" {
			t.Errorf("a pupil lowered another's hand: %+v", b)
		}
		if b, err := p1.SendCommand(wiretest.Command{ID: "x2", Name: "hand.lower", Payload: map[string]any{"all": true}}); err == nil || b.Code != "role" {
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
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben, cid := r.joined("t1"), r.joined("p1"), r.joined("p2")
		n := 0
		do := func(m *wiretest.Member, name string, p map[string]any) string {
			n++
			time.Sleep(time.Second)
			b, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint(n), Name: name, Payload: p})
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
		if ben.PhxCount(wire.Close) != 1 || ada.PresentCounts()["p1"] != 0 {
			t.Error("the removed pupil is still there")
		}
		for _, e := range cid.SeenEvents() {
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
		mustBody(t)(ben.Join())
	})
}

func TestJoiningAgainReplacesTheChannel(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ben, ada := r.joined("p1"), r.joined("t1")
		mustBody(t)(ben.Join())
		mustBody(t)(ada.SendCommand(sayCommand("1", "once", "all")))
		synctest.Wait()
		if d := cmp.Diff([]string{"once"}, saidTexts(t, ben)); d != "" {
			t.Error(d)
		}
		if got := ada.PresentCounts(); got["p1"] != 1 {
			t.Errorf("presence %v", got)
		}
		a, err := wiretest.WaitAnswer(ben.CurrentConn().SendEvent("3", ben.RoomTopic(), wire.Leave, nil))
		if err != nil || !a.OK {
			t.Errorf("leave: %+v %v", a, err)
		}
	})
}

func TestAnIdleRoomLeavesMemoryAndItsPeopleStay(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		mustBody(t)(ada.SendCommand(sayCommand("1", "before", "all")))
		for range 50 {
			time.Sleep(25 * time.Second)
			for _, m := range []*wiretest.Member{ada, ben} {
				if _, err := wiretest.WaitAnswer(m.CurrentConn().SendEvent("", wire.System, wire.Heartbeat, struct{}{})); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := r.rooms.Len(); n != 0 {
			t.Errorf("%d rooms in memory after 20 idle minutes", n)
		}
		if b := mustBody(t)(ben.SendCommand(sayCommand("2", "after", "all"))); b.Seq == 0 {
			t.Error("not saved")
		}
		mustBody(t)(ben.SendCommand(sayCommand("1", "before", "all"))) // another person's id is no repeat
		synctest.Wait()
		for _, m := range []*wiretest.Member{ada, ben} {
			if d := cmp.Diff([]string{"before", "after", "before"}, saidTexts(t, m)); d != "" || m.PhxCount(wire.Error) != 0 {
				t.Error(d, m.PhxCount(wire.Error))
			}
		}
	})
}
