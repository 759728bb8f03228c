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
	Came          = event.Kind("room.came") // its author is here; attendance
	Went          = event.Kind("room.went") // its author's last connection is gone
)

// Locks that a teacher can set.
const (
	LockChat  = "chat"
	LockReact = "react"
	LockRaise = "raise"
)

var locks = []string{LockChat, LockReact, LockRaise}

// about is the payload of the facts of the room that are about one person.
type about struct {
	User string `json:"user"`
	On   bool   `json:"on"`
}

// seeAbout shows a fact about a person to the teachers and to that person.
func seeAbout(e event.Event) event.Audience {
	var a about
	known := json.Unmarshal(e.Data, &a) == nil
	return func(v event.Viewer) bool { return v.Staff() || known && a.User == v.User }
}

func staffOnly(event.Event) event.Audience { return event.Viewer.Staff }

// controlKind is the feature that every room has: the lesson, who may do what,
// and who is out. Control leaves only when it is on disk: a lock that a crash takes
// back would let a pupil speak whom the teacher believes silenced.
var controlKind = Kind{
	Name: "room",
	New:  func() Feature { return newControl() },
	Commands: []Command{
		{Name: "lesson.start", Box: true, Closed: true},
		{Name: "lesson.end", Box: true, Closed: true},
		{Name: "room.lock"},
		{Name: "room.mute"},
		{Name: "room.remove"},
		{Name: "room.readmit"},
	},
	Events: []event.Def{
		{Kind: LessonStarted, Effect: event.Committed, Vital: true, Cloud: true},
		{Kind: LessonEnded, Effect: event.Committed, Vital: true, Cloud: true},
		{Kind: Locked, Effect: event.Committed, Vital: true},
		{Kind: Muted, Effect: event.Committed, Vital: true, See: seeAbout},
		{Kind: Removed, Effect: event.Committed, Vital: true, See: seeAbout},
		{Kind: Readmitted, Effect: event.Committed, Vital: true, See: seeAbout},
		{Kind: Came, Effect: event.Early, Vital: true, Cloud: true, See: staffOnly},
		{Kind: Went, Effect: event.Early, Vital: true, Cloud: true, See: staffOnly},
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

// open tells that a lesson is running.
func (c *control) open() bool { return c.Lesson.ID != "" && c.Lesson.Ended == 0 }

// Handle implements Feature.
func (c *control) Handle(t *Turn, m Message) error {
	switch m.Name {
	case "lesson.start":
		return c.start(t, m)
	case "lesson.end":
		if c.open() {
			t.Record(LessonEnded, struct {
				Lesson string `json:"lesson"`
			}{c.Lesson.ID})
		}
		return nil
	case "room.lock":
		return c.lock(t, m)
	}
	return c.person(t, m)
}

func (c *control) start(t *Turn, m Message) error {
	var in struct {
		ID
		Lesson string `json:"lesson"`
		Title  string `json:"title"`
	}
	if err := Decode(m, &in); err != nil {
		return err
	}
	if in.Lesson == "" {
		return errs.Field(m.Name, "lesson", "empty", 1, "must not be empty")
	}
	if c.open() && c.Lesson.ID == in.Lesson {
		return nil // the same lesson again: a teacher who pressed twice
	}
	in.ID.ID = ""
	t.Record(LessonStarted, in)
	return nil
}

func (c *control) lock(t *Turn, m Message) error {
	var in struct {
		ID
		What string `json:"what"`
		On   bool   `json:"on"`
	}
	if err := Decode(m, &in); err != nil {
		return err
	}
	if !slices.Contains(locks, in.What) {
		return errs.Field(m.Name, "what", "unknown", 0, "must be one of %v", locks)
	}
	if c.Locks[in.What] != in.On {
		in.ID.ID = ""
		t.Record(Locked, in)
	}
	return nil
}

// person handles mute, remove and readmit, each of which names one pupil.
func (c *control) person(t *Turn, m Message) error {
	var in struct {
		ID
		User string `json:"user"`
		On   *bool  `json:"on,omitempty"`
	}
	if err := Decode(m, &in); err != nil {
		return err
	}
	if in.User == "" || len(in.User) > MaxID {
		return errs.Field(m.Name, "user", "bad_user", MaxID, "must be a user id of 1 to %d bytes", MaxID)
	}
	if in.User == m.By.User {
		return errs.Field(m.Name, "user", "self", 0, "nobody does this to themselves")
	}
	switch {
	case m.Name == "room.mute" && in.On == nil:
		return errs.Field(m.Name, "on", "empty", 0, "must be true or false")
	case m.Name != "room.mute" && in.On != nil:
		return errs.Field(m.Name, "on", "unknown_field", 0, "no such field")
	case m.Name == "room.mute" && *in.On != c.Muted[in.User]:
		t.Record(Muted, about{in.User, *in.On})
	case m.Name == "room.remove" && !c.Removed[in.User]:
		t.Record(Removed, about{in.User, true})
	case m.Name == "room.readmit" && c.Removed[in.User]:
		t.Record(Readmitted, about{in.User, false})
	}
	return nil
}

// Apply implements Feature.
func (c *control) Apply(e event.Event) {
	switch e.Kind {
	case LessonStarted:
		var in struct{ Lesson, Title string }
		Payload(e, &in)
		*c = *newControl()
		c.Lesson = Lesson{ID: in.Lesson, Title: in.Title, Started: e.Stamp.Wall}
	case LessonEnded:
		c.Lesson.Ended = max(e.Stamp.Wall, 1)
	case Locked:
		var in struct {
			What string
			On   bool
		}
		Payload(e, &in)
		set(c.Locks, in.What, in.On)
	case Came:
		c.Here[e.By] = e.Epoch
	case Went:
		delete(c.Here, e.By)
	case Muted, Removed, Readmitted:
		var in about
		Payload(e, &in)
		if e.Kind == Muted {
			set(c.Muted, in.User, in.On)
		} else {
			set(c.Removed, in.User, in.On)
		}
	}
}

// set keeps only what is true, so that an empty map is the calm room.
func set(m map[string]bool, key string, on bool) {
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
	for _, what := range locks {
		view.Locks[what] = c.Locks[what]
	}
	switch {
	case v.Staff():
		view.Muted = append(view.Muted, slices.Sorted(maps.Keys(c.Muted))...)
		view.Removed = append(view.Removed, slices.Sorted(maps.Keys(c.Removed))...)
	case c.Muted[v.User]:
		view.Muted = append(view.Muted, v.User)
	}
	return view
}
