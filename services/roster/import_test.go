package roster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/intake"
)

// table is a file of one class: "17 Ada" is Ada with the id 17, "- Ada" has none.
func table(class string, rows ...string) intake.Table {
	c := intake.Class{Name: class}
	for n, row := range rows {
		id, name, _ := strings.Cut(row, " ")
		c.Pupils = append(c.Pupils, intake.Row{Source: strings.Trim(id, "-"), Name: name, File: "a.csv", Line: n + 2})
	}
	return intake.Table{Classes: []intake.Class{c}}
}

// told is what came of an import in a line.
func told(i Imported) string {
	var b strings.Builder
	for _, c := range i.Classes {
		fmt.Fprintf(&b, "%s:", c.Name)
		for _, p := range c.Added {
			fmt.Fprintf(&b, " +%s", p.Name)
		}
		for _, p := range c.Changed {
			fmt.Fprintf(&b, " %s>%s", p.From, p.To)
		}
		for _, name := range c.Unchanged {
			fmt.Fprintf(&b, " =%s", name)
		}
		for _, p := range c.Missing {
			fmt.Fprintf(&b, " ?%s", p.Name)
		}
	}
	for _, p := range i.Problems {
		fmt.Fprintf(&b, " !%d %s", p.Line, p.Code)
	}
	return b.String()
}

