package item

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

func newOptions(texts ...string) []Option {
	var list []Option
	for i, t := range texts {
		list = append(list, Option{ID: string(rune('a' + i)), Text: t})
	}
	return list
}

func TestAKeyIsNotEncodedByAccident(t *testing.T) {
	if _, err := json.Marshal(struct{ K Key }{Key{General: "secret"}}); err == nil {
		t.Fatal("a key was encoded")
	}
	a := Authored{Item{Kind: Single, Text: "?", Options: newOptions("x", "y"), Points: 1}, Key{Weights: map[string]float64{"a": 1}}}
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back Authored
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(a, back) {
		t.Fatalf("%s: %+v: %v", data, back, err)
	}
	if plain, _ := json.Marshal(a.Item); strings.Contains(string(plain), "key") {
		t.Fatalf("an item carries %s", plain)
	}
}

func TestGradesAreWorthWhatTheKeySays(t *testing.T) {
	multi := Authored{Item{Kind: Multi, Options: newOptions("1", "2", "3", "4")}, Key{Weights: map[string]float64{"a": 1, "b": 1}}}
	text := Authored{Item{Kind: Text}, Key{Texts: []Accepted{{"Île de *", 1}, {"2\\*3", 0.5}, {"straße", 1}}}}
	number := Authored{Item{Kind: Numeric}, Key{Numbers: []Range{{3.14, 0.01, 1}, {3, 0, 0.5}}}}
	order := Authored{Item{Kind: Order, Options: newOptions("x", "y", "z")}, Key{Order: []string{"b", "a", "c"}}}
	match := Authored{Item{Kind: Match}, Key{Pairs: map[string]string{"a": "b", "b": "a"}}}
	for _, c := range []struct {
		a    Authored
		r    Response
		want float64
	}{
		{multi, Response{Options: []string{"a", "b"}}, 1},
		{multi, Response{Options: []string{"a"}}, 0.5},
		{multi, Response{Options: []string{"a", "c"}}, 0},
		{multi, Response{Options: []string{"a", "b", "c"}}, 0.5},
		{text, Response{Text: "  île  DE la Réunion"}, 1},
		{text, Response{Text: "2*3"}, 0.5},
		{text, Response{Text: "2x3"}, 0},
		{text, Response{Text: "STRASSE"}, 1},
		{text, Response{Text: "\u200fstraße\u200e"}, 1},
		{number, Response{Text: "\u200f٣٫١٤"}, 1},
		{number, Response{Text: "3,14"}, 1},
		{number, Response{Text: "٣٫١٤"}, 1},
		{number, Response{Text: "3.151"}, 0},
		{number, Response{Text: "3"}, 0.5},
		{order, Response{Order: []string{"b", "a", "c"}}, 1},
		{order, Response{Order: []string{"c", "a", "b"}}, 1.0 / 3},
		{match, Response{Pairs: map[string]string{"a": "b", "b": "b"}}, 0.5},
		{Authored{Item: Item{Kind: Poll, Options: newOptions("x", "y")}}, Response{Options: []string{"a"}}, 0},
	} {
		if got := Grade(c.a.Item, c.a.Key, c.r); got != c.want {
			t.Errorf("%s %+v: %v, want %v", c.a.Kind, c.r, got, c.want)
		}
	}
}

func TestTheRightOrderDoesNotShow(t *testing.T) {
	a := Authored{Item: Item{Kind: Order, Text: "planets", Options: []Option{{Text: "Mercury"}, {Text: "Venus"}, {Text: "Earth"}}}}
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	var right []string
	for _, id := range a.Key.Order {
		right = append(right, a.Options[id[0]-'a'].Text)
	}
	if strings.Join(right, " ") != "Mercury Venus Earth" {
		t.Fatalf("key tells %v", right)
	}
	if a.Options[0].Text == "Mercury" && a.Options[1].Text == "Venus" {
		t.Fatal("options are in the right order")
	}
	once := a
	if err := a.Normalise("t"); err != nil || !reflect.DeepEqual(once, a) {
		t.Fatalf("twice is not as once: %+v: %v", a, err)
	}
}

