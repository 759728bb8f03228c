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
		return q.loadQuiz(t, m)
	case "quiz.picture":
		return q.checkPicture(m)
	case "quiz.ask":
		return q.askNow(t, m)
	case "quiz.pace":
		return q.setPace(t, m)
	case "quiz.open":
		return q.openItems(t, m)
	case "quiz.next":
		return q.advanceRound(t, m)
	case "quiz.pause":
		return q.pauseRound(t, m)
	case "quiz.extend":
		return q.extendRound(t, m)
	case "quiz.auto":
		return q.setAuto(t, m)
	case "quiz.answer":
		return q.acceptAnswer(t, m)
	case "quiz.star":
		return q.starAnswer(t, m)
	case "quiz.hide":
		return q.hideAnswer(t, m)
	case "quiz.wall":
		return q.setWall(t, m)
	case "quiz.rank":
		return q.setRanking(t, m)
	case "quiz.allow":
		return q.allowTime(t, m)
	case "quiz.regrade":
		return q.regradeItem(t, m)
	case "quiz.look":
		return q.sendAnswers(t, m)
	}
	return q.moveRound(t, m)
}

// loadQuiz replaces the quiz. An open round must be locked first. An item gets another id when an
// earlier quiz of the lesson has asked an item with its id.
func (q *quiz) loadQuiz(t *room.Turn, m room.Message) error {
	var in LoadRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := in.Quiz.Normalise(m.Name); err != nil {
		return err
	}
	if err := q.checkNoOpenRound(m.Name); err != nil {
		return err
	}
	for i := range in.Quiz.Items {
		in.Quiz.Items[i].ID = q.freeItemID(in.Quiz.Items[i].ID)
	}
	if n := encodedSize(in.Quiz.Items); n > MaxLoad {
		return errs.NewField(m.Name, "quiz.items", "too_large", MaxLoad, "%d bytes, at most %d in one lesson: split the quiz", n, MaxLoad)
	}
	q.closeRound(t)
	t.Record(Loaded, LoadedData{
		ID: in.Quiz.ID, Title: in.Quiz.Title, Speed: in.Quiz.Speed, Paced: cmp.Or(in.Quiz.Paced, byTeacher),
		Board: in.Quiz.Board, Items: in.Quiz.Items,
	})
	return nil
}

// encodedSize is the size of questions in a fact and in the view of staff, in bytes.
func encodedSize(items []item.Authored) int {
	data, err := json.Marshal(items)
	if err != nil {
		panic(fmt.Sprintf("quiz: %v", err)) // our own type
	}
	return len(data)
}

// freeItemID is an id that no item asked in this lesson has.
func (q *quiz) freeItemID(id string) string {
	for n := 2; ; n++ {
		if !q.wasAsked(id) {
			return id
		}
		id = fmt.Sprintf("%s.%d", id, n)
	}
}

// checkNoOpenRound refuses while pupils can answer.
func (q *quiz) checkNoOpenRound(op string) error {
	if r := q.lastRound(); r != nil && r.State == stateOpen {
		return errs.NewCode(op, errs.Stale, "round_open", "a question is open: lock it first")
	}
	return nil
}

// closeRound closes the last round if it is not yet.
func (q *quiz) closeRound(t *room.Turn) {
	if r := q.lastRound(); r != nil && r.State != stateClosed {
		t.Record(Closed, RoundData{Round: r.N})
	}
}

// askNow adds an item and opens it at once.
func (q *quiz) askNow(t *room.Turn, m room.Message) error {
	var in AskRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := in.Item.Normalise(m.Name); err != nil {
		return err
	}
	if err := q.checkNoOpenRound(m.Name); err != nil {
		return err
	}
	if encodedSize(q.itemsInOrder())+encodedSize([]item.Authored{in.Item}) > MaxLoad {
		return errs.NewField(m.Name, "item", "too_large", MaxLoad, "the questions of a lesson have at most %d bytes", MaxLoad)
	}
	if len(q.Items) >= 2*item.MaxItems {
		return errs.NewField(m.Name, "item", "too_many", 2*item.MaxItems, "at most %d questions in a lesson", 2*item.MaxItems)
	}
	in.Item.ID = q.freeItemID(fmt.Sprintf("ask%d", len(q.Items)+1))
	q.closeRound(t)
	t.Record(Loaded, LoadedData{Add: true, Items: []item.Authored{in.Item}})
	q.openRound(t, []string{in.Item.ID}, in.Item.Seconds)
	return nil
}

