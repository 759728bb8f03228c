package quiz

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// Handle implements room.Feature.
func (q *quiz) Handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "quiz.load":
		return q.load(t, m)
	case "quiz.ask":
		return q.ask(t, m)
	case "quiz.pace":
		return q.pace(t, m)
	case "quiz.open":
		return q.openItems(t, m)
	case "quiz.next":
		return q.advance(t, m)
	case "quiz.answer":
		return q.answer(t, m)
	case "quiz.star":
		return q.star(t, m)
	case "quiz.rank":
		return q.rank(t, m)
	case "quiz.allow":
		return q.allow(t, m)
	case "quiz.regrade":
		return q.regrade(t, m)
	case "quiz.look":
		return q.look(t, m)
	}
	return q.move(t, m)
}

// load takes a quiz in. A round that pupils are at must be over first. Items get another
// id when an earlier quiz of the lesson has asked one of the same id.
func (q *quiz) load(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Quiz item.Quiz `json:"quiz"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := in.Quiz.Normalise(m.Name); err != nil {
		return err
	}
	if err := q.idle(m.Name); err != nil {
		return err
	}
	for i := range in.Quiz.Items {
		in.Quiz.Items[i].ID = q.free(in.Quiz.Items[i].ID)
	}
	if n := size(in.Quiz.Items); n > MaxLoad {
		return errs.Field(m.Name, "quiz.items", "too_large", MaxLoad, "%d bytes, at most %d in one lesson: split the quiz", n, MaxLoad)
	}
	q.shut(t)
	t.Record(Loaded, loaded{
		ID: in.Quiz.ID, Title: in.Quiz.Title, Speed: in.Quiz.Speed, Paced: cmp.Or(in.Quiz.Paced, byTeacher),
		Board: in.Quiz.Board, Items: in.Quiz.Items,
	})
	return nil
}

// size is the bytes of questions as a fact and as what staff see.
func size(items []item.Authored) int {
	data, err := json.Marshal(items)
	if err != nil {
		panic(fmt.Sprintf("quiz: %v", err)) // our own type
	}
	return len(data)
}

// free is an id that no item asked in this lesson has.
func (q *quiz) free(id string) string {
	for n := 2; ; n++ {
		if !q.asked(id) {
			return id
		}
		id = fmt.Sprintf("%s.%d", id, n)
	}
}

// idle refuses while pupils can answer.
func (q *quiz) idle(op string) error {
	if r := q.now(); r != nil && r.State == open {
		return errs.Code(op, errs.Stale, "round_open", "a question is open: lock it first")
	}
	return nil
}

// shut closes the last round if it is not yet.
func (q *quiz) shut(t *room.Turn) {
	if r := q.now(); r != nil && r.State != closed {
		t.Record(Closed, rounded{Round: r.N})
	}
}

// ask adds an item and opens it at once.
func (q *quiz) ask(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Item item.Authored `json:"item"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := in.Item.Normalise(m.Name); err != nil {
		return err
	}
	if err := q.idle(m.Name); err != nil {
		return err
	}
	if size(q.ordered())+size([]item.Authored{in.Item}) > MaxLoad {
		return errs.Field(m.Name, "item", "too_large", MaxLoad, "the questions of a lesson have at most %d bytes", MaxLoad)
	}
	if len(q.Items) >= 2*item.MaxItems {
		return errs.Field(m.Name, "item", "too_many", 2*item.MaxItems, "at most %d questions in a lesson", 2*item.MaxItems)
	}
	in.Item.ID = q.free(fmt.Sprintf("ask%d", len(q.Items)+1))
	q.shut(t)
	t.Record(Loaded, loaded{Add: true, Items: []item.Authored{in.Item}})
	q.begin(t, []string{in.Item.ID}, in.Item.Seconds)
	return nil
}

func (q *quiz) pace(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Paced string `json:"paced"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.Paced != byTeacher && in.Paced != byPupil {
		return errs.Field(m.Name, "paced", "unknown", 0, "must be %q or %q", byTeacher, byPupil)
	}
	if err := q.idle(m.Name); err != nil {
		return err
	}
	if in.Paced != q.Paced {
		in.ID.ID = ""
		t.Record(Paced, in)
	}
	return nil
}

func (q *quiz) openItems(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Items   []string `json:"items"`
		Seconds *int     `json:"seconds"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := q.idle(m.Name); err != nil {
		return err
	}
	for i, id := range in.Items {
		if _, ok := q.Items[id]; !ok || slices.Contains(in.Items[:i], id) {
			return errs.Field(m.Name, fmt.Sprintf("items[%d]", i), "unknown", 0, "no such question")
		}
	}
	items, seconds, err := q.coming(m.Name, in.Items)
	if err != nil {
		return err
	}
	if in.Seconds != nil {
		seconds = *in.Seconds
	}
	if seconds < 0 || seconds > item.MaxSeconds {
		return errs.Field(m.Name, "seconds", "out_of_range", item.MaxSeconds, "must be 0 to %d", item.MaxSeconds)
	}
	q.shut(t)
	q.begin(t, items, seconds)
	return nil
}

