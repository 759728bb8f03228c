package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

var update = flag.Bool("update", false, "rewrite testdata")

// The golden facts: one of each kind. The tests of the pages can read them too.
const factsFile = "../testdata/facts.json"

// pupil is the person in the golden facts.
const pupil = "p_1"

func TestTheWrittenContractIsThatOfTheFeatures(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", protocolFile))
	if err != nil {
		t.Fatal(err)
	}
	want, err := fillTables(document, features())
	if err != nil {
		t.Fatal(err)
	}
	types, err := os.ReadFile(filepath.Join("..", typesFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][2][]byte{protocolFile: {document, want}, typesFile: {types, writeTypes(features())}} {
		if diff := cmp.Diff(string(files[0]), string(files[1])); diff != "" {
			t.Errorf("%s differs: run go generate ./services/wire\n%s", name, diff)
		}
	}
}

// sample is a value of a type with all of its fields set.
func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Type == reflect.TypeFor[room.ID]() || f.Tag.Get("contract") == "-" {
				continue
			}
			v.Field(i).Set(sampleField(f))
		}
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(sample(t.Elem()))
	case reflect.Slice:
		v.Set(reflect.Append(v, sample(t.Elem())))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(reflect.ValueOf("q1"), sample(t.Elem()))
	case reflect.String:
		v.SetString("a")
		if values := enums[t]; values != nil {
			v.SetString(values[0])
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Uint64:
		v.SetUint(1)
	default:
		v.SetInt(1)
	}
	return v
}

// sampleField is a value for a field: where it names a person, the pupil.
func sampleField(f reflect.StructField) reflect.Value {
	v := sample(f.Type)
	switch values := f.Tag.Get("enum"); {
	case f.Name == "User" || f.Name == "By":
		v.SetString(pupil)
	case f.Name == "Marks" || f.Name == "Scores":
		byUser := reflect.MakeMap(f.Type)
		byUser.SetMapIndex(reflect.ValueOf(pupil), v.MapIndex(reflect.ValueOf("q1")))
		return byUser
	case values != "":
		v.SetString(strings.Split(strings.TrimPrefix(values, ","), ",")[0])
	}
	return v
}

