package room

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Facts of the room itself.
const (
	LessonStarted = event.Kind("lesson.started")
	LessonEnded   = event.Kind("lesson.ended")
	Locked        = event.Kind("room.locked")
	Muted         = event.Kind("room.muted")
	Removed       = event.Kind("room.removed")
	Readmitted    = event.Kind("room.readmitted")
	Arrived       = event.Kind("room.came") // its author is here; attendance
	Departed      = event.Kind("room.went") // its author's last connection is gone
)

// Locks that a teacher can set.
const (
	LockChat  = "chat"
	LockReact = "react"
	LockRaise = "raise"
)

var lockNames = []string{LockChat, LockReact, LockRaise}

// seeAbout shows a fact about a person to the teachers and to that person.
func seeAbout(e event.Event) event.Audience {
	var a PersonData
	known := json.Unmarshal(e.Data, &a) == nil
	return func(v event.Viewer) bool { return v.IsStaff() || known && a.User == v.User }
}

func staffOnly(event.Event) event.Audience { return event.Viewer.IsStaff }

// ControlKind is the feature that every room has: the lesson, the locks, and the pupils who are
// muted or removed. Its facts leave only when they are on disk. Otherwise a crash could take a
// lock back, and a pupil could speak whom the teacher believes silenced.
var ControlKind = Kind{
	Name: "room",
	New:  func() Feature { return newControl() },
	Commands: []Command{
		{Name: "lesson.start", Payload: StartRequest{}, Box: true, Closed: true},
		{Name: "lesson.end", Box: true, Closed: true},
		{Name: "room.lock", Payload: LockRequest{}},
		{Name: "room.mute", Payload: MuteRequest{}},
		{Name: "room.remove", Payload: PersonRequest{}},
		{Name: "room.readmit", Payload: PersonRequest{}},
	},
	Events: []event.Def{
		{Kind: LessonStarted, Payload: StartedData{}, Effect: event.Committed, Vital: true, Cloud: true, Doc: "all state is new"},
		{Kind: LessonEnded, Payload: EndedData{}, Effect: event.Committed, Vital: true, Cloud: true},
		{Kind: Locked, Payload: LockedData{}, Effect: event.Committed, Vital: true},
		{Kind: Muted, Payload: PersonData{}, Effect: event.Committed, Vital: true, VisibleTo: seeAbout, SeenBy: aboutPerson, Erase: erasePerson},
		{Kind: Removed, Payload: PersonData{}, Effect: event.Committed, Vital: true, VisibleTo: seeAbout, SeenBy: aboutPerson, Erase: erasePerson},
		{Kind: Readmitted, Payload: PersonData{}, Effect: event.Committed, Vital: true, VisibleTo: seeAbout, SeenBy: aboutPerson, Erase: erasePerson},
		{Kind: Arrived, Effect: event.Early, Vital: true, Cloud: true, VisibleTo: staffOnly, SeenBy: "teachers", Doc: "the author is the pupil who is here now"},
		{Kind: Departed, Effect: event.Early, Vital: true, Cloud: true, VisibleTo: staffOnly, SeenBy: "teachers", Doc: "the author is the pupil who has left"},
	},
}

// Lesson is a room's open period.
type Lesson struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Started int64  `json:"started"`         // milliseconds since 1970
	Ended   int64  `json:"ended,omitempty"` // the same; 0 while it is open
}

type control struct {
	Lesson  Lesson
	Locks   map[string]bool
	Muted   map[string]bool
	Removed map[string]bool
	Here    map[string]uint64 // pupils who are here, by the epoch that saw them come
}

func newControl() *control {
	return &control{Locks: map[string]bool{}, Muted: map[string]bool{}, Removed: map[string]bool{}, Here: map[string]uint64{}}
}

// isOpen reports whether a lesson is running.
func (c *control) isOpen() bool { return c.Lesson.ID != "" && c.Lesson.Ended == 0 }

// Handle implements Feature.
func (c *control) Handle(t *Turn, m Message) error {
	switch m.Name {
	case "lesson.start":
		return c.startLesson(t, m)
	case "lesson.end":
		if c.isOpen() {
			t.Record(LessonEnded, EndedData{c.Lesson.ID})
		}
		return nil
	case "room.lock":
		return c.setLock(t, m)
	case "room.mute":
		return c.setMute(t, m)
	}
	return c.setRemoved(t, m)
}