// coming is what the next round asks when the teacher names nothing else.
func (q *quiz) coming(op string, items []string) ([]string, int, error) {
	if len(items) == 0 {
		i := q.next()
		if i == len(q.Order) {
			return nil, 0, errs.Code(op, errs.Stale, "no_more", "all questions of this quiz were asked")
		}
		items = q.Order[i : i+1]
		if q.Paced == byPupil {
			items = q.Order[i:]
		}
	}
	seconds := 0
	for _, id := range items {
		s := q.Items[id].Seconds
		if s == 0 && q.Items[id].Kind != item.Slide {
			return items, 0, nil // one without a limit has all the time
		}
		seconds += s
	}
	return items, min(seconds, item.MaxSeconds), nil
}

// begin opens a round.
func (q *quiz) begin(t *room.Turn, items []string, seconds int) {
	out := opened{Round: len(q.Rounds) + 1, Of: len(q.Order), Seconds: seconds, Paced: byTeacher, Items: []item.Item{}}
	out.Index = slices.Index(q.Order, items[0])
	if len(items) > 1 {
		out.Paced = byPupil
	}
	for _, id := range items {
		out.Items = append(out.Items, q.Items[id].Item)
	}
	t.Record(Opened, out)
}

// advance is the teacher's one button: from exactly the state that the button showed to
// the next one, so that pressing twice does not skip.
func (q *quiz) advance(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Round int    `json:"round"`
		State string `json:"state"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if n, state := q.state(); n != in.Round || state != in.State {
		return errs.Code(m.Name, errs.Stale, "moved_on", "the quiz is at round %d, %s", n, state)
	}
	r := q.now()
	switch {
	case in.State == open && !q.slides(r):
		t.Record(Locked, rounded{Round: r.N})
		return nil
	case in.State == locked:
		q.reveal(t, r)
		return nil
	}
	items, seconds, err := q.coming(m.Name, nil)
	if err != nil && (in.State == ready || r == nil) {
		return err
	}
	q.shut(t)
	if err == nil {
		q.begin(t, items, seconds)
	}
	return nil
}

// move handles pause, lock, reveal and close. Where the round is already, nothing
// happens: two teachers may press at once.
func (q *quiz) move(t *room.Turn, m room.Message) error {
	var in rounded
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r := q.now()
	if r == nil || r.N != in.Round {
		return errs.Code(m.Name, errs.Stale, "moved_on", "round %d is not the one at hand", in.Round)
	}
	switch {
	case m.Name == "quiz.pause" && r.State != open:
		return errs.Code(m.Name, errs.Stale, "locked", "the question is not open")
	case m.Name == "quiz.pause" && in.On != r.Paused:
		t.Record(Paused, rounded{Round: r.N, On: in.On, Left: q.left(r, "", t.Now())})
	case m.Name == "quiz.lock" && r.State == open:
		t.Record(Locked, rounded{Round: r.N})
	case m.Name == "quiz.reveal" && (r.State == open || r.State == locked):
		if r.State == open {
			t.Record(Locked, rounded{Round: r.N})
		}
		q.reveal(t, r)
	case m.Name == "quiz.close":
		q.shut(t)
	}
	return nil
}

// Ring implements room.Timed.
func (q *quiz) Ring(t *room.Turn) { t.Record(Locked, rounded{Round: q.now().N}) }

// answer takes a pupil's response. The same one again is acknowledged and not recorded.
func (q *quiz) answer(t *room.Turn, m room.Message) error {
	var in answered
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r := q.now()
	switch {
	case m.By.Role != event.Pupil:
		return errs.Code(m.Name, errs.Denied, "role", "only pupils answer")
	case in.Took != 0:
		return errs.Field(m.Name, "took", "unknown_field", 0, "the box measures it")
	case r == nil || in.Round > r.N || in.Round < 1:
		return errs.Code(m.Name, errs.Stale, "moved_on", "there is no such question")
	case in.Round != r.N || r.State != open:
		return errs.Code(m.Name, errs.Stale, "locked", "the question is closed")
	case r.Paused:
		return errs.Code(m.Name, errs.Stale, "paused", "the teacher has paused the question")
	case !slices.Contains(r.Items, in.Item):
		return errs.Field(m.Name, "item", "unknown", 0, "not in this round")
	case q.late(r, m.By.User, t.Now()):
		return errs.Code(m.Name, errs.Stale, "late", "the time for this question is over")
	}
	if err := item.Check(m.Name, q.Items[in.Item].Item, in.Response); err != nil {
		return err
	}
	if had, ok := r.Answers[in.Item][m.By.User]; ok && same(had.Response, in.Response) {
		return nil
	}
	in.ID.ID, in.Took = "", r.Watch.at(t.Now())
	t.Record(Answered, in)
	q.count(t, r, in.Item, m.By.User)
	return nil
}

// count tells those who watch what a new answer changes.
func (q *quiz) count(t *room.Turn, r *round, id, user string) {
	t.CastTo(screen, Counted, struct {
		Round    int    `json:"round"`
		Item     string `json:"item"`
		Answered int    `json:"answered"`
	}{r.N, id, len(r.Answers[id])})
	t.CastTo(event.Viewer.Staff, Marked, struct {
		Round int     `json:"round"`
		Item  string  `json:"item"`
		User  string  `json:"user"`
		Mark  float64 `json:"mark"`
	}{r.N, id, user, round2(q.mark(id, r.Answers[id][user]))})
}

func screen(v event.Viewer) bool { return v.Role == event.Screen }

// watching is who sees how many have answered while pupils still think.
func watching(v event.Viewer) bool { return v.Role != event.Pupil }
