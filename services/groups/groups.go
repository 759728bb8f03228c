// Package groups keeps breakout groups: the class works in small groups, each with a chat and a page to
// draw on. The teacher makes groups, opens them with or without a timer and calls the class back.
//
//	make -> move -> open -> (say, draw, remove, move, extend) -> close -> open ...
//
// Promises:
//   - What is said and drawn in a group goes to its members of that moment and to teachers.
//   - A pupil in the room is in a group while groups are open: the smallest one takes who comes late.
//   - Groups, their chats and pages outlive a crash. New groups begin empty.
//   - The groups of the lesson before are in the teachers' view, to be made again.
//   - When the time is over, the class is back.
package groups

import (
	"slices"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
)

// Facts of this feature.
const (
	Made     = event.Kind("groups.made")
	Moved    = event.Kind("groups.moved")
	Opened   = event.Kind("groups.opened")
	Extended = event.Kind("groups.extended")
	Closed   = event.Kind("groups.closed")
	Said     = event.Kind("groups.said")
	Drawn    = event.Kind("groups.drawn")
	Undone   = event.Kind("groups.undone")
	Cleared  = event.Kind("groups.cleared")
	Removed  = event.Kind("groups.removed")
)

// Limits.
const (
	MinGroups  = 2
	MaxGroups  = 12
	MaxName    = 40 // characters
	MaxMembers = 200
	MinSeconds = 10
	MaxSeconds = 7200
	MaxText    = 2000 // characters of a message
	MaxLines   = 100  // of a group, kept; older ones go
	MaxStrokes = 400  // on a group's page
	MaxStroke  = 4 << 10
	MaxInk     = 84 << 10 // bytes of ink on a page: it fits in the two parts of an answer
	lineBytes  = 32 << 10 // of an answer's first part
	firstInk   = 30 << 10 // of the same
	nextInk    = 60 << 10
)

const seenByGroup = "teachers and the members of the group"

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "groups",
	New:  func() room.Feature { return &groups{Pages: map[string]*page{}} },
	Commands: []room.Command{
		{Name: "groups.make", Payload: MakeRequest{}},
		{Name: "groups.move", Payload: MoveRequest{}},
		{Name: "groups.open", Payload: OpenRequest{}},
		{Name: "groups.extend", Payload: ExtendRequest{}},
		{Name: "groups.close"},
		{Name: "groups.say", Payload: SayRequest{}, Pupil: true, Speech: true, Lock: room.LockChat, Bulk: true, Who: "members of the group, unless locked or muted; teachers"},
		{Name: "groups.draw", Payload: DrawRequest{}, Pupil: true, Bulk: true, Who: "members of the group, teachers"},
		{Name: "groups.undo", Payload: GroupRequest{}, Pupil: true, Who: "members of the group, teachers", Doc: "the sender's last stroke"},
		{Name: "groups.clear", Payload: GroupRequest{}},
		{Name: "groups.remove", Payload: RemoveRequest{}},
		{
			Name: "groups.look", Payload: GroupRequest{}, Pupil: true, Who: "members of the group, teachers",
			Doc: "asks for chat and ink, which come as `groups.seen` to the sender alone",
		},
	},
	Casts: []room.Cast{{Name: "groups.seen", Payload: SeenCast{}}},
	Events: []event.Def{
		{Kind: Made, Payload: MadeData{}, Effect: event.Committed, Vital: true, VisibleTo: seeStaff, SeenBy: "teachers", Erase: eraseMade},
		{Kind: Moved, Payload: MovedData{}, Effect: event.Committed, Vital: true, VisibleTo: seeMoved, SeenBy: "teachers; all while groups are open", Erase: eraseMoved},
		{Kind: Opened, Payload: OpenedData{}, Effect: event.Committed, Vital: true, Erase: eraseOpened},
		{Kind: Extended, Payload: ExtendedData{}, Effect: event.Committed, Vital: true},
		{Kind: Closed, Effect: event.Committed, Vital: true, Doc: "without an author: the time is over"},
		{Kind: Said, Payload: SaidData{}, Effect: event.Early, Keep: event.KeepChat, VisibleTo: seeGroup, SeenBy: seenByGroup, Erase: eraseSaid},
		{Kind: Drawn, Payload: DrawnData{}, Effect: event.Early, Keep: event.KeepChat, VisibleTo: seeGroup, SeenBy: seenByGroup, Erase: eraseDrawn},
		{Kind: Undone, Payload: UndoneData{}, Effect: event.Early, Keep: event.KeepChat, Vital: true, VisibleTo: seeGroup, SeenBy: seenByGroup, Erase: eraseUndone},
		{Kind: Cleared, Payload: ClearedData{}, Effect: event.Early, Keep: event.KeepChat, Vital: true, VisibleTo: seeGroup, SeenBy: seenByGroup, Erase: eraseCleared},
		{Kind: Removed, Payload: RemovedData{}, Effect: event.Committed, Keep: event.KeepChat, Vital: true, VisibleTo: seeGroup, SeenBy: seenByGroup, Erase: eraseRemoved},
	},
}

type groups struct {
	List    []Group
	MadeIDs int  // ids given so far, in lessons before too: a stroke that comes late finds no other group
	Open    bool // pupils are in their groups
	Seconds int  // from opening; 0: no timer
	Watch   event.Stopwatch
	Pages   map[string]*page // by group
	Last    []Group          // of the lesson before
}

// page is what a group has said and drawn.
type page struct {
	Lines   []Line         // oldest first
	Strokes []ink.Authored // the same
}

func holds(list []string, user string) bool { return slices.Contains(list, user) }

// findGroup is the group with an id; nil: there is none.
func (g *groups) findGroup(id string) *Group {
	if i := slices.IndexFunc(g.List, func(o Group) bool { return o.ID == id }); i >= 0 {
		return &g.List[i]
	}
	return nil
}

