package room_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestTheRoomIsControlledByTheTeacherOnly(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, kinds...)
		h.StartLesson("l1")
		for _, by := range []event.Viewer{roomtest.Ben, {User: "s1", Role: event.Screen}} {
			for name, payload := range map[string]any{
				"room.lock":    map[string]any{"what": "chat", "on": true},
				"room.mute":    map[string]any{"user": "p2", "on": true},
				"room.remove":  map[string]any{"user": "p2"},
				"room.readmit": map[string]any{"user": "p2"},
			} {
				if err := h.SendCommand(by, name, "", payload); errs.KindOf(err) != errs.Denied || err == nil {
					t.Errorf("%s of a %s: %v", name, by.Role, err)
				}
			}
		}
		for name, c := range map[string]struct {
			payload     any
			field, code string
		}{
			"room.lock":    {map[string]any{"what": "doors", "on": true}, "what", "unknown"},
			"room.mute":    {map[string]any{"user": "p2"}, "on", ""},
			"room.remove":  {map[string]any{"person": "p2"}, "person", "unknown_field"},
			"room.readmit": {map[string]any{"user": 7}, "user", "bad_type"},
		} {
			err := h.SendCommand(roomtest.Ada, name, "", c.payload)
			if b := errs.BodyOf(err); b.Reason != "invalid" || b.Field != c.field || c.code != "" && b.Code != c.code {
				t.Errorf("%s with %v: %+v", name, c.payload, b)
			}
		}
	})
}

func TestAMutedPupilDoesNotSpeakAndARemovedOneDoesNotComeBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, kinds...)
		h.StartLesson("l1")
		say := func() error {
			return h.SendCommand(roomtest.Ben, "chat.say", "", map[string]string{"text": "hello", "to": "all"})
		}
		order := func(name string, payload map[string]any) {
			t.Helper()
			if err := h.SendCommand(roomtest.Ada, name, "", payload); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name    string
			payload map[string]any
			allowed bool
		}{
			{"room.mute", map[string]any{"user": roomtest.Ben.User, "on": true}, false},
			{"room.mute", map[string]any{"user": roomtest.Ben.User, "on": false}, true},
			{"room.lock", map[string]any{"what": "chat", "on": true}, false},
			{"room.lock", map[string]any{"what": "chat", "on": false}, true},
		} {
			order(c.name, c.payload)
			if err := say(); (err == nil) != c.allowed {
				t.Errorf("after %s %v: %v", c.name, c.payload, err)
			}
		}
		seen := h.JoinRoom(roomtest.Ben)
		synctest.Wait()
		order("room.remove", map[string]any{"user": roomtest.Ben.User})
		synctest.Wait()
		if got := seen(); !strings.Contains(got, "room.removed") || !strings.Contains(got, "phx_close") {
			t.Errorf("a removed pupil sees %s", got)
		}
		again := h.JoinRoom(roomtest.Ben)
		synctest.Wait()
		if got := again(); !strings.Contains(got, `"code":"removed"`) {
			t.Errorf("a removed pupil who joins sees %s", got)
		}
		order("room.readmit", map[string]any{"user": roomtest.Ben.User})
		if got := h.JoinView(roomtest.Ben); !json.Valid([]byte(got)) {
			t.Errorf("a pupil who may come back sees %s", got)
		}
	})
}

// alarm is a feature that rings once, a minute after it was set.
type alarm struct {
	Set  int64 // ms since 1970, 0: not set
	rang func(time.Time)
}

func (b *alarm) Handle(t *room.Turn, _ room.Message) error {
	t.Record("alarm.set", struct{}{})
	return nil
}

func (b *alarm) Apply(e event.Event) {
	if b.Set = 0; e.Kind == "alarm.set" {
		b.Set = e.Stamp.Wall
	}
}
func (b *alarm) View(event.Viewer, event.Stamp) any { return nil }

func (b *alarm) NextDeadline(now event.Stamp) (time.Duration, bool) {
	return time.Duration(b.Set-now.Wall)*time.Millisecond + time.Minute, b.Set != 0
}

func (b *alarm) OnDeadline(t *room.Turn) {
	b.rang(time.Now())
	t.Record("alarm.rang", struct{}{})
}

func TestADeadlineComesOnceAndOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	var rang []time.Time
	kind := room.Kind{
		Name:     "alarm",
		New:      func() room.Feature { return &alarm{rang: func(at time.Time) { rang = append(rang, at) }} },
		Commands: []room.Command{{Name: "alarm.set"}},
		Events:   []event.Def{{Kind: "alarm.set"}, {Kind: "alarm.rang"}},
	}
	var set time.Time
	for boot := range uint64(2) {
		synctest.Test(t, func(t *testing.T) { // the clock of each bubble begins at the same moment
			h := roomtest.NewBoot(t, dir, boot+1, room.Config{}, kind)
			if boot == 0 {
				h.StartLesson("l1")
				set = time.Now()
				for range 2 {
					if err := h.SendCommand(roomtest.Ada, "alarm.set", "", nil); err != nil {
						t.Fatal(err)
					}
					time.Sleep(30 * time.Second) // the second command moves the deadline
				}
				return
			}
			h.JoinRoom(roomtest.Ada) // wakes the room
			time.Sleep(time.Hour)
		})
	}
	// A commit takes some milliseconds of the bubble's clock.
	if len(rang) != 1 || rang[0].Sub(set).Round(time.Second) != 90*time.Second {
		t.Errorf("set at %v, rang at %v", set, rang)
	}
}
