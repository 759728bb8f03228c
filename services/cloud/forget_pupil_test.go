package cloud_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/event"
)

func mustJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pupilFacts returns facts of the box that name two pupils.
func pupilFacts(t *testing.T) []event.Event {
	t.Helper()
	return []event.Event{
		{Kind: cloud.Listed, Data: mustJSON(t, cloud.Listing{Class: "c_1", Pupils: []cloud.ListedPupil{{ID: "p_ada", Name: "Ada", Source: "17"}, {ID: "p_ben", Name: "Ben"}}})},
		{Kind: cloud.Graded, Data: mustJSON(t, cloud.Grades{Lesson: "l_1", Pupils: []cloud.PupilGrades{
			{Pupil: "p_ada", Marks: map[string]cloud.Mark{"q1": {Fraction: 0.25}}}, {Pupil: "p_ben", Marks: map[string]cloud.Mark{"q1": {Fraction: 0.75}}},
		}})},
	}
}

func TestAnErasedPupilIsInNoFact(t *testing.T) {
	facts := append(pupilFacts(t), event.Event{Kind: cloud.Erased, Data: mustJSON(t, cloud.Erasure{Pupil: "p_ada"})})
	for _, e := range facts {
		if !cloud.ForgetPupil(&e, "p_ada") {
			t.Errorf("%s does not name the pupil", e.Kind)
		}
		for _, word := range []string{"p_ada", "Ada", "17", "0.25"} {
			if bytes.Contains(e.Data, []byte(word)) {
				t.Errorf("%s still says %q: %s", e.Kind, word, e.Data)
			}
		}
		if e.Kind != cloud.Erased && !bytes.Contains(e.Data, []byte("p_ben")) {
			t.Errorf("%s lost somebody else: %s", e.Kind, e.Data)
		}
		if before := e; cloud.ForgetPupil(&e, "p_ada") || !cmp.Equal(before, e) {
			t.Errorf("%s changes again", e.Kind)
		}
	}
}

func TestAPupilSeesOnlyTheirOwnEntries(t *testing.T) {
	defs := map[event.Kind]event.Def{}
	for _, d := range cloud.Events() {
		defs[d.Kind] = d
	}
	for _, e := range pupilFacts(t) {
		got := defs[e.Kind].PayloadFor(e, event.Viewer{User: "p_ada", Role: event.Pupil})
		if !bytes.Contains(got, []byte("p_ada")) || bytes.Contains(got, []byte("p_ben")) || bytes.Contains(got, []byte("Ben")) {
			t.Errorf("%s: %s", e.Kind, got)
		}
		if all := defs[e.Kind].PayloadFor(e, event.Viewer{Role: event.Operator}); !bytes.Equal(all, e.Data) {
			t.Errorf("%s for the box: %s", e.Kind, all)
		}
	}
}
