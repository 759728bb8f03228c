package groups

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
)

// Handle implements room.Feature.
func (g *groups) Handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "groups.make":
		return g.makeGroups(t, m)
	case "groups.move":
		return g.movePupil(t, m)
	case "groups.open":
		return g.openGroups(t, m)
	case "groups.extend":
		return g.extendTime(t, m)
	case "groups.close":
		if g.Open {
			t.Record(Closed, struct{}{})
		}
		return nil
	case "groups.say":
		return g.sayInGroup(t, m)
	case "groups.draw":
		return g.drawStroke(t, m)
	case "groups.remove":
		return g.removeLine(t, m)
	}
	return g.handlePage(t, m)
}

// makeGroups makes new groups in place of those before. Their pages and chats are empty.
func (g *groups) makeGroups(t *room.Turn, m room.Message) error {
	var in MakeRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if g.Open {
		return errs.NewCode(m.Name, errs.Stale, "groups_open", "call the class back first")
	}
	if n := len(in.Groups); n < MinGroups || n > MaxGroups {
		return errs.NewField(m.Name, "groups", "out_of_range", MaxGroups, "%d, must be %d to %d", n, MinGroups, MaxGroups)
	}
	out, seen := MadeData{}, map[string]bool{}
	for i, d := range in.Groups {
		at := fmt.Sprintf("groups[%d].", i)
		name, err := checkName(m.Name, at+"name", d.Name)
		if err != nil {
			return err
		}
		if err := checkMembers(m.Name, at+"members", d.Members, seen); err != nil {
			return err
		}
		id := fmt.Sprintf("g%d", g.MadeIDs+i+1)
		out.Groups = append(out.Groups, Group{ID: id, Name: name, Members: append([]string{}, d.Members...)})
	}
	t.Record(Made, out)
	return nil
}

func checkName(op, field, name string) (string, error) {
	name, err := room.CheckText(op, field, name, MaxName)
	if err == nil && strings.ContainsAny(name, "\n\t") {
		err = errs.NewField(op, field, "bad_text", 0, "must be one line")
	}
	return name, err
}

// checkMembers checks the ids of a group's members. Seen are those of the groups before.
func checkMembers(op, field string, members []string, seen map[string]bool) error {
	for _, user := range members {
		switch {
		case user == "" || len(user) > room.MaxID:
			return errs.NewField(op, field, "bad_user", room.MaxID, "must be ids of 1 to %d bytes", room.MaxID)
		case seen[user]:
			return errs.NewField(op, field, "twice", 0, "a pupil is in one group only")
		case len(seen) >= MaxMembers:
			return errs.NewField(op, field, "too_many", MaxMembers, "at most %d pupils in all groups", MaxMembers)
		}
		seen[user] = true
	}
	return nil
}

func (g *groups) movePupil(t *room.Turn, m room.Message) error {
	var in MoveRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	from, to := g.groupOf(in.User), g.findGroup(in.Group)
	switch {
	case in.User == "" || len(in.User) > room.MaxID:
		return errs.NewField(m.Name, "user", "bad_user", room.MaxID, "must be an id of 1 to %d bytes", room.MaxID)
	case to == nil && in.Group != "":
		return errs.NewField(m.Name, "group", "unknown", 0, "no such group")
	case from == to:
		return nil
	case from == nil && g.countMembers() >= MaxMembers:
		return errs.NewField(m.Name, "user", "too_many", MaxMembers, "at most %d pupils in all groups", MaxMembers)
	}
	t.Record(Moved, MovedData{User: in.User, Group: in.Group, Open: g.Open})
	return nil
}

// openGroups sends the class to its groups. Who is here and in no group gets into the smallest.
func (g *groups) openGroups(t *room.Turn, m room.Message) error {
	var in OpenRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	switch {
	case g.Open:
		return nil // a teacher who pressed twice
	case len(g.List) == 0:
		return errs.NewCode(m.Name, errs.Stale, "no_groups", "make groups first")
	}
	if in.Seconds != 0 {
		if err := checkSeconds(m.Name, in.Seconds); err != nil {
			return err
		}
	}
	out := OpenedData{Seconds: in.Seconds}
	for _, o := range g.List {
		o.Members = append([]string{}, o.Members...)
		out.Groups = append(out.Groups, o)
	}
	space := MaxMembers - g.countMembers()
	for _, user := range t.PresentPupils() {
		if g.groupOf(user) == nil && space > 0 {
			to := findSmallest(out.Groups)
			to.Members = append(to.Members, user)
			space--
		}
	}
	t.Record(Opened, out)
	return nil
}

func checkSeconds(op string, seconds int) error {
	if seconds < MinSeconds || seconds > MaxSeconds {
		return errs.NewField(op, "seconds", "out_of_range", MaxSeconds, "must be %d to %d", MinSeconds, MaxSeconds)
	}
	return nil
}

func (g *groups) extendTime(t *room.Turn, m room.Message) error {
	var in ExtendRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := g.refuseClosed(m.Name); err != nil {
		return err
	}
	if err := checkSeconds(m.Name, in.Seconds); err != nil {
		return err
	}
	switch {
	case g.Seconds == 0:
		return errs.NewCode(m.Name, errs.Stale, "no_limit", "the groups have no timer")
	case g.Seconds+in.Seconds > MaxSeconds:
		return errs.NewField(m.Name, "seconds", "out_of_range", MaxSeconds, "the whole time is at most %d", MaxSeconds)
	}
	left := g.timeLeft(t.Now()) + int64(in.Seconds)*1000
	t.Record(Extended, ExtendedData{Seconds: g.Seconds + in.Seconds, Left: left})
	return nil
}

