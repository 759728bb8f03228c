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

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
)

// evil is a lesson in which names and options try to be formulas.
func evil() Results {
	tp := newTape().lesson().came("p1").came("p2").load(false).wait(90*minute/60).
		open(1, single1, 0).answer("p1", 1, "q1", "a", 1).shut(1).open(2, poll3, 0).answer("p1", 2, "q3", "a", 1).shut(2)
	f := New(Meta{Lesson: "l1", Names: map[string]string{"p1": `=cmd|' /C calc'!A0`, "p2": "@SUM(A1)", "p3": "Dan, \"D\""}})
	for _, e := range tp.wait(minute).end().facts {
		f.Add(e)
	}
	return f.Results()
}

func TestCSVOpensInSpreadsheetsAndRunsNothing(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, evil()); err != nil {
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
	if err := WriteXLSX(&b, evil()); err != nil {
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
				if formula, _ := f.GetCellFormula(name, at); formula != "" || strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") {
					t.Errorf("%s %s: %q %q", name, at, cell, formula)
				}
			}
		}
	}
	if v, _ := f.GetCellValue("Pupils", "E2"); v != "2" {
		t.Errorf("E2 is %q", v)
	}
}

func TestHeadingsAreInTheBoxsLanguage(t *testing.T) {
	for lang, want := range map[string]string{"fr": "Élève", "es-MX": "Alumno", "ar": "التلميذ", "de": "Pupil"} {
		var b bytes.Buffer
		if err := WriteCSV(&b, New(Meta{Lang: lang}).Results()); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %q, %v", lang, b.String(), err)
		}
	}
}

// stream is a task as the worker's process gets it.
func stream(t *testing.T, dir string, tp *tape) (json.RawMessage, *bytes.Buffer) {
	t.Helper()
	spec, err := json.Marshal(Spec{Meta: meta(), Out: dir})
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

func quiet(string, int64, int64) {}

func TestWorkWritesAllFilesAndSaysWhat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results", "l1")
	tp := newTape().lesson().came("p1").load(false).open(1, single1, 0).answer("p1", 1, "q1", "a", 1).shut(1).end()
	spec, rest := stream(t, dir, tp)
	got, err := Work(t.Context(), spec, rest, quiet)
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
	if len(names) != 3 {
		t.Errorf("the folder holds %v", names)
	}
}

func TestWorkRefusesWhatIsNoFact(t *testing.T) {
	spec, _ := json.Marshal(Spec{Out: t.TempDir()})
	for name, rest := range map[string]string{"no JSON": "{\n", "too long": `{"ID":"` + strings.Repeat("x", maxLine) + `"}`} {
		if _, err := Work(t.Context(), spec, strings.NewReader(rest), quiet); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Work(t.Context(), json.RawMessage(`{"meta":{}}`), strings.NewReader(""), quiet); errs.KindOf(err) != errs.Invalid {
		t.Errorf("no folder: %v", err)
	}
}

func TestWorkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("cancelled"))
	spec, _ := json.Marshal(Spec{Out: t.TempDir()})
	rest := strings.NewReader(strings.Repeat("{\"Seq\":1}\n", tellEach))
	if _, err := Work(ctx, spec, rest, quiet); errs.KindOf(err) != errs.Down {
		t.Errorf("got %v", err)
	}
}

func FuzzWork(f *testing.F) {
	f.Add([]byte(`{"Seq":1,"Kind":"quiz.opened","Data":{"round":1,"items":[{"id":"q1"}]}}`))
	f.Add([]byte(`{"Seq":1,"Kind":"room.came","By":"p1","Data":{}}` + "\n" + `{"Seq":2,"Kind":"quiz.loaded","Data":{"items":[{"id":"q1","key":{"order":["a"]}}]}}`))
	f.Fuzz(func(t *testing.T, facts []byte) {
		fold := New(meta())
		if _, err := readFacts(t.Context(), bytes.NewReader(facts), fold, quiet); err != nil {
			return
		}
		if err := WriteCSV(&bytes.Buffer{}, fold.Results()); err != nil {
			t.Error(err)
		}
	})
}
