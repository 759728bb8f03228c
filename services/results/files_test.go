package results

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz"
)

// formulaLesson is a lesson in which names and options try to be formulas.
func formulaLesson() Results {
	tp := newFactTape().lesson().came("p1").came("p2").load(false).wait(90*minute/60).
		open(1, single1, 0).answer("p1", 1, "q1", "a", 1).shut(1).open(2, poll3, 0).answer("p1", 2, "q3", "a", 1).shut(2)
	f := New(Meta{Lesson: "l1", Names: map[string]string{"p1": `=cmd|' /C calc'!A0`, "p2": "@SUM(A1)", "p3": "Dan, \"D\""}})
	for _, e := range tp.wait(minute).end().facts {
		f.Add(e)
	}
	return f.Results()
}

func TestCSVOpensInSpreadsheetsAndRunsNothing(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, formulaLesson(), CSVOptions{}); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(b.String(), "\ufeff")
	if !ok {
		t.Error("no byte order mark")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"Pupil", "Minutes present", "Score", "Out of", "1. 2/4 is", "2. Again?"},
		{`'=cmd|' /C calc'!A0`, "3", "2", "2", "2", "'=yes"},
		{"'@SUM(A1)", "3", "0", "2", "", ""},
		{`Dan, "D"`, "absent", "0", "2", "", ""},
	}
	if d := cmp.Diff(rows, want); d != "" {
		t.Error(d)
	}
}

func TestNoCellOfAWorkbookIsAFormula(t *testing.T) {
	var b bytes.Buffer
	if err := WriteXLSX(&b, formulaLesson()); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name)
		if err != nil || len(rows) < 3 {
			t.Fatalf("%s: %v, %v", name, rows, err)
		}
		for y, row := range rows {
			for x, cell := range row {
				at, _ := excelize.CoordinatesToCellName(x+1, y+1)
				if formula, _ := f.GetCellFormula(name, at); formula != "" || strings.HasPrefix(cell, "'") {
					t.Errorf("%s %s: %q %q", name, at, cell, formula)
				}
			}
		}
	}
	for at, want := range map[string]string{"E2": "2", "A2": `=cmd|' /C calc'!A0`, "A3": "@SUM(A1)", "F2": "=yes"} {
		v, _ := f.GetCellValue("Pupils", at)
		if kind, _ := f.GetCellType("Pupils", at); v != want || at != "E2" && kind != excelize.CellTypeInlineString && kind != excelize.CellTypeSharedString {
			t.Errorf("%s is %q of the type %v", at, v, kind)
		}
	}
}

func TestHeadingsAreInTheBoxsLanguage(t *testing.T) {
	for lang, want := range map[string]string{"fr": "Élève", "es-MX": "Alumno", "ar": "التلميذ", "de": "Pupil"} {
		var b bytes.Buffer
		if err := WriteCSV(&b, New(Meta{}).Results(), CSVOptions{Lang: lang}); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %q, %v", lang, b.String(), err)
		}
	}
}

