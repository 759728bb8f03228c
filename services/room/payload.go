package room

import "github.com/livelearn/box/services/event"

// StartRequest is the payload of the box's command lesson.start.
type StartRequest struct {
	ID
	Lesson string `json:"lesson"`
	Title  string `json:"title"`
}

// StartedData is the payload of lesson.started.
type StartedData struct {
	Lesson string `json:"lesson"`
	Title  string `json:"title"`
}

// EndedData is the payload of lesson.ended.
type EndedData struct {
	Lesson string `json:"lesson"`
}

// LockRequest is the payload of room.lock.
type LockRequest struct {
	ID
	What string `json:"what" enum:"chat,react,raise"`
	On   bool   `json:"on"`
}

// LockedData is the payload of room.locked.
type LockedData struct {
	What string `json:"what" enum:"chat,react,raise"`
	On   bool   `json:"on"`
}

// MuteRequest is the payload of room.mute.
type MuteRequest struct {
	ID
	User string `json:"user"`
	On   *bool  `json:"on" contract:"required"`
}

// PersonRequest is the payload of room.remove and room.readmit.
type PersonRequest struct {
	ID
	User string `json:"user"`
}

// PersonData is the payload of room.muted, room.removed and room.readmitted.
type PersonData struct {
	User string `json:"user"`
	On   bool   `json:"on"`
}

// aboutPerson is seeAbout in words.
const aboutPerson = "teachers and that user"

var erasePerson = event.EraseIn(func(x event.Erasure, p *PersonData) bool { return x.Rename(&p.User) })
