package room_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// listener is a feature that listens, and records what it heard.
type listener struct{ heard func(string) }

func (e listener) Handle(t *room.Turn, _ room.Message) error {
	for _, user := range []string{"t1", "p1", "p2"} {
		if t.IsPresent(user) {
			e.heard(t.Room() + " " + user)
		}
	}
	return nil
}
func (listener) Apply(event.Event)                  {}
func (listener) View(event.Viewer, event.Stamp) any { return nil }

func (e listener) OnRoomFact(t *room.Turn, f event.Event) {
	e.heard(string(f.Kind))
	t.Record("ear.heard", struct{}{})
}

func TestFeaturesHearOnceOfWhatTheRoomRecords(t *testing.T) {
	dir := t.TempDir()
	var heard []string
	kind := room.Kind{
		Name:     "ear",
		New:      func() room.Feature { return listener{func(s string) { heard = append(heard, s) }} },
		Commands: []room.Command{{Name: "ear.look"}},
		Events:   []event.Def{{Kind: "ear.heard"}},
	}
	for boot := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			h := roomtest.NewBoot(t, dir, boot+1, room.Config{}, kind)
			if boot > 0 { // replayed, and not observed again
				h.JoinRoom(roomtest.Ben)
				synctest.Wait()
				_ = h.SendCommand(roomtest.Ada, "ear.look", "", nil)
				return
			}
			h.StartLesson("l1")
			_ = h.SendCommand(roomtest.Ada, "room.mute", "", map[string]any{"user": "p1", "on": true})
			_ = h.SendCommand(roomtest.Ada, "room.remove", "", map[string]any{"user": "p2"})
			_ = h.SendCommand(roomtest.Ada, "room.remove", "", map[string]any{"user": "p2"})
		})
	}
	want := []string{"lesson.started", "room.muted", "room.removed", "room.came", "c1 p1"}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}