func (q *quiz) setPace(t *room.Turn, m room.Message) error {
	var in PaceRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.Paced != byTeacher && in.Paced != byPupil {
		return errs.NewField(m.Name, "paced", "unknown", 0, "must be %q or %q", byTeacher, byPupil)
	}
	if err := q.checkNoOpenRound(m.Name); err != nil {
		return err
	}
	if in.Paced != q.Paced {
		t.Record(Paced, PacedData{in.Paced})
	}
	return nil
}

func (q *quiz) openItems(t *room.Turn, m room.Message) error {
	var in OpenRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := q.checkNoOpenRound(m.Name); err != nil {
		return err
	}
	for i, id := range in.Items {
		if _, ok := q.Items[id]; !ok || slices.Contains(in.Items[:i], id) {
			return errs.NewField(m.Name, fmt.Sprintf("items[%d]", i), "unknown", 0, "no such question")
		}
	}
	items, seconds, err := q.nextItems(m.Name, in.Items)
	if err != nil {
		return err
	}
	if in.Seconds != nil {
		seconds = *in.Seconds
	}
	if seconds < 0 || seconds > item.MaxSeconds {
		return errs.NewField(m.Name, "seconds", "out_of_range", item.MaxSeconds, "must be 0 to %d", item.MaxSeconds)
	}
	q.closeRound(t)
	q.openRound(t, items, seconds)
	return nil
}