// groupOf is the group of a pupil; nil: none.
func (g *groups) groupOf(user string) *Group {
	if i := slices.IndexFunc(g.List, func(o Group) bool { return holds(o.Members, user) }); i >= 0 {
		return &g.List[i]
	}
	return nil
}

func findSmallest(list []Group) *Group {
	smallest := &list[0]
	for i := range list {
		if len(list[i].Members) < len(smallest.Members) {
			smallest = &list[i]
		}
	}
	return smallest
}

func (g *groups) countMembers() (n int) {
	for _, o := range g.List {
		n += len(o.Members)
	}
	return n
}

// Inherit implements room.Heir: the groups of a lesson without any are those of the lesson before.
func (g *groups) Inherit(before room.Feature) {
	old, ok := before.(*groups)
	if !ok {
		return
	}
	g.MadeIDs = old.MadeIDs
	if g.Last = old.List; len(g.Last) == 0 {
		g.Last = old.Last
	}
}

// OnRoomFact implements room.RoomObserver.
func (g *groups) OnRoomFact(t *room.Turn, e event.Event) {
	switch e.Kind {
	case room.Arrived:
		if g.Open && g.groupOf(e.By) == nil && g.countMembers() < MaxMembers {
			t.Record(Moved, MovedData{User: e.By, Group: findSmallest(g.List).ID, Open: true})
		}
	case room.Removed:
		var who room.PersonData
		room.DecodePayload(e, &who)
		if g.groupOf(who.User) != nil {
			t.Record(Moved, MovedData{User: who.User, Open: g.Open})
		}
	case room.LessonEnded:
		if g.Open {
			t.Record(Closed, struct{}{})
		}
	}
}

// NextDeadline implements room.Deadliner.
func (g *groups) NextDeadline(now event.Stamp) (time.Duration, bool) {
	return time.Duration(g.timeLeft(now)) * time.Millisecond, g.Open && g.Seconds > 0
}

// OnDeadline implements room.Deadliner.
func (g *groups) OnDeadline(t *room.Turn) { t.Record(Closed, struct{}{}) }

// timeLeft is in ms.
func (g *groups) timeLeft(now event.Stamp) int64 {
	return max(int64(g.Seconds)*1000-g.Watch.Elapsed(now), 0)
}

// Apply implements room.Feature.
func (g *groups) Apply(e event.Event) {
	switch e.Kind {
	case Made:
		var in MadeData
		room.DecodePayload(e, &in)
		g.List, g.Pages = in.Groups, map[string]*page{}
		g.MadeIDs += len(in.Groups)
	case Opened:
		var in OpenedData
		room.DecodePayload(e, &in)
		g.List, g.Open, g.Seconds, g.Watch = in.Groups, true, in.Seconds, event.Stopwatch{}
	case Extended:
		var in ExtendedData
		room.DecodePayload(e, &in)
		g.Seconds = in.Seconds
	case Closed:
		g.Open = false
	case Moved:
		var in MovedData
		room.DecodePayload(e, &in)
		g.applyMoved(in)
	default:
		g.applyInGroup(e)
	}
	g.Watch.AdvanceTo(e.Stamp, g.Open)
}

func (g *groups) applyMoved(in MovedData) {
	if from := g.groupOf(in.User); from != nil {
		from.Members = slices.DeleteFunc(from.Members, func(u string) bool { return u == in.User })
	}
	if to := g.findGroup(in.Group); to != nil {
		to.Members = append(to.Members, in.User)
	}
}

// applyInGroup folds what happens in one group.
func (g *groups) applyInGroup(e event.Event) {
	var in struct {
		Group  string
		Text   string
		Stroke any
		Seq    uint64
	}
	room.DecodePayload(e, &in)
	p := g.Pages[in.Group]
	if p == nil {
		p = &page{}
		g.Pages[in.Group] = p
	}
	switch e.Kind {
	case Said:
		p.Lines = append(p.Lines, Line{Seq: e.Seq, At: e.Stamp.Wall, By: e.By, ID: e.ID, Text: in.Text})
		if len(p.Lines) >= 2*MaxLines {
			p.Lines = slices.Clone(p.Lines[len(p.Lines)-MaxLines:])
		}
	case Drawn:
		var drawn DrawnData
		room.DecodePayload(e, &drawn)
		p.Strokes = append(p.Strokes, ink.Authored{Stroke: drawn.Stroke, By: e.By})
	case Undone:
		p.Strokes = slices.DeleteFunc(p.Strokes, func(s ink.Authored) bool { return s.ID == in.Stroke })
	case Cleared:
		p.Strokes = nil
	case Removed:
		p.Lines = slices.DeleteFunc(p.Lines, func(l Line) bool { return l.Seq == in.Seq })
	}
}

// View implements room.Feature.
func (g *groups) View(v event.Viewer, now event.Stamp) any {
	view := struct {
		Open   bool    `json:"open"`
		Ends   int64   `json:"ends"` // ms since 1970; 0: no timer
		Groups []Group `json:"groups"`
		Last   []Group `json:"last,omitempty"` // of the lesson before, for teachers
	}{Open: g.Open, Groups: []Group{}}
	if g.Open && g.Seconds > 0 {
		view.Ends = now.Wall + g.timeLeft(now)
	}
	if g.List != nil && (g.Open || v.IsStaff()) {
		view.Groups = g.List
	}
	if v.IsStaff() {
		view.Last = g.Last
	}
	return view
}

// refuseClosed refuses what needs open groups.
func (g *groups) refuseClosed(op string) error {
	if !g.Open {
		return errs.NewCode(op, errs.Stale, "groups_closed", "the groups are not open")
	}
	return nil
}
