package call

import (
	"maps"
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
)

// view is the media as a viewer sees it.
type view struct {
	Place     string                    `json:"place"`           // the viewer's own
	Remote    []string                  `json:"remote,omitzero"` // for staff
	Invited   map[string][]media.Source `json:"invited"`         // for pupils: own
	Muted     []mutedView               `json:"muted"`           // for pupils: own
	OnAir     []SourceData              `json:"onair"`
	Recording *recording                `json:"recording"` // null: no
}

type mutedView struct {
	User   string       `json:"user"`
	Source media.Source `json:"source"`
	By     string       `json:"by"`
}

// View implements room.Feature.
func (c *call) View(v event.Viewer, _ event.Stamp) any {
	out := view{
		Place: inRoom, Invited: map[string][]media.Source{}, Muted: []mutedView{},
		OnAir: append([]SourceData{}, c.OnAir...), Recording: c.Recording,
	}
	mine := func(user string) bool { return v.IsStaff() || v.Role == event.Pupil && user == v.User }
	if c.Remote[v.User] {
		out.Place = remote
	}
	if v.IsStaff() {
		out.Remote = append([]string{}, slices.Sorted(maps.Keys(c.Remote))...)
	}
	for user, list := range c.Invited {
		if mine(user) {
			out.Invited[user] = list
		}
	}
	for _, m := range c.Muted {
		if mine(m.User) {
			out.Muted = append(out.Muted, mutedView{m.User, m.Source, m.By})
		}
	}
	return out
}
