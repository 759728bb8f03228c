package quiz

import (
	"cmp"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// Limits of the wall: what does not fit are the rarest answers.
const (
	maxWall      = 200      // entries
	maxWallBytes = 24 << 10 // of their texts
)

// findAnswers returns the round of a command and the answers to one of its items.
func (q *quiz) findAnswers(op string, n int, id string) (*round, map[string]answer, error) {
	r := q.roundAt(n)
	if r == nil {
		return nil, nil, errs.NewField(op, "round", "unknown", int64(len(q.Rounds)), "no such round")
	}
	answers, ok := r.Answers[id]
	if !ok {
		return nil, nil, errs.NewField(op, "item", "unknown", 0, "not in this round")
	}
	return r, answers, nil
}

// setWall shows the written answers to an item to all, without names, or hides them. Answers that
// come later stay unseen until the teacher, who reads them first, shows the wall again.
func (q *quiz) setWall(t *room.Turn, m room.Message) error {
	var in WallRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r, _, err := q.findAnswers(m.Name, in.Round, in.Item)
	switch {
	case err != nil:
		return err
	case in.As != "" && in.As != "wall" && in.As != "cloud":
		return errs.NewField(m.Name, "as", "unknown", 0, `must be empty, "wall" or "cloud"`)
	case in.As != "" && q.Items[in.Item].Kind != item.Text && q.Items[in.Item].Kind != item.Numeric:
		return errs.NewField(m.Name, "item", "not_written", 0, "its answers are not written: they have no wall")
	case in.As == "" && q.Wall == nil:
		return nil
	}
	out := WalledData{Round: in.Round, Item: in.Item, As: in.As, List: []WallEntry{}}
	if in.As != "" {
		out.List = wallOf(r, in.Item)
	}
	t.Record(Walled, out)
	return nil
}

// hideAnswer keeps the answer of a pupil off the wall, also when the pupil changes it. A wall that
// is up is shown again without it.
func (q *quiz) hideAnswer(t *room.Turn, m room.Message) error {
	var in HideRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r, answers, err := q.findAnswers(m.Name, in.Round, in.Item)
	if err != nil {
		return err
	}
	if _, ok := answers[in.User]; !ok {
		return errs.NewField(m.Name, "user", "unknown", 0, "has not answered this")
	}
	if r.Hidden[in.Item][in.User] == in.On {
		return nil
	}
	t.Record(Hidden, HiddenData{in.Round, in.Item, in.User, in.On})
	if w := q.Wall; w != nil && w.Round == in.Round && w.Item == in.Item {
		t.Record(Walled, WalledData{Round: w.Round, Item: w.Item, As: w.As, List: wallOf(r, in.Item)})
	}
	return nil
}

func (q *quiz) applyHidden(e event.Event) {
	var in HiddenData
	room.DecodePayload(e, &in)
	r := q.roundAt(in.Round)
	if r == nil {
		return
	}
	if r.Hidden == nil {
		r.Hidden = map[string]map[string]bool{}
	}
	if r.Hidden[in.Item] == nil {
		r.Hidden[in.Item] = map[string]bool{}
	}
	if r.Hidden[in.Item][in.User] = true; !in.On {
		delete(r.Hidden[in.Item], in.User)
	}
}

// wallOf counts the written answers that are not hidden, the most frequent first. The order says
// nothing about their authors. Of several spellings it has the first in the alphabet.
func wallOf(r *round, id string) []WallEntry {
	byFold := map[string]WallEntry{}
	for user, a := range r.Answers[id] {
		text := strings.Join(strings.Fields(a.Response.Text), " ")
		if text == "" || r.Hidden[id][user] {
			continue
		}
		fold := item.FoldText(text)
		w := byFold[fold]
		if w.N++; w.Text == "" || text < w.Text {
			w.Text = text
		}
		byFold[fold] = w
	}
	list := []WallEntry{}
	for _, w := range byFold {
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b WallEntry) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Text, b.Text)) })
	size := 0
	for i, w := range list {
		if size += len(w.Text); i == maxWall || size > maxWallBytes {
			return list[:i]
		}
	}
	return list
}