func TestAFaultNamesItsField(t *testing.T) {
	for field, a := range map[string]Authored{
		"text":                {Item: Item{Kind: Single, Options: newOptions("x", "y")}},
		"options":             {Item: Item{Kind: Single, Text: "?", Options: newOptions("x")}},
		"options[1].text":     {Item: Item{Kind: Multi, Text: "?", Options: newOptions("x", " ")}},
		"key.weights":         {Item: Item{Kind: TrueFalse, Text: "?"}},
		"key.numbers":         {Item: Item{Kind: Numeric, Text: "?"}},
		"key.pairs":           {Item: Item{Kind: Match, Text: "?", Options: newOptions("x", "y"), Choices: newOptions("1", "2")}},
		"kind":                {Item: Item{Kind: "essay", Text: "?"}},
		"seconds":             {Item: Item{Kind: Slide, Text: "?", Seconds: 1}},
		"points":              {Item: Item{Kind: Text, Text: "?", Points: 101}},
		"id":                  {Item: Item{ID: "a b", Kind: Slide, Text: "?"}},
		"key.texts[0].weight": {Item{Kind: Text, Text: "?"}, Key{Texts: []Accepted{{"x", 2}}}},
	} {
		err := a.Normalise("t")
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestChoicesThatReadTheSameAreOne(t *testing.T) {
	a := Authored{
		Item{Kind: Match, Text: "?", Options: newOptions("cow", "ant", "dog"), Choices: newOptions("mammal", "insect", "mammal ", "fish")},
		Key{Pairs: map[string]string{"a": "a", "b": "b", "c": "c"}},
	}
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	if want := newOptions("fish", "insect", "mammal"); !reflect.DeepEqual(a.Choices, want) {
		t.Errorf("got %v", a.Choices)
	}
	if want := map[string]string{"a": "c", "b": "b", "c": "c"}; !reflect.DeepEqual(a.Key.Pairs, want) {
		t.Errorf("got %v", a.Key.Pairs)
	}
}

func TestFeedbackStaysWithItsOption(t *testing.T) {
	a := Authored{
		Item{Kind: Poll, Text: "?", Options: []Option{{ID: "b", Text: "one"}, {ID: "z", Text: "two"}, {ID: "a", Text: "three"}}},
		Key{Feedback: map[string]string{"b": "1", "z": "2", "a": "3"}},
	}
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a": "1", "b": "2", "c": "3"}; !reflect.DeepEqual(a.Key.Feedback, want) {
		t.Errorf("got %v", a.Key.Feedback)
	}
}

func TestFeedbackBelongsToAnAnswer(t *testing.T) {
	said := map[string]string{"a": "x", "zz": "nobody sees this", " word ": "w", "3 ± 1": "n", "*": "any"}
	for kind, want := range map[Kind]map[string]string{
		Single: {"a": "x"}, Text: {"word": "w"}, Numeric: {"3 ± 1": "n", "*": "any"}, Order: nil, Slide: nil,
	} {
		a := Authored{Item{Kind: kind, Text: "?", Options: newOptions("x", "y")}, Key{
			Weights: map[string]float64{"a": 1, "b": 0}, Texts: []Accepted{{" word", 1}}, Numbers: []Range{{3, 1, 1}}, Feedback: said,
		}}
		if err := a.Normalise("t"); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a.Key.Feedback, want) || len(a.Key.Weights) > 1 {
			t.Errorf("%s: got %v, %v", kind, a.Key.Feedback, a.Key.Weights)
		}
	}
}

