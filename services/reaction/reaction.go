// Package reaction is the one-tap answers of a room. Yes, no and lost are for the teachers only.
// Emoji reactions are for all and are not stored.
package reaction

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Facts of this feature.
const (
	Tapped  = event.Kind("tap.tapped")
	Cleared = event.Kind("tap.cleared")
)

var (
	validTaps = []string{"", "yes", "no", "lost"} // the empty tap takes the last one back
	emojis    = []string{"👍", "❤️", "😂", "👏", "🎉", "😮"}
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "tap",
	New:  func() room.Feature { return &tap{Taps: map[string]string{}} },
	Commands: []room.Command{
		{Name: "tap.set", Payload: SetRequest{}, Pupil: true},
		{Name: "tap.clear"},
		{Name: "tap.react", Payload: ReactRequest{}, Pupil: true, Speech: true, Lock: room.LockReact},
	},
	Casts: []room.Cast{{Name: "tap.reacted", Payload: ReactedCast{}}},
	Events: []event.Def{
		{Kind: Tapped, Payload: TappedData{}, Effect: event.Early, Vital: true, VisibleTo: event.StaffAndAuthor, SeenBy: "teachers and the author"},
		{Kind: Cleared, Effect: event.Early, Vital: true},
	},
}

type tap struct {
	Taps map[string]string // by user
}

// Handle implements room.Feature.
func (p *tap) Handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "tap.set":
		return p.setTap(t, m)
	case "tap.react":
		return castReaction(t, m)
	}
	var in room.ID
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if len(p.Taps) > 0 {
		t.Record(Cleared, struct{}{})
	}
	return nil
}

func (p *tap) setTap(t *room.Turn, m room.Message) error {
	var in SetRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if !slices.Contains(validTaps, in.Tap) {
		return errs.NewField(m.Name, "tap", "unknown", 0, "must be one of %q", validTaps)
	}
	if p.Taps[m.By.User] != in.Tap {
		t.Record(Tapped, TappedData{Tap: in.Tap})
	}
	return nil
}

func castReaction(t *room.Turn, m room.Message) error {
	var in ReactRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if !slices.Contains(emojis, in.Emoji) {
		return errs.NewField(m.Name, "emoji", "unknown", 0, "must be one of %v", emojis)
	}
	t.Cast("tap.reacted", ReactedCast{m.By.User, in.Emoji})
	return nil
}

// Apply implements room.Feature.
func (p *tap) Apply(e event.Event) {
	switch e.Kind {
	case Tapped:
		var in TappedData
		room.DecodePayload(e, &in)
		if in.Tap == "" {
			delete(p.Taps, e.By)
		} else {
			p.Taps[e.By] = in.Tap
		}
	case Cleared:
		clear(p.Taps)
	}
}

// View implements room.Feature.
func (p *tap) View(v event.Viewer, _ event.Stamp) any {
	view := struct {
		Taps map[string]string `json:"taps"`
	}{map[string]string{}}
	for user, tap := range p.Taps {
		if v.IsStaff() || user == v.User {
			view.Taps[user] = tap
		}
	}
	return view
}
