package results

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/quiz"
)

// unlistedKinds is a lesson with a question of each kind that is not chosen from a list.
func unlistedKinds() Results {
	tp := newFactTape().lesson().came("p1").came("p2").came("p3")
	tp.add("t1", quiz.Loaded, `{"items":[
		{"id":"m","kind":"match","text":"","points":1,"options":[{"id":"a","text":"France"},{"id":"b","text":"Spain"}],
		 "choices":[{"id":"a","text":"Madrid"},{"id":"b","text":"Paris"}],"key":{"pairs":{"a":"b","b":"a"}}},
		{"id":"o","kind":"order","text":"","points":1,"options":[{"id":"a","text":"2"},{"id":"b","text":"1"}],"key":{"order":["b","a"]}},
		{"id":"w","kind":"text","text":"","points":3,"key":{"texts":[{"text":"Paris","weight":1},{"text":"*","weight":0.3333333}]}}]}`)
	tp.add("t1", quiz.Opened, `{"round":1,"seconds":0,"items":[
		{"id":"m","kind":"match","text":"","points":1,"options":[{"id":"a","text":"France"},{"id":"b","text":"Spain"}],
		 "choices":[{"id":"a","text":"Madrid"},{"id":"b","text":"Paris"}]},
		{"id":"o","kind":"order","text":"","points":1,"options":[{"id":"a","text":"2"},{"id":"b","text":"1"}]},
		{"id":"w","kind":"text","text":"","points":3},{"id":"s","kind":"slide","text":"Look","points":0}]}`)
	tp.add("p1", quiz.Answered, `{"round":1,"item":"m","response":{"pairs":{"a":"b","b":"b"}},"took":1}`)
	tp.add("p1", quiz.Answered, `{"round":1,"item":"o","response":{"order":["b","a"]},"took":1}`)
	for user, text := range map[string]string{"p1": " paris", "p2": "PARIS ", "p3": "Rome"} {
		tp.add(user, quiz.Answered, `{"round":1,"item":"w","response":{"text":"`+text+`"},"took":1}`)
	}
	return tp.shut(1).end().results()
}

func TestEachKindIsCountedInItsWay(t *testing.T) {
	r := unlistedKinds()
	if len(r.Items) != 3 {
		t.Fatalf("a slide asks nothing: %+v", r.Items)
	}
	match, order, text := r.Items[0], r.Items[1], r.Items[2]
	if d := cmp.Diff(match.Counts, map[string]int{"a": 1, "b": 0}); d != "" || match.Fraction != 0.5 {
		t.Error(d, match.Fraction)
	}
	if !slices.Equal(match.Right, []string{"France → Paris", "Spain → Madrid"}) {
		t.Errorf("right is %q", match.Right)
	}
	if d := cmp.Diff(match.Pairs, []Pair{{"a", "Paris"}, {"b", "Madrid"}}); d != "" {
		t.Error(d)
	}
	if !slices.Equal(order.Right, []string{"b", "a"}) || order.Counts["a"] != 1 || order.Fraction != 1 {
		t.Errorf("got %+v", order)
	}
	if d := cmp.Diff(text.Texts, []TextCount{{"PARIS", 2, true}, {"Rome", 1, false}}); d != "" {
		t.Error(d)
	}
	if text.Fraction != 0.78 { // (1 + 1 + 1/3) / 3
		t.Errorf("the mean is %v", text.Fraction)
	}
	if _, p := r.pupil(t, "p3"); p.Score != 1 || p.Right != 0 || p.Wrong != 1 {
		t.Errorf("a third of three points: %+v", p)
	}
}
