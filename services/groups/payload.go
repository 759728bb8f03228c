package groups

import (
	"encoding/json"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
)

// Draft is a group as a teacher makes it.
type Draft struct {
	Name    string   `json:"name" doc:"1 to 40 characters"`
	Members []string `json:"members"`
}

// Group is a group of pupils.
type Group struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

// MakeRequest is the payload of groups.make.
type MakeRequest struct {
	room.ID
	Groups []Draft `json:"groups" doc:"2 to 12"`
}

// MadeData is the payload of groups.made.
type MadeData struct {
	Groups []Group `json:"groups"`
}

// MoveRequest is the payload of groups.move.
type MoveRequest struct {
	room.ID
	User  string `json:"user"`
	Group string `json:"group" doc:"its id; empty: no group"`
}

// MovedData is the payload of groups.moved.
type MovedData struct {
	User  string `json:"user"`
	Group string `json:"group" doc:"empty: no group"`
	Open  bool   `json:"open" doc:"the groups are open: all see it"`
}

// OpenRequest is the payload of groups.open.
type OpenRequest struct {
	room.ID
	Seconds int `json:"seconds" doc:"10 to 7200, or 0: no timer"`
}

// OpenedData is the payload of groups.opened.
type OpenedData struct {
	Groups  []Group `json:"groups"`
	Seconds int     `json:"seconds" doc:"0: no timer"`
}

// ExtendRequest is the payload of groups.extend.
type ExtendRequest struct {
	room.ID
	Seconds int `json:"seconds" doc:"10 to 7200, more"`
}

// ExtendedData is the payload of groups.extended.
type ExtendedData struct {
	Seconds int   `json:"seconds" doc:"the whole time"`
	Left    int64 `json:"left" doc:"ms from now"`
}

// SayRequest is the payload of groups.say.
type SayRequest struct {
	room.ID
	Group string `json:"group"`
	Text  string `json:"text" doc:"1 to 2000 characters"`
}

// SaidData is the payload of groups.said. To is who was in the group.
type SaidData struct {
	Group string   `json:"group"`
	To    []string `json:"to"`
	Text  string   `json:"text"`
}

// DrawRequest is the payload of groups.draw.
type DrawRequest struct {
	room.ID
	Group  string     `json:"group"`
	Stroke ink.Stroke `json:"stroke"`
}

// DrawnData is the payload of groups.drawn.
type DrawnData struct {
	Group  string     `json:"group"`
	To     []string   `json:"to"`
	Stroke ink.Stroke `json:"stroke"`
}

// GroupRequest is the payload of groups.undo, groups.clear and groups.look.
type GroupRequest struct {
	room.ID
	Group string `json:"group"`
}

// UndoneData is the payload of groups.undone.
type UndoneData struct {
	Group  string   `json:"group"`
	To     []string `json:"to"`
	Stroke string   `json:"stroke" doc:"its id"`
}

// ClearedData is the payload of groups.cleared.
type ClearedData struct {
	Group string   `json:"group"`
	To    []string `json:"to"`
}

// RemoveRequest is the payload of groups.remove.
type RemoveRequest struct {
	room.ID
	Group string `json:"group"`
	Seq   uint64 `json:"seq" doc:"of the message"`
}

// RemovedData is the payload of groups.removed.
type RemovedData struct {
	Group string   `json:"group"`
	To    []string `json:"to"`
	Seq   uint64   `json:"seq" doc:"of the message"`
}

// Line is a message in a group, for a member that comes later.
type Line struct {
	Seq  uint64 `json:"seq"`
	At   int64  `json:"at"`
	By   string `json:"by"`
	ID   string `json:"id,omitempty"` // of the command
	Text string `json:"text"`
}

// SeenCast is the payload of the ephemeral event groups.seen, an answer to groups.look. Its parts
// come newest first, each oldest first. The first part has all the lines.
type SeenCast struct {
	Group   string       `json:"group"`
	First   bool         `json:"first"`
	Lines   []Line       `json:"lines"`
	Strokes []ink.Stroke `json:"strokes"`
}

// seeGroup shows what happens in a group to the teachers and to those who were in it.
func seeGroup(e event.Event) event.Audience {
	var in struct{ To []string }
	known := json.Unmarshal(e.Data, &in) == nil
	return func(v event.Viewer) bool {
		return v.IsStaff() || known && v.Role == event.Pupil && holds(in.To, v.User)
	}
}

// seeMoved shows a move to all while the groups are open. Before that a teacher prepares.
func seeMoved(e event.Event) event.Audience {
	var in MovedData
	if json.Unmarshal(e.Data, &in) == nil && in.Open {
		return nil
	}
	return event.Viewer.IsStaff
}

func seeStaff(event.Event) event.Audience { return event.Viewer.IsStaff }

func renameAll(x event.Erasure, list []string) (changed bool) {
	for i := range list {
		changed = x.Rename(&list[i]) || changed
	}
	return changed
}

func renameMembers(x event.Erasure, list []Group) (changed bool) {
	for _, g := range list {
		changed = renameAll(x, g.Members) || changed
	}
	return changed
}

var (
	eraseMade    = event.EraseIn(func(x event.Erasure, p *MadeData) bool { return renameMembers(x, p.Groups) })
	eraseOpened  = event.EraseIn(func(x event.Erasure, p *OpenedData) bool { return renameMembers(x, p.Groups) })
	eraseMoved   = event.EraseIn(func(x event.Erasure, p *MovedData) bool { return x.Rename(&p.User) })
	eraseSaid    = event.EraseIn(func(x event.Erasure, p *SaidData) bool { return renameAll(x, p.To) })
	eraseDrawn   = event.EraseIn(func(x event.Erasure, p *DrawnData) bool { return renameAll(x, p.To) })
	eraseUndone  = event.EraseIn(func(x event.Erasure, p *UndoneData) bool { return renameAll(x, p.To) })
	eraseCleared = event.EraseIn(func(x event.Erasure, p *ClearedData) bool { return renameAll(x, p.To) })
	eraseRemoved = event.EraseIn(func(x event.Erasure, p *RemovedData) bool { return renameAll(x, p.To) })
)
