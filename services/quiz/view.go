package quiz

import (
	"maps"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// view is the quiz as a viewer sees it. Its questions for pupils are of type item.Item, which has
// no key.
type view struct {
	Title      string        `json:"title"`
	Of         int           `json:"of"`
	Paced      string        `json:"paced"`
	Auto       bool          `json:"auto,omitempty"`
	Round      *roundView    `json:"round"` // null: no round yet
	Score      float64       `json:"score"`
	Max        float64       `json:"max"`
	Ranked     []RankedEntry `json:"ranked"` // null: hidden
	Stars      []star        `json:"stars"`
	Wall       *WalledData   `json:"wall,omitempty"` // missing: hidden
	Factor     float64       `json:"factor"`
	*staffView               // for staff
}

// roundView is the last round.
type roundView struct {
	Round    int                      `json:"round"`
	State    string                   `json:"state"`
	Paused   bool                     `json:"paused"`
	Items    []item.Item              `json:"items"`
	Index    int                      `json:"index"`
	Of       int                      `json:"of"`
	Seconds  int                      `json:"seconds"`
	Left     int64                    `json:"left"` // ms for this viewer; -1: no limit
	Answered map[string]int           `json:"answered,omitempty"`
	Mine     map[string]item.Response `json:"mine"`
	Told     *RevealedData            `json:"told,omitempty"` // after the reveal
}

// staffView is the part that only staff see.
type staffView struct {
	Quiz    LoadedData                      `json:"quiz"` // in order, with keys
	Asked   []string                        `json:"asked"`
	Answers map[string]map[string]SeenEntry `json:"answers"` // of the last round: by item, by user; of an item that is missing: look
	Marks   map[string]map[string]float64   `json:"marks"`   // by user, by item; of rounds that are revealed
	Allowed map[string]float64              `json:"allowed"`
	Hidden  map[string]map[string]bool      `json:"hidden,omitempty"` // answers of the last round that stay off the wall: by item, by user
}

// View implements room.Feature.
func (q *quiz) View(v event.Viewer, now event.Stamp) any {
	scores, most := q.sumScores()
	out := view{
		Title: q.Title, Of: len(q.Order), Paced: q.Paced, Auto: q.Auto, Score: scores[v.User], Max: most,
		Ranked: q.Ranked, Stars: append([]star{}, q.Stars...), Wall: q.Wall, Factor: q.timeFactor(v.User),
	}
	if r := q.lastRound(); r != nil {
		out.Round = q.roundView(r, v, now)
	}
	if v.IsStaff() {
		out.staffView = q.staffView()
	}
	return out
}

func (q *quiz) roundView(r *round, v event.Viewer, now event.Stamp) *roundView {
	out := &roundView{
		Round: r.N, State: r.State, Paused: r.Paused, Items: []item.Item{}, Index: r.Index, Of: len(q.Order),
		Seconds: r.Seconds, Left: q.timeLeft(r, v.User, now), Mine: map[string]item.Response{},
	}
	if seesCounts(v) {
		out.Answered = map[string]int{}
	}
	for _, id := range r.Items {
		out.Items = append(out.Items, q.Items[id].Item)
		if a, ok := r.Answers[id][v.User]; ok {
			out.Mine[id] = a.Response
		}
		if seesCounts(v) {
			out.Answered[id] = len(r.Answers[id])
		}
	}
	if r.Shown {
		t := q.revealOf(r)
		t.Mine, t.Score = t.Marks[v.User], t.Scores[v.User]
		t.Marks, t.Scores = nil, nil // staff have the last ones in staffView
		out.Told = &t
	}
	return out
}

func (q *quiz) staffView() *staffView {
	out := &staffView{
		Quiz:  LoadedData{ID: q.ID, Title: q.Title, Speed: q.Speed, Paced: q.Paced, Board: q.Board, Items: q.itemsInOrder()},
		Asked: []string{}, Answers: map[string]map[string]SeenEntry{}, Marks: map[string]map[string]float64{},
		Allowed: q.Allowed, Hidden: map[string]map[string]bool{},
	}
	if r := q.lastRound(); r != nil {
		maps.Copy(out.Hidden, r.Hidden)
	}
	for _, id := range q.Order {
		if q.wasAsked(id) {
			out.Asked = append(out.Asked, id)
		}
	}
	revealed := 0
	for _, r := range slices.Backward(q.Rounds) {
		for _, id := range slices.Backward(r.Items) {
			if r.Shown {
				revealed++
			}
			q.addItem(out, r, id, revealed <= maxRecentMarks)
		}
	}
	return out
}

// addItem adds one item of a round to what staff see.
func (q *quiz) addItem(out *staffView, r *round, id string, marks bool) {
	if r == q.lastRound() {
		given := 0
		for _, answers := range out.Answers {
			given += len(answers)
		}
		if q.Items[id].Kind != item.Draw && (given == 0 || given+len(r.Answers[id]) <= maxViewedAnswers) {
			out.Answers[id] = q.answersTo(r, id)
		}
	}
	if !r.Shown || !marks {
		return
	}
	for user, a := range r.Answers[id] {
		if out.Marks[user] == nil {
			out.Marks[user] = map[string]float64{}
		}
		out.Marks[user][id] = roundHundredths(q.gradeAnswer(id, a))
	}
}

// answersTo are the answers to an item, by user.
func (q *quiz) answersTo(r *round, id string) map[string]SeenEntry {
	out := map[string]SeenEntry{}
	for user, a := range r.Answers[id] {
		out[user] = SeenEntry{a.Response, a.Took, a.At, roundHundredths(q.gradeAnswer(id, a))}
	}
	return out
}

// sendAnswers gives the answers to one item of the last round to the teacher who asks: as many as
// fit in one part, by user.
func (q *quiz) sendAnswers(t *room.Turn, m room.Message) error {
	var in LookRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r := q.lastRound()
	if r == nil || r.N != in.Round || r.Answers[in.Item] == nil {
		return errs.NewCode(m.Name, errs.Stale, "moved_on", "the quiz is not at this question")
	}
	out := SeenCast{Round: in.Round, Item: in.Item, Answers: map[string]SeenEntry{}, After: in.After}
	all, size := q.answersTo(r, in.Item), 0
	for _, user := range slices.Sorted(maps.Keys(all)) {
		if user <= in.After {
			continue
		}
		if size += all[user].Response.Bytes() + len(user); size > maxSeenPart && len(out.Answers) > 0 {
			out.More = true
			break
		}
		out.Answers[user] = all[user]
	}
	t.CastTo(func(v event.Viewer) bool { return v == m.By }, Seen, out)
	return nil
}

// checkPicture refuses a picture that is in no question which was opened in this lesson.
func (q *quiz) checkPicture(m room.Message) error {
	var in PictureRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	for _, r := range q.Rounds {
		for _, id := range r.Items {
			if slices.ContainsFunc(q.Items[id].Images(), func(i item.Image) bool { return i.ID == in.Image }) {
				return nil
			}
		}
	}
	return errs.NewCode(m.Name, errs.Missing, "missing", "no such picture")
}
