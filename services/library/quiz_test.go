package library

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

func newQuestion(text string) item.Authored {
	return item.Authored{
		Item: item.Item{Kind: item.TrueFalse, Text: text, Points: 1},
		Key:  item.Key{Weights: map[string]float64{"t": 1}},
	}
}

func TestQuizIsKeptWithItsKeys(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	first, err := l.AddQuiz(item.Quiz{ID: "mine", Title: " Stars "})
	if err != nil || first.ID == "mine" || first.Title != "Stars" || first.Items == nil {
		t.Errorf("got %+v, %v", first, err)
	}
	q, err := l.AddQuiz(item.Quiz{Title: "Planets", Items: []item.Authored{newQuestion("The Earth is round.")}, Board: true})
	checkError(t, err)
	checkError(t, l.Close())
	l = openLibrary(t, c)
	got, err := l.Quiz(q.ID)
	checkError(t, err)
	if diff := cmp.Diff(q, got); diff != "" || got.Items[0].Key.Weights["t"] != 1 {
		t.Errorf("%s %+v", diff, got)
	}
	q.Items = append(q.Items, newQuestion("The Earth is flat."))
	q, err = l.PutQuiz(q)
	checkError(t, err)
	list, err := l.Quizzes()
	checkError(t, err)
	want := []Summary{
		{ID: q.ID, Title: "Planets", Count: 2, Updated: q.Updated, Paced: "teacher", Board: true},
		{ID: first.ID, Title: "Stars", Updated: first.Updated, Paced: "teacher"},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	checkError(t, l.DeleteQuiz(q.ID))
	if _, err := l.Quiz(q.ID); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
}

func TestQuizChangedMeanwhileIsNotOverwritten(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	q, err := l.AddQuiz(item.Quiz{Title: "Planets"})
	checkError(t, err)
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := l.PutQuiz(q)
			mu.Lock()
			defer mu.Unlock()
			got[errorCode(err)]++
		})
	}
	all.Wait()
	if want := map[string]int{"<nil>": 1, "stale changed": 7}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := l.PutQuiz(item.Quiz{ID: "q_none", Title: "x"}); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
	if _, err := l.AddQuiz(item.Quiz{Items: []item.Authored{newQuestion("x")}}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestSampleIsThereOnceInEachLanguage(t *testing.T) {
	kinds := map[item.Kind]bool{}
	for _, lang := range []string{"en", "fr", "es", "ar", "tlh"} {
		l := openLibrary(t, newConfig(t))
		deck, quiz, err := l.AddSample(lang)
		checkError(t, err)
		if len(deck.Pages) != 3 || deck.State != "ready" || len(quiz.Items) != 5 || quiz.Title != deck.Title {
			t.Errorf("%s: got %+v and %+v", lang, deck, quiz)
		}
		for _, p := range deck.Pages {
			f, err := l.Decks.OpenImage(deck.ID, p.Key+"-1280.png")
			checkError(t, err)
			checkError(t, f.Close())
			if p.Text == "" || p.W != 1280 || p.H != 720 {
				t.Errorf("%s: a page is %+v", lang, p)
			}
		}
		for _, it := range quiz.Items {
			kinds[it.Kind] = true
		}
		checkError(t, l.Decks.DeleteDeck(deck.ID))
		again, same, err := l.AddSample("en")
		checkError(t, err)
		if again.Pages[0].Key == deck.Pages[0].Key || !cmp.Equal(quiz, same) {
			t.Errorf("%s: got %+v, then %+v", lang, quiz, same)
		}
		third, _, err := l.AddSample(lang)
		checkError(t, err)
		if !cmp.Equal(again, third) {
			t.Errorf("%s: the deck was added twice", lang)
		}
	}
	if len(kinds) != 5 {
		t.Errorf("the sample shows %v", kinds)
	}
}
