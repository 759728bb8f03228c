// Package chat is the messages that people in a room write to all or to the teacher only, and the
// teacher to one pupil. A message is shown at once and acknowledged when it is on disk. A teacher can
// remove a message: pages, views and recordings then show that there was one, without its text.
package chat

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Facts of this feature.
const (
	Said    = event.Kind("chat.said")
	Removed = event.Kind("chat.removed")
)

// maxShown is how many messages a joining member gets.
const maxShown = 200

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "chat",
	New:  func() room.Feature { return &chat{} },
	Commands: []room.Command{
		{Name: "chat.say", Payload: SayRequest{}, Pupil: true, Speech: true, Lock: room.LockChat, Bulk: true, Doc: "to a `pupil`: teachers only"},
		{Name: "chat.remove", Payload: RemoveRequest{}},
	},
	Events: []event.Def{
		{
			Kind: Said, Payload: SaidData{}, Effect: event.Early, Keep: event.KeepChat, Cloud: true, FreeText: true,
			VisibleTo: seeMessage, SeenBy: "all, or teachers, the author and the pupil who is answered", Erase: eraseSaid,
		},
		{Kind: Removed, Payload: RemovedData{}, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
	},
}

// seeMessage keeps a message to the teacher between the teachers and its author, and an answer to a
// pupil between the teachers and that pupil.
func seeMessage(e event.Event) event.Audience {
	var s SaidData
	known := json.Unmarshal(e.Data, &s) == nil
	if known && s.To == toAll {
		return nil
	}
	return func(v event.Viewer) bool {
		return event.StaffAndAuthor(e)(v) || known && s.To == toPupil && s.User == v.User
	}
}

// chat keeps the last messages, oldest first.
type chat struct {
	Messages []event.Event
}

// Handle implements room.Feature.
func (c *chat) Handle(t *room.Turn, m room.Message) error {
	if m.Name == "chat.remove" {
		return c.removeMessage(t, m)
	}
	var in SayRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	text, err := room.CheckText(m.Name, "text", in.Text, MaxText)
	if err != nil {
		return err
	}
	switch {
	case in.To != toAll && in.To != toTeacher && in.To != toPupil:
		return errs.NewField(m.Name, "to", "unknown", 0, `must be "all", "teacher" or "pupil"`)
	case in.To == toPupil && !m.By.IsStaff():
		return errs.NewCode(m.Name, errs.Denied, "role", "only a teacher writes to one pupil")
	case (in.To == toPupil) != (in.User != "") || len(in.User) > room.MaxID:
		return errs.NewField(m.Name, "user", "bad_user", room.MaxID, "must be the id of the pupil who is answered, and only then")
	}
	t.Record(Said, SaidData{Text: text, To: in.To, User: in.User, Re: in.Re})
	return nil
}

// removeMessage removes a message that the chat still shows. A second time changes nothing.
func (c *chat) removeMessage(t *room.Turn, m room.Message) error {
	var in RemoveRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	i := c.findMessage(in.Seq)
	if i < 0 {
		return errs.NewField(m.Name, "seq", "unknown", 0, "no such message among the last %d", maxShown)
	}
	var s SaidData
	room.DecodePayload(c.Messages[i], &s)
	if !s.Removed {
		t.Record(Removed, RemovedData{in.Seq})
	}
	return nil
}

func (c *chat) findMessage(seq uint64) int {
	return slices.IndexFunc(c.Messages, func(e event.Event) bool { return e.Seq == seq })
}

// applyRemoved takes the text out of a message.
func (c *chat) applyRemoved(e event.Event) {
	var in RemovedData
	room.DecodePayload(e, &in)
	i := c.findMessage(in.Seq)
	if i < 0 {
		return
	}
	var s SaidData
	room.DecodePayload(c.Messages[i], &s)
	s.Text, s.Removed = "", true
	data, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("chat: %v", err)) // our own type
	}
	c.Messages[i].Data = data
}

// Apply implements room.Feature.
func (c *chat) Apply(e event.Event) {
	if e.Kind == Removed {
		c.applyRemoved(e)
		return
	}
	c.Messages = append(c.Messages, e)
	if len(c.Messages) >= 2*maxShown {
		c.Messages = slices.Clone(c.Messages[len(c.Messages)-maxShown:])
	}
}

// View implements room.Feature.
func (c *chat) View(v event.Viewer, _ event.Stamp) any {
	view := struct {
		Messages []json.RawMessage `json:"messages"`
	}{Messages: []json.RawMessage{}}
	size := 0
	for _, e := range slices.Backward(c.Messages[max(0, len(c.Messages)-maxShown):]) {
		if !seeMessage(e).Has(v) {
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
