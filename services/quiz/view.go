package quiz

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// view is the quiz as a viewer sees it. Whatever is in it for pupils is made of
// item.Item, which has no key.
type view struct {
	Title   string     `json:"title"`
	Of      int        `json:"of"`
	Paced   string     `json:"paced"`
	Round   *roundView `json:"round"` // null: no round yet
	Score   float64    `json:"score"`
	Max     float64    `json:"max"`
	Ranked  []ranked   `json:"ranked"` // null: hidden
	Stars   []star     `json:"stars"`
	Factor  float64    `json:"factor"`
	*backed            // for staff
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
	Told     *told                    `json:"told,omitempty"` // after the reveal
}

// backed is what staff see beside.
type backed struct {
	Quiz    loaded                           `json:"quiz"` // in order, with keys
	Asked   []string                         `json:"asked"`
	Answers map[string]map[string]answerView `json:"answers"` // of the last round: by item, by user; of an item that is missing: look
	Marks   map[string]map[string]float64    `json:"marks"`   // by user, by item; of rounds that are revealed
	Allowed map[string]float64               `json:"allowed"`
}

type answerView struct {
	Response item.Response `json:"response"`
	Took     int64         `json:"took"`
	At       int64         `json:"at"`
	Mark     float64       `json:"mark"`
}

// View implements room.Feature.
func (q *quiz) View(v event.Viewer, now event.Stamp) any {
	scores, most := q.scores()
	out := view{
		Title: q.Title, Of: len(q.Order), Paced: q.Paced, Score: scores[v.User], Max: most,
		Ranked: q.Ranked, Stars: append([]star{}, q.Stars...), Factor: q.factor(v.User),
	}
	if r := q.now(); r != nil {
		out.Round = q.roundView(r, v, now)
	}
	if v.Staff() {
		out.backed = q.backed()
	}
	return out
}

func (q *quiz) roundView(r *round, v event.Viewer, now event.Stamp) *roundView {
	out := &roundView{
		Round: r.N, State: r.State, Paused: r.Paused, Items: []item.Item{}, Index: r.Index, Of: len(q.Order),
		Seconds: r.Seconds, Left: q.left(r, v.User, now), Mine: map[string]item.Response{},
	}
	if watching(v) {
		out.Answered = map[string]int{}
	}
	for _, id := range r.Items {
		out.Items = append(out.Items, q.Items[id].Item)
		if a, ok := r.Answers[id][v.User]; ok {
			out.Mine[id] = a.Response
		}
		if watching(v) {
			out.Answered[id] = len(r.Answers[id])
		}
	}
	if r.Shown {
		t := q.tell(r)
		t.Mine, t.Score = t.Marks[v.User], t.Scores[v.User]
		t.Marks, t.Scores = nil, nil // staff have the last ones beside it
		out.Told = &t
	}
	return out
}

func (q *quiz) backed() *backed {
	out := &backed{
		Quiz:  loaded{ID: q.ID, Title: q.Title, Speed: q.Speed, Paced: q.Paced, Board: q.Board, Items: q.ordered()},
		Asked: []string{}, Answers: map[string]map[string]answerView{}, Marks: map[string]map[string]float64{},
		Allowed: q.Allowed,
	}
	for _, id := range q.Order {
		if q.asked(id) {
			out.Asked = append(out.Asked, id)
		}
	}
	told := 0
	for _, r := range slices.Backward(q.Rounds) {
		for _, id := range slices.Backward(r.Items) {
			if r.Shown {
				told++
			}
			q.back(out, r, id, told <= recent)
		}
	}
	return out
}

// back adds one item of a round to what staff see.
func (q *quiz) back(out *backed, r *round, id string, marks bool) {
	if r == q.now() {
		given := 0
		for _, answers := range out.Answers {
			given += len(answers)
		}
		if given == 0 || given+len(r.Answers[id]) <= viewed {
			out.Answers[id] = q.given(r, id)
		}
	}
	if !r.Shown || !marks {
		return
	}
	for user, a := range r.Answers[id] {
		if out.Marks[user] == nil {
			out.Marks[user] = map[string]float64{}
		}
		out.Marks[user][id] = round2(q.mark(id, a))
	}
}

// given is who answered what.
func (q *quiz) given(r *round, id string) map[string]answerView {
	out := map[string]answerView{}
	for user, a := range r.Answers[id] {
		out[user] = answerView{a.Response, a.Took, a.At, round2(q.mark(id, a))}
	}
	return out
}

// look gives the answers to one item of the last round to the teacher who asks.
func (q *quiz) look(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Round int    `json:"round"`
		Item  string `json:"item"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r := q.now()
	if r == nil || r.N != in.Round || r.Answers[in.Item] == nil {
		return errs.Code(m.Name, errs.Stale, "moved_on", "the quiz is not at this question")
	}
	t.CastTo(func(v event.Viewer) bool { return v == m.By }, Seen, struct {
		Round   int                   `json:"round"`
		Item    string                `json:"item"`
		Answers map[string]answerView `json:"answers"`
	}{in.Round, in.Item, q.given(r, in.Item)})
	return nil
}
