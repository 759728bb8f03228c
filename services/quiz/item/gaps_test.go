package item

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

// newGapText is a text with a word, a number and a choice.
func newGapText() Authored {
	return Authored{
		Item{Kind: Gaps, Text: "The cat ___ on the mat for ______ hours. It is _____.", Points: 3, Gaps: []Gap{
			{ID: "x", Kind: Text}, {ID: "y", Kind: Numeric}, {ID: "z", Kind: Single, Options: []Option{{ID: "1", Text: "wet"}, {ID: "2", Text: "asleep"}}},
		}},
		Key{Gaps: map[string]GapKey{
			"x": {Texts: []Accepted{{"sat", 1}, {"lay", 0.5}}}, "y": {Numbers: []Range{{3, 0.5, 1}}}, "z": {Weights: map[string]float64{"2": 1}},
		}},
	}
}

func TestGapsAreNumberedAndGradedInParts(t *testing.T) {
	a := newGapText()
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	if a.Text != "The cat _____ on the mat for _____ hours. It is _____." || a.Gaps[2].ID != "3" || a.Gaps[2].Options[1].ID != "b" {
		t.Fatalf("got %+v", a.Item)
	}
	for _, c := range []struct {
		given map[string]string
		want  float64
	}{
		{map[string]string{"1": " SAT ", "2": "3,2", "3": "b"}, 1},
		{map[string]string{"1": "lay", "2": "٣", "3": "b"}, 2.5 / 3},
		{map[string]string{"1": "sat"}, 1.0 / 3},
		{map[string]string{"1": "stood", "2": "9", "3": "a"}, 0},
		{nil, 0},
	} {
		if got := Grade(a.Item, a.Key, Response{Gaps: c.given}); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("%v: got %v, want %v", c.given, got, c.want)
		}
	}
	n := map[string]int{}
	CountGaps(n, a.Item, a.Key, Response{Gaps: map[string]string{"1": "sat", "3": "a"}})
	if want := map[string]int{"1": 1, "2": 0, "3": 0, "3.a": 1, "3.b": 0}; !reflect.DeepEqual(n, want) {
		t.Errorf("counts are %v", n)
	}
	want := map[string]RevealedGap{"1": {Texts: []string{"sat", "lay"}}, "2": {Numbers: []string{"3 ± 0.5"}}, "3": {Right: []string{"b"}}}
	if got := RevealKey(a.Item, a.Key).Gaps; !reflect.DeepEqual(got, want) {
		t.Errorf("revealed %v", got)
	}
}

func TestATextWithGapsCarriesNoKey(t *testing.T) {
	a := newGapText()
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(a.Item)
	if err != nil || strings.Contains(string(plain), "sat") || strings.Contains(string(plain), "key") {
		t.Fatalf("an item carries %s: %v", plain, err)
	}
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back Authored
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(a, back) {
		t.Fatalf("%s: %+v: %v", data, back, err)
	}
	once := back
	if err := back.Normalise("t"); err != nil || !reflect.DeepEqual(once, back) {
		t.Fatalf("twice is not as once: %+v: %v", back, err)
	}
}

func TestAFaultOfAGapNamesIt(t *testing.T) {
	for field, change := range map[string]func(*Authored){
		"text":                        func(a *Authored) { a.Text = "No gap, only __" },
		"gaps":                        func(a *Authored) { a.Text += " ___" },
		"gaps[0].key.texts":           func(a *Authored) { a.Key.Gaps["x"] = GapKey{} },
		"gaps[0].key.texts[0].text":   func(a *Authored) { a.Key.Gaps["x"] = GapKey{Texts: []Accepted{{" ", 1}}} },
		"gaps[1].key.numbers":         func(a *Authored) { a.Key.Gaps["y"] = GapKey{} },
		"gaps[2].key.weights":         func(a *Authored) { a.Key.Gaps["z"] = GapKey{} },
		"gaps[2].options":             func(a *Authored) { a.Gaps[2].Options = a.Gaps[2].Options[:1] },
		"gaps[1].kind":                func(a *Authored) { a.Gaps[1].Kind = Draw },
		"gaps[1].key":                 func(a *Authored) { delete(a.Key.Gaps, "y") },
		"key.gaps":                    func(a *Authored) { a.Key.Gaps["more"] = GapKey{} },
		"gaps[2].options[0].text":     func(a *Authored) { a.Gaps[2].Options[0].Text = strings.Repeat("x", MaxOption+1) },
		"gaps[1].key.numbers[0]":      func(a *Authored) { a.Key.Gaps["y"] = GapKey{Numbers: []Range{{1, -1, 1}}} },
		"gaps[0].key.texts[0].weight": func(a *Authored) { a.Key.Gaps["x"] = GapKey{Texts: []Accepted{{"x", 2}}} },
		"gaps[0].key.texts ":          func(a *Authored) { a.Key.Gaps["x"] = GapKey{Texts: []Accepted{{"wrong", 0}}} },
		"gaps[1].key.numbers ":        func(a *Authored) { a.Key.Gaps["y"] = GapKey{Numbers: []Range{{1, 0, -1}}} },
	} {
		a := newGapText()
		change(&a)
		err := a.Normalise("t")
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAnAnswerInGapsMustHaveItsShape(t *testing.T) {
	a := newGapText()
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	if err := CheckResponse("t", a.Item, Response{Gaps: map[string]string{"1": "sat"}}); err != nil {
		t.Errorf("a gap may be empty: %v", err)
	}
	long := a.Item
	long.Gaps = nil
	for range 4 {
		long.Gaps = append(long.Gaps, Gap{ID: string(rune('1' + len(long.Gaps))), Kind: Text})
	}
	full := strings.Repeat("x", MaxAnswer)
	for field, c := range map[string]struct {
		it Item
		r  Response
	}{
		"response.gaps.2": {a.Item, Response{Gaps: map[string]string{"2": "many"}}},
		"response.gaps.3": {a.Item, Response{Gaps: map[string]string{"3": "asleep"}}},
		"response.gaps.1": {a.Item, Response{Gaps: map[string]string{"1": " "}}},
		"response.gaps":   {a.Item, Response{Gaps: map[string]string{"4": "x"}}},
		"response.text":   {a.Item, Response{Text: "x", Gaps: map[string]string{"1": "sat"}}},
	} {
		err := CheckResponse("t", c.it, c.r)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	err := CheckResponse("t", long, Response{Gaps: map[string]string{"1": full, "2": full, "3": full}})
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != "too_long" || e.Limit != MaxGapAnswer {
		t.Errorf("all gaps together: %v", err)
	}
}