// nextItems returns the items of the next round and its time limit. An empty list is the next ones of the quiz.
func (q *quiz) nextItems(op string, items []string) ([]string, int, error) {
	if len(items) == 0 {
		i := q.nextIndex()
		if i == len(q.Order) {
			return nil, 0, errs.NewCode(op, errs.Stale, "no_more", "all questions of this quiz were asked")
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

// openRound opens a round.
func (q *quiz) openRound(t *room.Turn, items []string, seconds int) {
	out := OpenedData{Round: len(q.Rounds) + 1, Of: len(q.Order), Seconds: seconds, Paced: byTeacher, Items: []item.Item{}}
	out.Index = slices.Index(q.Order, items[0])
	if len(items) > 1 {
		out.Paced = byPupil
	}
	for _, id := range items {
		out.Items = append(out.Items, q.Items[id].Item)
	}
	t.Record(Opened, out)
}

// advanceRound handles the teacher's one button. It moves the round from exactly the state that
// the button showed to the next one, so pressing twice skips nothing.
func (q *quiz) advanceRound(t *room.Turn, m room.Message) error {
	var in NextRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if n, state := q.currentState(); n != in.Round || state != in.State {
		return errs.NewCode(m.Name, errs.Stale, "moved_on", "the quiz is at round %d, %s", n, state)
	}
	r := q.lastRound()
	switch {
	case in.State == stateOpen && !q.onlySlides(r):
		t.Record(Locked, RoundData{Round: r.N})
		return nil
	case in.State == stateLocked:
		q.revealRound(t, r)
		return nil
	}
	items, seconds, err := q.nextItems(m.Name, nil)
	if err != nil && (in.State == stateReady || r == nil) {
		return err
	}
	q.closeRound(t)
	if err == nil {
		q.openRound(t, items, seconds)
	}
	return nil
}

// pauseRound stops the time of an open round, or lets it run again.
func (q *quiz) pauseRound(t *room.Turn, m room.Message) error {
	var in PauseRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r, err := q.roundAtHand(m.Name, in.Round)
	if err != nil {
		return err
	}
	if r.State != stateOpen {
		return errs.NewCode(m.Name, errs.Stale, "locked", "the question is not open")
	}
	if in.On != r.Paused {
		t.Record(Paused, PausedData{Round: r.N, On: in.On, Left: q.timeLeft(r, "", t.Now())})
	}
	return nil
}

// roundAtHand is the last round, if that is the one which a command names.
func (q *quiz) roundAtHand(op string, n int) (*round, error) {
	r := q.lastRound()
	if r == nil || r.N != n {
		return nil, errs.NewCode(op, errs.Stale, "moved_on", "round %d is not the one at hand", n)
	}
	return r, nil
}

// moveRound handles lock, reveal and close. When the round is there already, nothing
// happens: two teachers may press at once.
func (q *quiz) moveRound(t *room.Turn, m room.Message) error {
	var in RoundRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r, err := q.roundAtHand(m.Name, in.Round)
	if err != nil {
		return err
	}
	switch {
	case m.Name == "quiz.lock" && r.State == stateOpen:
		t.Record(Locked, RoundData{Round: r.N})
	case m.Name == "quiz.reveal" && (r.State == stateOpen || r.State == stateLocked):
		if r.State == stateOpen {
			t.Record(Locked, RoundData{Round: r.N})
		}
		q.revealRound(t, r)
	case m.Name == "quiz.close":
		q.closeRound(t)
	}
	return nil
}

// acceptAnswer records a pupil's response. The same one again is acknowledged and not recorded.
func (q *quiz) acceptAnswer(t *room.Turn, m room.Message) error {
	var in AnswerRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r := q.lastRound()
	switch {
	case m.By.Role != event.Pupil:
		return errs.NewCode(m.Name, errs.Denied, "role", "only pupils answer")
	case in.Took != 0:
		return errs.NewField(m.Name, "took", "unknown_field", 0, "the box measures it")
	case r == nil || in.Round > r.N || in.Round < 1:
		return errs.NewCode(m.Name, errs.Stale, "moved_on", "there is no such question")
	case in.Round != r.N || r.State != stateOpen:
		return errs.NewCode(m.Name, errs.Stale, "locked", "the question is closed")
	case r.Paused:
		return errs.NewCode(m.Name, errs.Stale, "paused", "the teacher has paused the question")
	case !slices.Contains(r.Items, in.Item):
		return errs.NewField(m.Name, "item", "unknown", 0, "not in this round")
	case q.isLate(r, m.By.User, t.Now()):
		return errs.NewCode(m.Name, errs.Stale, "late", "the time for this question is over")
	}
	if err := item.CheckResponse(m.Name, q.Items[in.Item].Item, in.Response); err != nil {
		return err
	}
	if had, ok := r.Answers[in.Item][m.By.User]; ok && sameResponse(had.Response, in.Response) {
		return nil
	}
	if err := q.checkDrawings(m.Name, r, in.Item, m.By.User, in.Response); err != nil {
		return err
	}
	t.Record(Answered, AnsweredData{Round: in.Round, Item: in.Item, Response: in.Response, Took: r.Watch.Elapsed(t.Now())})
	q.castCounts(t, r, in.Item, m.By.User)
	q.noteAllIn(t)
	return nil
}

// checkDrawings refuses a drawing for which there is no room.
func (q *quiz) checkDrawings(op string, r *round, id, user string, in item.Response) error {
	if len(in.Strokes) == 0 {
		return nil
	}
	own, all := in.Bytes(), in.Bytes()
	for other, answers := range r.Answers {
		if a, ok := answers[user]; ok && other != id && len(a.Response.Strokes) > 0 {
			own += a.Response.Bytes()
		}
	}
	if own > maxOwnDrawings {
		return errs.NewField(op, "response.strokes", "too_large", maxOwnDrawings, "your drawings in one round have at most %d bytes", maxOwnDrawings)
	}
	if all += q.Drawings; all > maxDrawings {
		return errs.NewField(op, "response.strokes", "too_much", maxDrawings, "the lesson holds at most %d bytes of drawings", maxDrawings)
	}
	return nil
}

// castCounts sends the new count to screens and the mark of the answer to staff.
func (q *quiz) castCounts(t *room.Turn, r *round, id, user string) {
	t.CastTo(isScreen, Counted, CountedCast{r.N, id, len(r.Answers[id])})
	t.CastTo(event.Viewer.IsStaff, Marked, MarkedCast{r.N, id, user, roundHundredths(q.gradeAnswer(id, r.Answers[id][user]))})
}

func isScreen(v event.Viewer) bool { return v.Role == event.Screen }

// seesCounts reports whether a viewer sees how many have answered while pupils still think.
func seesCounts(v event.Viewer) bool { return v.Role != event.Pupil }