func TestAResponseMustHaveTheShapeOfItsQuestion(t *testing.T) {
	single := Item{Kind: Single, Options: newOptions("x", "y")}
	for field, c := range map[string]struct {
		it Item
		r  Response
	}{
		"response.options": {single, Response{Options: []string{"a", "b"}}},
		"response.text":    {single, Response{Options: []string{"a"}, Text: "and more"}},
		"response.order":   {Item{Kind: Order, Options: newOptions("x", "y")}, Response{Order: []string{"a", "a"}}},
		"response.pairs":   {Item{Kind: Match, Options: newOptions("x", "y"), Choices: newOptions("1", "2")}, Response{Pairs: map[string]string{"a": "z"}}},
		"response":         {Item{Kind: Slide}, Response{}},
	} {
		err := CheckResponse("t", c.it, c.r)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := CheckResponse("t", Item{Kind: Numeric}, Response{Text: "abc"}); err == nil {
		t.Error("a word is no number")
	}
}

func FuzzGrade(f *testing.F) {
	f.Add([]byte(`{"kind":"multi","text":"?","options":[{"text":"x"},{"text":"y"}],"key":{"weights":{"a":1}}}`), []byte(`{"options":["a","zz"]}`))
	f.Add([]byte(`{"kind":"numeric","text":"?","key":{"numbers":[{"value":1e300}]}}`), []byte(`{"text":"1e999"}`))
	f.Add([]byte(`{"kind":"order","text":"?","key":{"order":["a"]}}`), []byte(`{"order":[]}`))
	f.Add([]byte(`{"kind":"text","text":"?","key":{"texts":[{"text":"**a*","weight":1}]}}`), []byte(`{"text":"*"}`))
	f.Add([]byte(`{"kind":"gaps","text":"a ___ b","gaps":[{"id":"1","kind":"numeric"}],"key":{"gaps":{"1":{"numbers":[{"value":1,"weight":1}]}}}}`), []byte(`{"gaps":{"1":"1"}}`))
	f.Fuzz(func(t *testing.T, item, response []byte) {
		var a Authored
		var r Response
		if json.Unmarshal(item, &a) != nil || json.Unmarshal(response, &r) != nil {
			return
		}
		if v := Grade(a.Item, a.Key, r); v < 0 || v > 1 || v != v {
			t.Fatalf("graded %v", v)
		}
		if a.Normalise("t") != nil {
			return
		}
		once, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Normalise("t"); err != nil {
			t.Fatalf("normal and then not: %v", err)
		}
		if twice, _ := json.Marshal(a); string(once) != string(twice) {
			t.Fatalf("%s\n%s", once, twice)
		}
		_ = CheckResponse("t", a.Item, r)
		_ = RevealKey(a.Item, a.Key)
	})
}

// Moodle's documentation of multiple answers: an option without a weight takes nothing away. A key
// that only says which options are right has no shares, and then choosing all must not be right.
func TestAnOptionWithoutAWeightTakesNothingAway(t *testing.T) {
	it := Item{Kind: Multi, Options: newOptions("1", "2", "3", "4")}
	for _, c := range []struct {
		weights map[string]float64
		chosen  string
		want    float64
	}{
		{map[string]float64{"b": 0.5, "c": 0.5}, "abc", 1},
		{map[string]float64{"b": 0.5, "c": 0.5}, "abcd", 1},
		{map[string]float64{"b": 0.5, "c": 0.5}, "ad", 0},
		{map[string]float64{"b": 0.5, "c": 0.5, "d": -0.25}, "abcd", 0.75},
		{map[string]float64{"b": 1, "d": -1}, "ab", 1},
		{map[string]float64{"b": 0.333333, "c": 0.333333, "d": 0.333333}, "abcd", 0.999999},
		{map[string]float64{"b": 1, "c": 1}, "bc", 1},
		{map[string]float64{"b": 1, "c": 1}, "abc", 0.5},
		{map[string]float64{"b": 1, "c": 1}, "abcd", 0},
	} {
		if got := Grade(it, Key{Weights: c.weights}, Response{Options: strings.Split(c.chosen, "")}); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v of %v is worth %v, want %v", c.chosen, c.weights, got, c.want)
		}
	}
}
