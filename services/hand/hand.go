// Package hand is the queue of raised hands, longest waiting first.
package hand

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Facts of this feature.
const (
	Raised  = event.Kind("hand.raised")
	Lowered = event.Kind("hand.lowered")
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "hand",
	New:  func() room.Feature { return &hand{} },
	Commands: []room.Command{
		{Name: "hand.raise", Pupil: true, Lock: room.LockRaise},
		{Name: "hand.lower", Payload: LowerRequest{}, Pupil: true, Who: "all, others' hands only a teacher", Doc: "without a field: the own hand"},
	},
	Events: []event.Def{
		{Kind: Raised, Effect: event.Early, Vital: true},
		{Kind: Lowered, Payload: LoweredData{}, Effect: event.Early, Vital: true, Erase: eraseLowered},
	},
}

// raised is one hand in the queue.
type raised struct {
	User string `json:"user"`
	At   int64  `json:"at"` // milliseconds since 1970
}

type hand struct {
	Queue []raised
}

// Handle implements room.Feature.
func (h *hand) Handle(t *room.Turn, m room.Message) error {
	if m.Name == "hand.raise" {
		var in room.ID
		if err := room.Decode(m, &in); err != nil {
			return err
		}
		if h.findUser(m.By.User) < 0 {
			t.Record(Raised, struct{}{})
		}
		return nil
	}
	return h.lowerHand(t, m)
}

func (h *hand) lowerHand(t *room.Turn, m room.Message) error {
	var in LowerRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	staff := m.By.IsStaff()
	switch {
	case in.All && !staff, in.User != "" && in.User != m.By.User && !staff:
		return errs.NewCode(m.Name, errs.Denied, "role", "a pupil lowers only the own hand")
	case in.All && in.User != "":
		return errs.NewField(m.Name, "all", "both", 0, "give user or all, not both")
	case in.All && len(h.Queue) > 0:
		t.Record(Lowered, LoweredData{All: true})
	case !in.All:
		if in.User == "" {
			in.User = m.By.User
		}
		if h.findUser(in.User) >= 0 {
			t.Record(Lowered, LoweredData{User: in.User})
		}
	}
	return nil
}

func (h *hand) findUser(user string) int {
	return slices.IndexFunc(h.Queue, func(r raised) bool { return r.User == user })
}

// Apply implements room.Feature.
func (h *hand) Apply(e event.Event) {
	switch e.Kind {
	case Raised:
		h.Queue = append(h.Queue, raised{e.By, e.Stamp.Wall})
	case Lowered:
		var l LoweredData
		room.DecodePayload(e, &l)
		h.Queue = slices.DeleteFunc(h.Queue, func(r raised) bool { return l.All || r.User == l.User })
	}
}

// View implements room.Feature.
func (h *hand) View(event.Viewer, event.Stamp) any {
	return struct {
		Queue []raised `json:"queue"`
	}{append([]raised{}, h.Queue...)}
}