func TestAnAnswerIsNoFormulaWhereSemicolonsSeparate(t *testing.T) {
	tp := newFactTape().lesson().came("p1").load(false).open(1, poll3, 0).
		add("p1", quiz.Answered, `{"round":1,"item":"q3","response":{"text":"x;=1+1"},"took":1}`).shut(1).end()
	var b bytes.Buffer
	if err := WriteCSV(&b, tp.results(), CSVOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"x;'=1+1"`) {
		t.Errorf("got\n%s", b.String())
	}
}

// marksLesson is a lesson with half points.
func marksLesson() Results {
	return Results{
		Lesson: Lesson{ID: "l1", Title: "Fractions; part 1", ClassName: "7b", Started: 1767310200000}, // 2026-01-01T23:30 UTC
		Items:  []Question{{ID: "q1", Graded: true, Points: 3, Text: "2/4 is"}, {ID: "q2", Text: "Poll"}},
		Pupils: []Pupil{
			{User: "p1", Name: "Nele van Brandt", Score: 1.5, Max: 3, Answered: 1, Items: map[string]Answer{"q1": {Points: 1.5}}},
			{User: "p2", Name: "Sade", Absent: true, Max: 3, Items: map[string]Answer{}},
		},
		Attendance: []Presence{{User: "p1", MS: 60_000}, {User: "p2", Absent: true}},
	}
}

func TestCSVIsSplitByTheSpreadsheetsOfItsLanguage(t *testing.T) {
	for _, c := range []struct {
		o    CSVOptions
		want string
	}{
		{CSVOptions{Lang: "en"}, "Nele van Brandt,1,1.5,3,1.5,"},
		{CSVOptions{Lang: "fr"}, "Nele van Brandt;1;\"1,5\";3;\"1,5\";"},
		{CSVOptions{Lang: "es-MX"}, "Nele van Brandt;1;\"1,5\";3;\"1,5\";"},
		{CSVOptions{Lang: "ar"}, "Nele van Brandt;1;1.5;3;1.5;"},
		{CSVOptions{Lang: "fr", Separator: "comma"}, "Nele van Brandt,1,1.5,3,1.5,"},
		{CSVOptions{Lang: "en", Separator: "semicolon"}, "Nele van Brandt;1;1.5;3;1.5;"},
		{CSVOptions{Lang: "en", Separator: "tab"}, "Nele van Brandt\t1\t1.5\t3\t1.5\t"},
	} {
		var b bytes.Buffer
		if err := WriteCSV(&b, marksLesson(), c.o); err != nil || !strings.Contains(b.String(), "\r\n"+c.want+"\r\n") || !strings.HasPrefix(b.String(), "\ufeff") {
			t.Errorf("%+v: %v\n%s", c.o, err, b.String())
		}
	}
	for _, o := range []CSVOptions{{Separator: "x"}, {Form: "x"}} {
		if err := WriteCSV(&bytes.Buffer{}, marksLesson(), o); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestMarksAreWrittenForOtherPrograms(t *testing.T) {
	zone := time.FixedZone("east", 3600)
	sources := map[string]string{"p1": "u-1", "p2": "sade@x.example"}
	for form, want := range map[string]string{
		FormClassroom: "\ufeffLast Name,First Name,Email Address,\"Fractions; part 1\"\r\n,,,2026-01-02\r\nPoints,,,3\r\nBrandt,Nele van,,1.5\r\n,Sade,sade@x.example,\r\n",
		FormMoodle:    "\ufeffFirst name,Last name,ID number,Email address,\"Fractions; part 1\"\r\nNele van,Brandt,u-1,,1.5\r\nSade,,,sade@x.example,\r\n",
	} {
		var b bytes.Buffer
		if err := WriteCSV(&b, marksLesson(), CSVOptions{Form: form, Lang: "fr", Zone: zone, Sources: sources}); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%q", form, err, b.String())
		}
	}
}

// encodeTask is a task as the worker's process gets it.
func encodeTask(t *testing.T, dir string, tp *factTape) (json.RawMessage, *bytes.Buffer) {
	t.Helper()
	spec, err := json.Marshal(Spec{Meta: testMeta(), Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, e := range tp.facts {
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return spec, &b
}

func noProgress(string, int64, int64) {}

func TestWorkWritesAllFilesAndSaysWhat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results", "l1")
	tp := newFactTape().lesson().came("p1").load(false).open(1, single1, 0).answer("p1", 1, "q1", "a", 1).shut(1).end()
	spec, rest := encodeTask(t, dir, tp)
	got, err := RunTask(t.Context(), spec, rest, noProgress)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, any(Summary{Lesson: "l1", Facts: len(tp.facts), Pupils: 3, Present: 1, Items: 1, Answers: 1})); d != "" {
		t.Error(d)
	}
	raw, err := os.ReadFile(filepath.Join(dir, FileJSON))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := WriteJSON(&want, tp.results()); err != nil || want.String() != string(raw) {
		t.Errorf("got %s", raw)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 {
		t.Errorf("the folder holds %v", names)
	}
}

func TestWorkRefusesWhatIsNoFact(t *testing.T) {
	spec, _ := json.Marshal(Spec{Out: t.TempDir()})
	for name, rest := range map[string]string{"no JSON": "{\n", "too long": `{"ID":"` + strings.Repeat("x", maxLine) + `"}`} {
		if _, err := RunTask(t.Context(), spec, strings.NewReader(rest), noProgress); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := RunTask(t.Context(), json.RawMessage(`{"meta":{}}`), strings.NewReader(""), noProgress); errs.KindOf(err) != errs.Invalid {
		t.Errorf("no folder: %v", err)
	}
}

func TestWorkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("cancelled"))
	spec, _ := json.Marshal(Spec{Out: t.TempDir()})
	rest := strings.NewReader(strings.Repeat("{\"Seq\":1}\n", progressEvery))
	if _, err := RunTask(ctx, spec, rest, noProgress); errs.KindOf(err) != errs.Down {
		t.Errorf("got %v", err)
	}
}

func FuzzWork(f *testing.F) {
	f.Add([]byte(`{"Seq":1,"Kind":"quiz.opened","Data":{"round":1,"items":[{"id":"q1"}]}}`))
	f.Add([]byte(`{"Seq":1,"Kind":"room.came","By":"p1","Data":{}}` + "\n" + `{"Seq":2,"Kind":"quiz.loaded","Data":{"items":[{"id":"q1","key":{"order":["a"]}}]}}`))
	f.Fuzz(func(t *testing.T, facts []byte) {
		fold := New(testMeta())
		if _, err := readFacts(t.Context(), bytes.NewReader(facts), fold, noProgress); err != nil {
			return
		}
		if err := WriteCSV(&bytes.Buffer{}, fold.Results(), CSVOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func TestPinsAndDrawingsAreInTheFilesInWords(t *testing.T) {
	const pin = `"id":"q1","kind":"pin","text":"Where?","image":{"id":"x.png","alt":"A map","w":8,"h":6},"points":2`
	const free = `"id":"q2","kind":"pin","text":"Favourite?","image":{"id":"x.png","alt":"A map","w":8,"h":6},"points":0`
	const draw = `"id":"q3","kind":"draw","text":"A leaf","points":0`
	tape := newFactTape().lesson().came("p1").came("p2").
		add("t1", quiz.Loaded, `{"id":"z","title":"Q","speed":false,"paced":"teacher","board":false,"items":[{`+pin+`,"key":{"regions":[{"x":0.5,"y":0.5,"w":0.2,"h":0.2}]}},{`+free+`,"key":{}},{`+draw+`,"key":{}}]}`).
		open(1, pin, 0).
		add("p1", quiz.Answered, `{"round":1,"item":"q1","response":{"pin":{"x":0.6,"y":0.6}},"took":5}`).
		add("p2", quiz.Answered, `{"round":1,"item":"q1","response":{"pin":{"x":0.1,"y":0.6}},"took":5}`).
		shut(1).open(2, free, 0).
		add("p1", quiz.Answered, `{"round":2,"item":"q2","response":{"pin":{"x":0.254,"y":0.7}},"took":5}`).
		shut(2).open(3, draw, 0).
		add("p1", quiz.Answered, `{"round":3,"item":"q3","response":{"strokes":[{"color":0,"size":1,"points":"0 0 0"}]},"took":5}`).
		shut(3).end()
	r := tape.results()
	if q := r.Items[0]; !q.Graded || q.Fraction != 0.5 || len(q.Pins) != 2 || q.Pins[0].X != 0.1 || len(q.Regions) != 1 || q.Image.Alt != "A map" {
		t.Errorf("the pin: %+v", q)
	}
	if r.Items[1].Graded || r.Items[2].Graded {
		t.Error("what has no right answer is marked")
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, r, CSVOptions{}); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(b.String()), "\n")
	if want := "Ben,0,2,2,2,25 % × 70 %,drawn"; !strings.HasPrefix(strings.TrimSpace(rows[1]), want) {
		t.Errorf("got %q, want %q", rows[1], want)
	}
}