// dump is every byte of the roster.
func dump(t *testing.T, r *Roster) (out string) {
	t.Helper()
	err := r.db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				out += fmt.Sprintf("%s %x %x\n", name, k, v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnImportKnowsPupilsByIdAndThenByName(t *testing.T) {
	s := newSchool(t) // 7b: Ben, Cleo, Dan
	for _, step := range []struct {
		table intake.Table
		want  string
	}{
		{table("7B", "1 Ben", "2 cleo", "3 Eve"), "7b: +Eve Cleo>cleo =Ben ?Dan"},
		{table("7b", "- ben", "- Cleo"), "7b: =Ben =cleo ?Dan ?Eve"},
		{table("7b", "1 Benjamin", "2 Cleo", "3 Eve", "4 Dan"), "7b: Ben>Benjamin cleo>Cleo =Dan =Eve"},
		{table("7b", "1 Cleo", "2 Benjamin"), "7b: Benjamin>Cleo Cleo>Benjamin ?Dan ?Eve"},
		{table("7b", "1 Dan", "9 Fay"), "7b: +Fay =Cleo ?Benjamin ?Dan ?Eve !2 duplicate"},
		{table("7b", "- Fay", "8 Eve"), "7b: =Eve =Fay ?Cleo ?Benjamin ?Dan"}, // Eve has another id now
		{table("7b", "3 Gus", "8 Eve"), "7b: +Gus =Eve ?Cleo ?Benjamin ?Dan ?Fay"},
	} {
		before := dump(t, s.Roster)
		dry := must(s.Import(step.table, "", true))(t)
		if dump(t, s.Roster) != before {
			t.Fatal("a dry run wrote something")
		}
		got := must(s.Import(step.table, "", false))(t)
		for _, g := range []Imported{dry, got} {
			if diff := cmp.Diff(told(g), step.want); diff != "" {
				t.Error(diff)
			}
		}
		after := dump(t, s.Roster)
		must(s.Import(step.table, "", false))(t)
		if dump(t, s.Roster) != after {
			t.Errorf("%s: the same file changes something again", step.want)
		}
	}
	c := must(s.Class(s.class.ID))(t)
	for i, p := range s.class.Pupils {
		if c.Pupils[i].ID != p.ID {
			t.Errorf("%s has another id now", p.Name)
		}
	}
}

func TestAnImportMakesClassesAndTellsTheirIds(t *testing.T) {
	s := newSchool(t)
	tab := table("8a", "1 Ada")
	tab.Classes[0].Source = "c1"
	tab.Classes = append(tab.Classes, table("8b", "1 Ada").Classes...)
	if dry := must(s.Import(tab, "", true))(t); told(dry) != "8a: +Ada8b: +Ada" || dry.Classes[0].ID != "" {
		t.Errorf("dry: %+v", dry)
	}
	got := must(s.Import(tab, "", false))(t)
	c := must(s.Class(got.Classes[0].ID))(t)
	if c.Name != "8a" || c.Source != "c1" || len(c.Pupils) != 1 || c.Pupils[0].ID == "" || c.Pupils[0].Source != "1" {
		t.Errorf("%+v", c)
	}
	tab.Classes[0].Name = "Another title" // the source knows it
	if got := told(must(s.Import(tab, "", false))(t)); got != "8a: =Ada8b: =Ada" {
		t.Error(got)
	}
}

func TestAnImportIntoAClassTakesTheFilesClassOrTheOneOfThatName(t *testing.T) {
	s := newSchool(t)
	if got := told(must(s.Import(table("List 2026", "- Eve"), s.class.ID, false))(t)); got != "7b: +Eve ?Ben ?Cleo ?Dan" {
		t.Error(got)
	}
	many := table("8a", "- Zoe")
	many.Classes = append(many.Classes, table("7B", "- Fay").Classes...)
	if got := told(must(s.Import(many, s.class.ID, false))(t)); got != "7b: +Fay ?Ben ?Cleo ?Dan ?Eve !0 other_classes" {
		t.Error(got)
	}
	many.Classes[1].Name = "9c"
	_, err := s.Import(many, s.class.ID, false)
	refused(t, err, "invalid/many_classes/class")
	_, err = s.Import(many, "c_none", true)
	refused(t, err, "missing/no_class/")
}

func TestAFileOfChangesMissesNobody(t *testing.T) {
	s := newSchool(t)
	tab := table("7b", "- Eve")
	tab.Partial = true
	if got := told(must(s.Import(tab, "", true))(t)); got != "7b: +Eve" {
		t.Error(got)
	}
}

func TestAnImportIsAllOrNothing(t *testing.T) {
	s := newSchool(t)
	tab := table("8a", "- Ada")
	for n := range MaxClasses {
		tab.Classes = append(tab.Classes, table(fmt.Sprint("N", n), "- Ada").Classes...)
	}
	before := dump(t, s.Roster)
	_, err := s.Import(tab, "", false)
	refused(t, err, "invalid/too_many/classes")
	_, err = s.Import(intake.Table{Classes: []intake.Class{{Name: ""}}}, "", false)
	refused(t, err, "invalid/empty/class")
	if dump(t, s.Roster) != before {
		t.Error("half of an import is on disk")
	}
}

func TestAnImportKeepsTheLimitsOfAList(t *testing.T) {
	s := newSchool(t)
	var rows []string
	for n := range MaxPupils {
		rows = append(rows, fmt.Sprintf("%d Pupil N%d", n, n))
	}
	got := must(s.Import(table("7b", rows...), "", false))(t)
	if c := got.Classes[0]; len(c.Added) != MaxPupils-3 || len(got.Problems) != 3 || got.Problems[0].Code != "class_full" {
		t.Errorf("%d added, %+v", len(c.Added), got.Problems)
	}
	got = must(s.Import(table("7b", "1 x\u202ey", "2 "+strings.Repeat("x", 61)), "", true))(t)
	if len(got.Problems) != 2 || got.Problems[0].Code != "bad_text" || got.Problems[1].Code != "too_long" {
		t.Errorf("%+v", got.Problems)
	}
}

func TestAPupilHasTimesAsLong(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	if p := must(s.SetTime(s.class.ID, ben, 1.5))(t); p.Time != 1.5 {
		t.Errorf("%+v", p)
	}
	nan := func() float64 { var zero float64; return zero / zero }()
	for _, bad := range []float64{0, 0.9, 3.1, nan} {
		_, err := s.SetTime(s.class.ID, ben, bad)
		refused(t, err, "invalid/out_of_range/time")
	}
	must(s.Import(table("7b", "1 Ben"), "", false))(t)
	if p := must(s.Class(s.class.ID))(t).Pupils[0]; p.Time != 1.5 || p.Source != "1" {
		t.Errorf("%+v", p)
	}
	if p := must(s.SetTime(s.class.ID, ben, 1))(t); p.Time != 0 {
		t.Errorf("%+v", p)
	}
	if _, err := s.SetTime(s.class.ID, "p_none", 2); errors.Is(err, nil) {
		t.Error("nobody has more time")
	}
}
