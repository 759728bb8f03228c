// Package tap is the one-tap answers of a room: yes, no or lost, which only the
// teachers see, and reactions, which float by and are kept nowhere.
package tap

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
	taps   = []string{"", "yes", "no", "lost"} // the empty one takes a tap back
	emojis = []string{"👍", "❤️", "😂", "👏", "🎉", "😮"}
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "tap",
	New:  func() room.Feature { return &tap{Taps: map[string]string{}} },
	Commands: []room.Command{
		{Name: "tap.set", Pupil: true},
		{Name: "tap.clear"},
		{Name: "tap.react", Pupil: true, Speech: true, Lock: room.LockReact},
	},
	Events: []event.Def{
		{Kind: Tapped, Effect: event.Early, Vital: true, See: event.StaffAndAuthor},
		{Kind: Cleared, Effect: event.Early, Vital: true},
	},
}

// tapped is the payload of tap.set and tap.tapped.
type tapped struct {
	room.ID
	Tap string `json:"tap"`
}

type tap struct {
	Taps map[string]string // by user
}

// Handle implements room.Feature.
func (p *tap) Handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "tap.set":
		return p.set(t, m)
	case "tap.react":
		return react(t, m)
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

func (p *tap) set(t *room.Turn, m room.Message) error {
	var in tapped
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if !slices.Contains(taps, in.Tap) {
		return errs.Field(m.Name, "tap", "unknown", 0, "must be one of %q", taps)
	}
	if p.Taps[m.By.User] != in.Tap {
		t.Record(Tapped, tapped{Tap: in.Tap})
	}
	return nil
}

func react(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Emoji string `json:"emoji"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if !slices.Contains(emojis, in.Emoji) {
		return errs.Field(m.Name, "emoji", "unknown", 0, "must be one of %v", emojis)
	}
	t.Cast("tap.reacted", struct {
		By    string `json:"by"`
		Emoji string `json:"emoji"`
	}{m.By.User, in.Emoji})
	return nil
}

// Apply implements room.Feature.
func (p *tap) Apply(e event.Event) {
	switch e.Kind {
	case Tapped:
		var in tapped
		room.Payload(e, &in)
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
		if v.Staff() || user == v.User {
			view.Taps[user] = tap
		}
	}
	return view
}