func (c *control) startLesson(t *Turn, m Message) error {
	var in StartRequest
	if err := Decode(m, &in); err != nil {
		return err
	}
	if in.Lesson == "" {
		return errs.NewField(m.Name, "lesson", "empty", 1, "must not be empty")
	}
	if c.isOpen() && c.Lesson.ID == in.Lesson {
		return nil // the same lesson again: a teacher who pressed twice
	}
	t.Record(LessonStarted, StartedData{in.Lesson, in.Title})
	return nil
}

func (c *control) setLock(t *Turn, m Message) error {
	var in LockRequest
	if err := Decode(m, &in); err != nil {
		return err
	}
	if !slices.Contains(lockNames, in.What) {
		return errs.NewField(m.Name, "what", "unknown", 0, "must be one of %v", lockNames)
	}
	if c.Locks[in.What] != in.On {
		t.Record(Locked, LockedData{in.What, in.On})
	}
	return nil
}

func (c *control) setMute(t *Turn, m Message) error {
	var in MuteRequest
	if err := Decode(m, &in); err != nil {
		return err
	}
	if err := checkOther(m, in.User); err != nil {
		return err
	}
	if in.On == nil {
		return errs.NewField(m.Name, "on", "empty", 0, "must be true or false")
	}
	if *in.On != c.Muted[in.User] {
		t.Record(Muted, PersonData{in.User, *in.On})
	}
	return nil
}

// setRemoved handles remove and readmit.
func (c *control) setRemoved(t *Turn, m Message) error {
	var in PersonRequest
	if err := Decode(m, &in); err != nil {
		return err
	}
	if err := checkOther(m, in.User); err != nil {
		return err
	}
	switch out := m.Name == "room.remove"; {
	case out && !c.Removed[in.User]:
		t.Record(Removed, PersonData{in.User, true})
	case !out && c.Removed[in.User]:
		t.Record(Readmitted, PersonData{in.User, false})
	}
	return nil
}

// checkOther checks the id of a person who is not the sender.
func checkOther(m Message, user string) error {
	if user == "" || len(user) > MaxID {
		return errs.NewField(m.Name, "user", "bad_user", MaxID, "must be a user id of 1 to %d bytes", MaxID)
	}
	if user == m.By.User {
		return errs.NewField(m.Name, "user", "self", 0, "nobody does this to themselves")
	}
	return nil
}

// Apply implements Feature.
func (c *control) Apply(e event.Event) {
	switch e.Kind {
	case LessonStarted:
		var in StartedData
		DecodePayload(e, &in)
		*c = *newControl()
		c.Lesson = Lesson{ID: in.Lesson, Title: in.Title, Started: e.Stamp.Wall}
	case LessonEnded:
		c.Lesson.Ended = max(e.Stamp.Wall, 1)
	case Locked:
		var in LockedData
		DecodePayload(e, &in)
		setFlag(c.Locks, in.What, in.On)
	case Arrived:
		c.Here[e.By] = e.Epoch
	case Departed:
		delete(c.Here, e.By)
	case Muted, Removed, Readmitted:
		var in PersonData
		DecodePayload(e, &in)
		if e.Kind == Muted {
			setFlag(c.Muted, in.User, in.On)
		} else {
			setFlag(c.Removed, in.User, in.On)
		}
	}
}

// setFlag keeps only the true values: a room without locks and mutes has empty maps.
func setFlag(m map[string]bool, key string, on bool) {
	if on {
		m[key] = true
	} else {
		delete(m, key)
	}
}

// View implements Feature.
func (c *control) View(v event.Viewer, _ event.Stamp) any {
	view := struct {
		Locks   map[string]bool `json:"locks"`
		Muted   []string        `json:"muted"`
		Removed []string        `json:"removed"`
	}{Locks: map[string]bool{}, Muted: []string{}, Removed: []string{}}
	for _, what := range lockNames {
		view.Locks[what] = c.Locks[what]
	}
	switch {
	case v.IsStaff():
		view.Muted = append(view.Muted, slices.Sorted(maps.Keys(c.Muted))...)
		view.Removed = append(view.Removed, slices.Sorted(maps.Keys(c.Removed))...)
	case c.Muted[v.User]:
		view.Muted = append(view.Muted, v.User)
	}
	return view
}
