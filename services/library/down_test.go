package library

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// titled is a quiz of one question.
func titled(title string) item.Quiz {
	return item.Quiz{Title: title, Items: []item.Authored{question(title + "?")}}
}

// titles are the quizzes by id, and by title where the id is random.
func titles(t *testing.T, l *Library) map[string]string {
	t.Helper()
	list, err := l.Quizzes()
	check(t, err)
	out := map[string]string{}
	for _, s := range list {
		key := s.ID
		if !strings.HasPrefix(key, "q_cloud_") {
			key = "own"
		}
		if _, err := l.Quiz(s.ID); err != nil {
			t.Error(err)
		}
		out[key] += s.Title
	}
	return out
}

func apply(t *testing.T, l *Library, n uint64, id string, q item.Quiz, gone bool) Delivered {
	t.Helper()
	out, err := l.ApplyQuiz(n, id, q, gone)
	check(t, err)
	return out
}

func TestAQuizOfTheCloudTakesThePlaceOfTheOneBefore(t *testing.T) {
	l := open(t, config(t))
	first := apply(t, l, 3, "k1", titled("Birds"), false)
	q, err := l.Quiz(first.ID)
	if err != nil || q.Title != "Birds" || first.ID != "q_cloud_k1" || q.Items[0].Key.Weights["t"] != 1 {
		t.Errorf("%+v %v", q, err)
	}
	if same := apply(t, l, 4, "k1", titled("Birds"), false); same.Kept != "" {
		t.Errorf("%+v", same)
	}
	if again, err := l.Quiz(first.ID); err != nil || !cmp.Equal(q, again) {
		t.Errorf("what did not change was changed: %+v, %v", again, err)
	}
	apply(t, l, 5, "k1", titled("Owls"), false)
	if diff := cmp.Diff(map[string]string{"q_cloud_k1": "Owls"}, titles(t, l)); diff != "" {
		t.Error(diff)
	}
	for _, n := range []uint64{1, 4, 5} { // they were applied before
		if got := apply(t, l, n, "k1", titled("Old"), false); got.Done {
			t.Errorf("item %d: %+v", n, got)
		}
	}
	if at, err := l.DownCursor(); err != nil || at != 5 {
		t.Errorf("the cursor is %d, %v", at, err)
	}
	check(t, l.SkipDown(4))
	check(t, l.SkipDown(9))
	if at, err := l.DownCursor(); err != nil || at != 9 {
		t.Errorf("the cursor is %d, %v", at, err)
	}
	check(t, l.ForgetDown())
	if got := apply(t, l, 1, "k1", titled("Owls"), false); !got.Done || got.Kept != "" {
		t.Errorf("%+v", got)
	}
}

func TestWhatATeacherMadeOfACloudsQuizIsKeptAsACopy(t *testing.T) {
	l := open(t, config(t))
	id := apply(t, l, 1, "k1", titled("Birds"), false).ID
	q, err := l.Quiz(id)
	check(t, err)
	q.Title = strings.Repeat("ä", item.MaxTitle)
	q.Items = append(q.Items, question("Mine?"))
	q, err = l.PutQuiz(q)
	check(t, err)
	got := apply(t, l, 2, "k1", titled("Owls"), false)
	kept, err := l.Quiz(got.Kept)
	check(t, err)
	if want := strings.Repeat("ä", item.MaxTitle-4) + " (2)"; kept.Title != want || len(kept.Items) != 2 || kept.Items[1].Key.Weights["t"] != 1 {
		t.Errorf("%+v", kept)
	}
	if q, err := l.Quiz(id); err != nil || q.Title != "Owls" {
		t.Errorf("%+v %v", q, err)
	}
	if again := apply(t, l, 3, "k1", titled("Kites"), false); again.Kept != "" {
		t.Errorf("kept a second time: %+v", again)
	}
}

func TestAQuizThatTheSchoolDroppedGoesUnlessATeacherChangedIt(t *testing.T) {
	l := open(t, config(t))
	apply(t, l, 1, "k1", titled("Birds"), false)
	id := apply(t, l, 2, "k2", titled("Owls"), false).ID
	q, err := l.Quiz(id)
	check(t, err)
	q.Title = "My owls"
	_, err = l.PutQuiz(q)
	check(t, err)
	if got := apply(t, l, 3, "k1", item.Quiz{}, true); got.ID != "" || !got.Gone || got.Title != "Birds" {
		t.Errorf("%+v", got)
	}
	if got := apply(t, l, 4, "k2", item.Quiz{}, true); got.ID != id || !got.Gone {
		t.Errorf("%+v", got)
	}
	apply(t, l, 5, "k3", item.Quiz{}, true) // never came here
	if diff := cmp.Diff(map[string]string{id: "My owls"}, titles(t, l)); diff != "" {
		t.Error(diff)
	}
	if got := apply(t, l, 6, "k2", titled("Owls"), false); got.Kept == "" {
		t.Errorf("the teacher's is gone: %+v", got)
	}
}

func TestAQuizThatIsRefusedChangesNothingAndKeepsTheCursor(t *testing.T) {
	l := open(t, config(t))
	apply(t, l, 1, "k1", titled("Birds"), false)
	for name, try := range map[string]struct {
		id string
		q  item.Quiz
	}{"title": {"k1", item.Quiz{}}, "id": {"../x", titled("x")}, "long id": {strings.Repeat("x", 49), titled("x")}, "no id": {"", titled("x")}} {
		if _, err := l.ApplyQuiz(2, try.id, try.q, false); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(map[string]string{"q_cloud_k1": "Birds"}, titles(t, l)); diff != "" {
		t.Error(diff)
	}
	if at, err := l.DownCursor(); err != nil || at != 1 {
		t.Errorf("the cursor is %d, %v", at, err)
	}
}

// TestQuizzesOfTheCloudCutAtAnyPointGiveTheSame applies a list of items as a box does that
// is cut off and starts again: from the cursor, and some of them again.
func TestQuizzesOfTheCloudCutAtAnyPointGiveTheSame(t *testing.T) {
	const items = 30
	run := func(l *Library, from, to int) {
		for i := from; i < to; i++ {
			apply(t, l, uint64(i+1), fmt.Sprint("k", i%4), titled(fmt.Sprint("Quiz ", i)), i%9 == 8)
		}
	}
	c := config(t)
	straight, cut := open(t, config(t)), open(t, c)
	run(straight, 0, items)
	for {
		n, err := cut.DownCursor()
		check(t, err)
		if n == items {
			break
		}
		run(cut, rand.IntN(int(n)+1), int(n)+1+rand.IntN(items-int(n)))
		check(t, cut.Close())
		cut = open(t, c)
	}
	if diff := cmp.Diff(titles(t, straight), titles(t, cut)); diff != "" {
		t.Error(diff)
	}
}
