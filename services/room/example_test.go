package room_test

import (
	"fmt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// bell counts how often each pupil rang. Its exported field is its snapshot.
type bell struct{ Rings map[string]int }

// Handle decides on a command. Three rings of a pupil are enough.
func (b *bell) Handle(t *room.Turn, m room.Message) error {
	if b.Rings[m.By.User] == 3 {
		return errs.NewCode(m.Name, errs.Denied, "enough", "three rings are enough")
	}
	t.Record("bell.rang", struct{}{})
	return nil
}

// Apply folds a fact into the state. It runs again at each replay.
func (b *bell) Apply(e event.Event) { b.Rings[e.By]++ }

// View is the state that a member gets on joining: a pupil sees the own rings only.
func (b *bell) View(v event.Viewer, _ event.Stamp) any {
	if v.IsStaff() {
		return b.Rings
	}
	return b.Rings[v.User]
}

// A feature has three methods, and a Kind that lists its commands and facts. The room checks the
// role of the sender, so a command of a teacher needs no check in Handle.
func ExampleFeature() {
	rooms, stop := startRooms(room.Kind{
		Name:     "bell",
		New:      func() room.Feature { return &bell{Rings: map[string]int{}} },
		Commands: []room.Command{{Name: "bell.ring", Pupil: true}},
		Events:   []event.Def{{Kind: "bell.rang"}},
	})
	defer stop()
	teacher, pupil := event.Viewer{User: "t1", Role: event.Teacher}, event.Viewer{User: "p1", Role: event.Pupil}
	fmt.Println(sendCommand(rooms, pupil, "bell.ring", "{}"))
	fmt.Println(sendCommand(rooms, teacher, "lesson.start", `{"lesson": "l1", "title": "Sound"}`))
	for range 4 {
		fmt.Println(sendCommand(rooms, pupil, "bell.ring", "{}"))
	}
	fmt.Println("the teacher sees", joinView(rooms, teacher, "bell"))
	fmt.Println("the pupil sees", joinView(rooms, pupil, "bell"))
	// Output:
	// bell.ring: no lesson is open in this room
	// lesson.start: saved
	// bell.ring: saved
	// bell.ring: saved
	// bell.ring: saved
	// bell.ring: three rings are enough
	// the teacher sees {"p1":3}
	// the pupil sees 3
}
