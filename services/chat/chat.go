// Package chat is what people in a room write to each other: to all, or to the
// teacher only. A message is shown at once and acknowledged when it is on disk.
package chat

import (
	"encoding/json"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Said is the fact that somebody wrote something.
const Said = event.Kind("chat.said")

const (
	maxText = 2000 // characters of one message
	keep    = 200  // messages that a joining member is shown
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name:     "chat",
	New:      func() room.Feature { return &chat{} },
	Commands: []room.Command{{Name: "chat.say", Pupil: true, Speech: true, Lock: room.LockChat, Bulk: true}},
	Events:   []event.Def{{Kind: Said, Effect: event.Early, Keep: event.KeepChat, Cloud: true, Words: true, See: see}},
}

// said is the payload of chat.say and, without the id, of chat.said.
type said struct {
	room.ID
	Text string `json:"text"`
	To   string `json:"to"` // "all" or "teacher"
}

// see keeps a message to the teacher between the teachers and its author.
func see(e event.Event) event.Audience {
	var s said
	if json.Unmarshal(e.Data, &s) == nil && s.To == "all" {
		return nil
	}
	return event.StaffAndAuthor(e)
}

// chat is the last messages, oldest first.
type chat struct {
	Messages []event.Event
}

// Handle implements room.Feature.
func (c *chat) Handle(t *room.Turn, m room.Message) error {
	var in said
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	text, err := room.Text(m.Name, "text", in.Text, maxText)
	if err != nil {
		return err
	}
	if in.To != "all" && in.To != "teacher" {
		return errs.Field(m.Name, "to", "unknown", 0, `must be "all" or "teacher"`)
	}
	t.Record(Said, said{Text: text, To: in.To})
	return nil
}

// Apply implements room.Feature.
func (c *chat) Apply(e event.Event) {
	c.Messages = append(c.Messages, e)
	if len(c.Messages) >= 2*keep {
		c.Messages = slices.Clone(c.Messages[len(c.Messages)-keep:])
	}
}

// View implements room.Feature.
func (c *chat) View(v event.Viewer, _ event.Stamp) any {
	view := struct {
		Messages []json.RawMessage `json:"messages"`
	}{Messages: []json.RawMessage{}}
	size := 0
	for _, e := range slices.Backward(c.Messages[max(0, len(c.Messages)-keep):]) {
		if !see(e).Has(v) {
			continue
		}
		m := room.AppendEvent(nil, e)
		if size += len(m); size > room.MaxAnswer {
			break
		}
		view.Messages = append(view.Messages, m)
	}
	slices.Reverse(view.Messages)
	return view
}