// admit returns the group if the sender may be in it: a member while the groups are open, a teacher
// at any time.
func (g *groups) admit(m room.Message, id string) (*Group, error) {
	o := g.findGroup(id)
	if m.By.IsStaff() {
		if o == nil {
			return nil, errs.NewField(m.Name, "group", "unknown", 0, "no such group")
		}
		return o, nil
	}
	if err := g.refuseClosed(m.Name); err != nil {
		return nil, err
	}
	if o == nil || !holds(o.Members, m.By.User) {
		return nil, errs.NewCode(m.Name, errs.Denied, "not_in_group", "you are not in this group")
	}
	return o, nil
}

// admitWriter returns the group if the groups are open and the sender may be in it.
func (g *groups) admitWriter(m room.Message, id string) (*Group, error) {
	if err := g.refuseClosed(m.Name); err != nil {
		return nil, err
	}
	return g.admit(m, id)
}

func (g *groups) sayInGroup(t *room.Turn, m room.Message) error {
	var in SayRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	o, err := g.admitWriter(m, in.Group)
	if err != nil {
		return err
	}
	text, err := room.CheckText(m.Name, "text", in.Text, MaxText)
	if err != nil {
		return err
	}
	t.Record(Said, SaidData{Group: o.ID, To: o.Members, Text: text})
	return nil
}

// removeLine removes a message of a group for all. A second time changes nothing.
func (g *groups) removeLine(t *room.Turn, m room.Message) error {
	var in RemoveRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	o, err := g.admit(m, in.Group)
	if err != nil {
		return err
	}
	if p := g.Pages[o.ID]; p != nil && slices.ContainsFunc(p.Lines, func(l Line) bool { return l.Seq == in.Seq }) {
		t.Record(Removed, RemovedData{Group: o.ID, To: o.Members, Seq: in.Seq})
	}
	return nil
}

func (g *groups) drawStroke(t *room.Turn, m room.Message) error {
	var in DrawRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	o, err := g.admitWriter(m, in.Group)
	if err != nil {
		return err
	}
	if err := in.Stroke.Check(m.Name); err != nil {
		return err
	}
	if n := len(in.Stroke.Points); n > MaxStroke {
		return errs.NewField(m.Name, "stroke.points", "too_long", MaxStroke, "%d bytes, at most %d", n, MaxStroke)
	}
	if p := g.Pages[o.ID]; p != nil {
		if slices.ContainsFunc(p.Strokes, func(s ink.Authored) bool { return s.ID == in.Stroke.ID }) {
			return nil // sent again
		}
		if err := p.checkSpace(m.Name, in.Stroke); err != nil {
			return err
		}
	}
	t.Record(Drawn, DrawnData{Group: o.ID, To: o.Members, Stroke: in.Stroke})
	return nil
}

// checkSpace checks that a stroke fits on the page.
func (p *page) checkSpace(op string, s ink.Stroke) error {
	size := len(s.Points) + ink.StrokeOverhead
	for _, o := range p.Strokes {
		size += len(o.Points) + ink.StrokeOverhead
	}
	switch {
	case len(p.Strokes) >= MaxStrokes:
		return errs.NewField(op, "stroke", "too_many", MaxStrokes, "at most %d strokes on a group's page: undo some or let the teacher clear it", MaxStrokes)
	case size > MaxInk:
		return errs.NewField(op, "stroke", "too_much", MaxInk, "a group's page holds at most %d bytes of ink: undo some or let the teacher clear it", MaxInk)
	}
	return nil
}

// handlePage handles undo, clear and look.
func (g *groups) handlePage(t *room.Turn, m room.Message) error {
	var in GroupRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	o, err := g.admit(m, in.Group)
	if err != nil {
		return err
	}
	p := g.Pages[o.ID]
	if p == nil {
		p = &page{}
	}
	switch m.Name {
	case "groups.look":
		p.sendTo(t, m.By, o.ID)
	case "groups.undo":
		if i := ink.LastOf(p.Strokes, m.By.User); i >= 0 {
			t.Record(Undone, UndoneData{Group: o.ID, To: o.Members, Stroke: p.Strokes[i].ID})
		}
	case "groups.clear":
		if len(p.Strokes) > 0 {
			t.Record(Cleared, ClearedData{Group: o.ID, To: o.Members})
		}
	}
	return nil
}

// sendTo sends the page in at most two parts: a queue that was empty takes as many.
func (p *page) sendTo(t *room.Turn, to event.Viewer, group string) {
	only := func(v event.Viewer) bool { return v == to }
	out := SeenCast{Group: group, First: true, Lines: p.newestLines()}
	strokes, older := ink.NewestThatFit(p.Strokes, firstInk)
	out.Strokes = strokes
	t.CastTo(only, "groups.seen", out)
	if len(older) > 0 {
		strokes, _ = ink.NewestThatFit(older, nextInk)
		t.CastTo(only, "groups.seen", SeenCast{Group: group, Lines: []Line{}, Strokes: strokes})
	}
}

// newestLines are the last messages that fit in an answer.
func (p *page) newestLines() []Line {
	from, size := len(p.Lines), 0
	for from > 0 && len(p.Lines)-from < MaxLines {
		if size += 2*len(p.Lines[from-1].Text) + 200; size > lineBytes {
			break
		}
		from--
	}
	return append([]Line{}, p.Lines[from:]...)
}
