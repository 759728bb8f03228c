package chat

import (
	"encoding/json"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// MaxText is the greatest length of a message, in characters.
const MaxText = 2000

// To whom a message goes.
const (
	toAll     = "all"
	toTeacher = "teacher"
	toPupil   = "pupil" // from a teacher to one pupil
)

// SayRequest is the payload of chat.say.
type SayRequest struct {
	room.ID
	Text string `json:"text" doc:"1 to 2000 characters"`
	To   string `json:"to" enum:"all,teacher,pupil"`
	User string `json:"user" contract:"optional" doc:"the pupil whom a teacher answers"`
	Re   uint64 `json:"re" contract:"optional" doc:"seq of the message that it answers"`
}

// SaidData is the payload of chat.said. In the view a removed message has no text.
type SaidData struct {
	Text    string `json:"text"`
	To      string `json:"to" enum:"all,teacher,pupil"`
	User    string `json:"user,omitempty" doc:"the pupil who is answered"`
	Re      uint64 `json:"re,omitempty" doc:"seq of the message that it answers"`
	Removed bool   `json:"removed,omitempty" doc:"in the view"`
}

// RemoveRequest is the payload of chat.remove.
type RemoveRequest struct {
	room.ID
	Seq uint64 `json:"seq" doc:"of the message"`
}

// RemovedData is the payload of chat.removed.
type RemovedData struct {
	Seq uint64 `json:"seq" doc:"of the message"`
}

// eraseSaid empties what a teacher wrote to the erased pupil alone.
func eraseSaid(x event.Erasure, e event.Event) (json.RawMessage, bool) {
	var in SaidData
	if json.Unmarshal(e.Data, &in) != nil || in.User != x.User {
		return e.Data, false
	}
	return json.RawMessage("null"), true
}