func samplePayload(t *testing.T, payload any) json.RawMessage {
	t.Helper()
	if payload == nil {
		return json.RawMessage("{}")
	}
	data, err := json.Marshal(sample(reflect.TypeOf(payload)).Interface())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// goldenFact is a fact in the file.
type goldenFact struct {
	Kind event.Kind      `json:"kind"`
	Data json.RawMessage `json:"data"`
}

func readGolden(t *testing.T) []goldenFact {
	t.Helper()
	data, err := os.ReadFile(factsFile)
	if err != nil {
		t.Fatal(err)
	}
	var facts []goldenFact
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	return facts
}

func TestTheGoldenFactsAreOneOfEachKind(t *testing.T) {
	var facts []goldenFact
	for _, k := range features() {
		for _, d := range k.Events {
			facts = append(facts, goldenFact{d.Kind, samplePayload(t, d.Payload)})
		}
	}
	want, err := json.MarshalIndent(facts, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(factsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(factsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("a shipped kind keeps its payload; for a new one run go test ./services/wire/contract -update\n%s", diff)
	}
}

func defs() map[event.Kind]event.Def {
	all := map[event.Kind]event.Def{}
	for _, k := range features() {
		for _, d := range k.Events {
			all[d.Kind] = d
		}
	}
	return all
}

// checkRoundTrip reads a payload strictly as the declared type and writes it again.
func checkRoundTrip(t *testing.T, f goldenFact) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Compact(&want, f.Data); err != nil {
		t.Fatal(err)
	}
	d, ok := defs()[f.Kind]
	if !ok {
		t.Fatalf("no feature has %s", f.Kind)
	}
	v := reflect.ValueOf(&struct{}{})
	if d.Payload != nil {
		v = reflect.New(reflect.TypeOf(d.Payload))
	}
	decoder := json.NewDecoder(&want)
	text := want.String()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v.Interface()); err != nil {
		t.Errorf("%s: %v in %s", f.Kind, err, text)
		return
	}
	got, err := json.Marshal(v.Elem().Interface())
	if err != nil || string(got) != text {
		t.Errorf("%s: %v\ngot  %s\nwant %s", f.Kind, err, got, text)
	}
}

func TestEachRecordedFactIsItsPayloadTypeToTheByte(t *testing.T) {
	data, err := os.ReadFile("../../../firmware/scenario/testdata/v0.1.0/teacher.json")
	if err != nil {
		t.Fatal(err)
	}
	var lesson struct{ Events []goldenFact }
	if err := json.Unmarshal(data, &lesson); err != nil || len(lesson.Events) < 50 {
		t.Fatalf("%d facts: %v", len(lesson.Events), err)
	}
	for _, f := range append(lesson.Events, readGolden(t)...) {
		checkRoundTrip(t, f)
	}
}

// TestEachCommandIsReadAsItsPayloadType gives the room each command once. The room panics when
// a feature reads another type than it declares, or records or casts one.
func TestEachCommandIsReadAsItsPayloadType(t *testing.T) {
	h := roomtest.New(t, t.TempDir(), room.Config{}, features()[1:]...)
	h.StartLesson("l1")
	for _, k := range features() {
		for _, c := range k.Commands {
			if strings.HasPrefix(c.Name, "lesson.") {
				continue
			}
			for _, by := range []event.Viewer{roomtest.Ada, roomtest.Ben} {
				err := h.SendCommand(by, c.Name, c.Name+"-"+by.User, samplePayload(t, c.Payload))
				if err != nil && strings.Contains(err.Error(), "no such field") {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		}
	}
	for _, l := range h.DeadLetters() {
		t.Errorf("%s: %s", l.Kind, l.Err)
	}
}

func TestAnErasedPersonIsInNoFact(t *testing.T) {
	all := defs()
	x := event.Erasure{User: pupil, As: "gone", Written: map[string]bool{}}
	for _, f := range readGolden(t) {
		e := event.Event{Kind: f.Kind, By: "t_1", Data: f.Data}
		named := bytes.Contains(f.Data, []byte(pupil))
		changed := false
		if erase := all[f.Kind].Erase; erase != nil {
			e.Data, changed = erase(x, e)
		}
		if bytes.Contains(e.Data, []byte(pupil)) || changed != named {
			t.Errorf("%s: named %v, changed %v: %s", f.Kind, named, changed, e.Data)
		}
	}
}

func TestTheStarOfAnErasedAnswerIsEmpty(t *testing.T) {
	all := defs()
	x := event.Erasure{User: pupil, As: "gone", Written: map[string]bool{}}
	star := event.Event{Kind: "quiz.starred", By: "t_1", Data: json.RawMessage(`{"round":2,"item":"q1","n":1,"response":{"text":"Dakar"},"on":true}`)}
	answer := event.Event{Kind: "quiz.answered", Data: json.RawMessage(`{"round":2,"item":"q1","response":{"text":"Dakar"},"took":900}`)}
	for by, want := range map[string]bool{"p_2": false, pupil: true} {
		clear(x.Written)
		answer.By = by
		all[answer.Kind].Erase(x, answer)
		if data, changed := all[star.Kind].Erase(x, star); changed != want || want != (string(data) == "null") {
			t.Errorf("answer of %s: changed %v to %s", by, changed, data)
		}
	}
}

func TestAnErasedAnswerIsOffTheWall(t *testing.T) {
	all := defs()
	x := event.Erasure{User: pupil, As: "gone", Written: map[string]bool{}}
	for _, text := range []string{"Dakar", "my secret"} {
		e := event.Event{Kind: "quiz.answered", By: pupil, Data: json.RawMessage(`{"round":2,"item":"q1","response":{"text":"` + text + `"},"took":9}`)}
		all[e.Kind].Erase(x, e)
	}
	wall := event.Event{Kind: "quiz.walled", By: "t_1", Data: json.RawMessage(`{"round":2,"item":"q1","as":"wall","list":[{"text":"dakar","n":3},{"text":"My Secret","n":1},{"text":"Rome","n":1}]}`)}
	const want = `{"round":2,"item":"q1","as":"wall","list":[{"text":"dakar","n":2},{"text":"Rome","n":1}]}`
	if data, changed := all[wall.Kind].Erase(x, wall); !changed || string(data) != want {
		t.Errorf("changed %v to %s", changed, data)
	}
}

func TestThePlaceOfAnErasedPupilLeavesTheReveal(t *testing.T) {
	all := defs()
	x := event.Erasure{User: pupil, As: "gone", Written: map[string]bool{}}
	e := event.Event{Kind: "quiz.answered", By: pupil, Data: json.RawMessage(`{"round":2,"item":"q1","response":{"pin":{"x":0.25,"y":0.125}},"took":9}`)}
	all[e.Kind].Erase(x, e)
	told := event.Event{Kind: "quiz.revealed", By: "t_1", Data: json.RawMessage(`{"round":2,"shown":true,"pins":{"q1":[{"x":0.25,"y":0.125},{"x":0.5,"y":0.5}]},"score":0,"max":1}`)}
	if data, changed := all[told.Kind].Erase(x, told); !changed || !strings.Contains(string(data), `"pins":{"q1":[{"x":0.5,"y":0.5}]}`) {
		t.Errorf("changed %v to %s", changed, data)
	}
}
