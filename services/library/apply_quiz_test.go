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

// quizTitled is a quiz of one question.
func quizTitled(title string) item.Quiz {
	return item.Quiz{Title: title, Items: []item.Authored{newQuestion(title + "?")}}
}

// quizTitles returns the titles of the quizzes by id. A random id is replaced by the title.
func quizTitles(t *testing.T, l *Library) map[string]string {
	t.Helper()
	list, err := l.Quizzes()
	checkError(t, err)
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

func applyQuiz(t *testing.T, l *Library, n uint64, id string, q item.Quiz, gone bool) ApplyResult {
	t.Helper()
	out, err := l.ApplyQuiz(n, id, q, gone)
	checkError(t, err)
	return out
}

func TestAQuizOfTheCloudTakesThePlaceOfTheOneBefore(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	first := applyQuiz(t, l, 3, "k1", quizTitled("Birds"), false)
	q, err := l.Quiz(first.ID)
	if err != nil || q.Title != "Birds" || first.ID != "q_cloud_k1" || q.Items[0].Key.Weights["t"] != 1 {
		t.Errorf("%+v %v", q, err)
	}
	if same := applyQuiz(t, l, 4, "k1", quizTitled("Birds"), false); same.Kept != "" {
		t.Errorf("%+v", same)
	}
	if again, err := l.Quiz(first.ID); err != nil || !cmp.Equal(q, again) {
		t.Errorf("what did not change was changed: %+v, %v", again, err)
	}
	applyQuiz(t, l, 5, "k1", quizTitled("Owls"), false)
	if diff := cmp.Diff(map[string]string{"q_cloud_k1": "Owls"}, quizTitles(t, l)); diff != "" {
		t.Error(diff)
	}
	for _, n := range []uint64{1, 4, 5} { // they were applied before
		if got := applyQuiz(t, l, n, "k1", quizTitled("Old"), false); got.Done {
			t.Errorf("item %d: %+v", n, got)
		}
	}
	if at, err := l.DownCursor(); err != nil || at != 5 {
		t.Errorf("the cursor is %d, %v", at, err)
	}
	checkError(t, l.SkipDown(4))
	checkError(t, l.SkipDown(9))
	if at, err := l.DownCursor(); err != nil || at != 9 {
		t.Errorf("the cursor is %d, %v", at, err)
	}
	checkError(t, l.ForgetDown())
	if got := applyQuiz(t, l, 1, "k1", quizTitled("Owls"), false); !got.Done || got.Kept != "" {
		t.Errorf("%+v", got)
	}
}

func TestWhatATeacherMadeOfACloudsQuizIsKeptAsACopy(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	id := applyQuiz(t, l, 1, "k1", quizTitled("Birds"), false).ID
	q, err := l.Quiz(id)
	checkError(t, err)
	q.Title = strings.Repeat("ä", item.MaxTitle)
	q.Items = append(q.Items, newQuestion("Mine?"))
	q, err = l.PutQuiz(q)
	checkError(t, err)
	got := applyQuiz(t, l, 2, "k1", quizTitled("Owls"), false)
	kept, err := l.Quiz(got.Kept)
	checkError(t, err)
	if want := strings.Repeat("ä", item.MaxTitle-4) + " (2)"; kept.Title != want || len(kept.Items) != 2 || kept.Items[1].Key.Weights["t"] != 1 {
		t.Errorf("%+v", kept)
	}
	if q, err := l.Quiz(id); err != nil || q.Title != "Owls" {
		t.Errorf("%+v %v", q, err)
	}
	if again := applyQuiz(t, l, 3, "k1", quizTitled("Kites"), false); again.Kept != "" {
		t.Errorf("kept a second time: %+v", again)
	}
}

func TestAQuizThatTheSchoolDroppedGoesUnlessATeacherChangedIt(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	applyQuiz(t, l, 1, "k1", quizTitled("Birds"), false)
	id := applyQuiz(t, l, 2, "k2", quizTitled("Owls"), false).ID
	q, err := l.Quiz(id)
	checkError(t, err)
	q.Title = "My owls"
	_, err = l.PutQuiz(q)
	checkError(t, err)
	if got := applyQuiz(t, l, 3, "k1", item.Quiz{}, true); got.ID != "" || !got.Gone || got.Title != "Birds" {
		t.Errorf("%+v", got)
	}
	if got := applyQuiz(t, l, 4, "k2", item.Quiz{}, true); got.ID != id || !got.Gone {
		t.Errorf("%+v", got)
	}
	applyQuiz(t, l, 5, "k3", item.Quiz{}, true) // this one never came here
	if diff := cmp.Diff(map[string]string{id: "My owls"}, quizTitles(t, l)); diff != "" {
		t.Error(diff)
	}
	if got := applyQuiz(t, l, 6, "k2", quizTitled("Owls"), false); got.Kept == "" {
		t.Errorf("the teacher's is gone: %+v", got)
	}
}

func TestAQuizThatIsRefusedChangesNothingAndKeepsTheCursor(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	applyQuiz(t, l, 1, "k1", quizTitled("Birds"), false)
	for name, try := range map[string]struct {
		id string
		q  item.Quiz
	}{"title": {"k1", item.Quiz{}}, "id": {"../x", quizTitled("x")}, "long id": {strings.Repeat("x", 49), quizTitled("x")}, "no id": {"", quizTitled("x")}} {
		if _, err := l.ApplyQuiz(2, try.id, try.q, false); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(map[string]string{"q_cloud_k1": "Birds"}, quizTitles(t, l)); diff != "" {
		t.Error(diff)
	}
	if at, err := l.DownCursor(); err != nil || at != 1 {
		t.Errorf("the cursor is %d, %v", at, err)
	}
}

// TestQuizzesOfTheCloudCutAtAnyPointGiveTheSame applies a list of items like a box that loses its
// power and starts again: from the cursor, and some items twice.
func TestQuizzesOfTheCloudCutAtAnyPointGiveTheSame(t *testing.T) {
	const items = 30
	run := func(l *Library, from, to int) {
		for i := from; i < to; i++ {
			applyQuiz(t, l, uint64(i+1), fmt.Sprint("k", i%4), quizTitled(fmt.Sprint("Quiz ", i)), i%9 == 8)
		}
	}
	c := newConfig(t)
	straight, cut := openLibrary(t, newConfig(t)), openLibrary(t, c)
	run(straight, 0, items)
	for {
		n, err := cut.DownCursor()
		checkError(t, err)
		if n == items {
			break
		}
		run(cut, rand.IntN(int(n)+1), int(n)+1+rand.IntN(items-int(n)))
		checkError(t, cut.Close())
		cut = openLibrary(t, c)
	}
	if diff := cmp.Diff(quizTitles(t, straight), quizTitles(t, cut)); diff != "" {
		t.Error(diff)
	}
}
