package roster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/listimport"
)

// importTable is a file of one class: "17 Ada" is Ada with the id 17, "- Ada" has none.
func importTable(class string, rows ...string) listimport.Table {
	c := listimport.Class{Name: class}
	for n, row := range rows {
		id, name, _ := strings.Cut(row, " ")
		c.Pupils = append(c.Pupils, listimport.Row{Source: strings.Trim(id, "-"), Name: name, File: "a.csv", Line: n + 2})
	}
	return listimport.Table{Classes: []listimport.Class{c}}
}

// describeImport writes the result of an import on one line.
func describeImport(i Imported) string {
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

// dumpDatabase returns every byte of the roster.
func dumpDatabase(t *testing.T, r *Roster) (out string) {
	t.Helper()
	err := r.db.View(func(tx *checkedkv.Tx) error {
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
		table listimport.Table
		want  string
	}{
		{importTable("7B", "1 Ben", "2 cleo", "3 Eve"), "7b: +Eve Cleo>cleo =Ben ?Dan"},
		{importTable("7b", "- ben", "- Cleo"), "7b: =Ben =cleo ?Dan ?Eve"},
		{importTable("7b", "1 Benjamin", "2 Cleo", "3 Eve", "4 Dan"), "7b: Ben>Benjamin cleo>Cleo =Dan =Eve"},
		{importTable("7b", "1 Cleo", "2 Benjamin"), "7b: Benjamin>Cleo Cleo>Benjamin ?Dan ?Eve"},
		{importTable("7b", "1 Dan", "9 Fay"), "7b: +Fay =Cleo ?Benjamin ?Dan ?Eve !2 duplicate"},
		{importTable("7b", "- Fay", "8 Eve"), "7b: =Eve =Fay ?Cleo ?Benjamin ?Dan"}, // Eve has another id now
		{importTable("7b", "3 Gus", "8 Eve"), "7b: +Gus =Eve ?Cleo ?Benjamin ?Dan ?Fay"},
	} {
		before := dumpDatabase(t, s.Roster)
		dry := mustValue(s.Import(step.table, "", true))(t)
		if dumpDatabase(t, s.Roster) != before {
			t.Fatal("a dry run wrote something")
		}
		got := mustValue(s.Import(step.table, "", false))(t)
		for _, g := range []Imported{dry, got} {
			if diff := cmp.Diff(describeImport(g), step.want); diff != "" {
				t.Error(diff)
			}
		}
		after := dumpDatabase(t, s.Roster)
		mustValue(s.Import(step.table, "", false))(t)
		if dumpDatabase(t, s.Roster) != after {
			t.Errorf("%s: the same file changes something again", step.want)
		}
	}
	c := mustValue(s.Class(s.class.ID))(t)
	for i, p := range s.class.Pupils {
		if c.Pupils[i].ID != p.ID {
			t.Errorf("%s has another id now", p.Name)
		}
	}
}

func TestAnImportMakesClassesAndTellsTheirIds(t *testing.T) {
	s := newSchool(t)
	tab := importTable("8a", "1 Ada")
	tab.Classes[0].Source = "c1"
	tab.Classes = append(tab.Classes, importTable("8b", "1 Ada").Classes...)
	if dry := mustValue(s.Import(tab, "", true))(t); describeImport(dry) != "8a: +Ada8b: +Ada" || dry.Classes[0].ID != "" {
		t.Errorf("dry: %+v", dry)
	}
	got := mustValue(s.Import(tab, "", false))(t)
	c := mustValue(s.Class(got.Classes[0].ID))(t)
	if c.Name != "8a" || c.Source != "c1" || len(c.Pupils) != 1 || c.Pupils[0].ID == "" || c.Pupils[0].Source != "1" {
		t.Errorf("%+v", c)
	}
	tab.Classes[0].Name = "Another title" // the source identifies it
	if got := describeImport(mustValue(s.Import(tab, "", false))(t)); got != "8a: =Ada8b: =Ada" {
		t.Error(got)
	}
}

func TestAnImportIntoAClassTakesTheFilesClassOrTheOneOfThatName(t *testing.T) {
	s := newSchool(t)
	if got := describeImport(mustValue(s.Import(importTable("List 2026", "- Eve"), s.class.ID, false))(t)); got != "7b: +Eve ?Ben ?Cleo ?Dan" {
		t.Error(got)
	}
	many := importTable("8a", "- Zoe")
	many.Classes = append(many.Classes, importTable("7B", "- Fay").Classes...)
	if got := describeImport(mustValue(s.Import(many, s.class.ID, false))(t)); got != "7b: +Fay ?Ben ?Cleo ?Dan ?Eve !0 other_classes" {
		t.Error(got)
	}
	many.Classes[1].Name = "9c"
	_, err := s.Import(many, s.class.ID, false)
	checkRefused(t, err, "invalid/many_classes/class")
	_, err = s.Import(many, "c_none", true)
	checkRefused(t, err, "missing/no_class/")
}

func TestAFileOfChangesMissesNobody(t *testing.T) {
	s := newSchool(t)
	tab := importTable("7b", "- Eve")
	tab.Partial = true
	if got := describeImport(mustValue(s.Import(tab, "", true))(t)); got != "7b: +Eve" {
		t.Error(got)
	}
}

func TestAnImportIsAllOrNothing(t *testing.T) {
	s := newSchool(t)
	tab := importTable("8a", "- Ada")
	for n := range MaxClasses {
		tab.Classes = append(tab.Classes, importTable(fmt.Sprint("N", n), "- Ada").Classes...)
	}
	before := dumpDatabase(t, s.Roster)
	_, err := s.Import(tab, "", false)
	checkRefused(t, err, "invalid/too_many/classes")
	_, err = s.Import(listimport.Table{Classes: []listimport.Class{{Name: ""}}}, "", false)
	checkRefused(t, err, "invalid/empty/class")
	if dumpDatabase(t, s.Roster) != before {
		t.Error("half of an import is on disk")
	}
}

func TestAnImportKeepsTheLimitsOfAList(t *testing.T) {
	s := newSchool(t)
	var rows []string
	for n := range MaxPupils {
		rows = append(rows, fmt.Sprintf("%d Pupil N%d", n, n))
	}
	got := mustValue(s.Import(importTable("7b", rows...), "", false))(t)
	if c := got.Classes[0]; len(c.Added) != MaxPupils-3 || len(got.Problems) != 3 || got.Problems[0].Code != "class_full" {
		t.Errorf("%d added, %+v", len(c.Added), got.Problems)
	}
	got = mustValue(s.Import(importTable("7b", "1 x\u202ey", "2 "+strings.Repeat("x", 61)), "", true))(t)
	if len(got.Problems) != 2 || got.Problems[0].Code != "bad_text" || got.Problems[1].Code != "too_long" {
		t.Errorf("%+v", got.Problems)
	}
}

func TestAPupilHasTimesAsLong(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	if p := mustValue(s.SetTime(s.class.ID, ben, 1.5))(t); p.Time != 1.5 {
		t.Errorf("%+v", p)
	}
	nan := func() float64 { var zero float64; return zero / zero }()
	for _, bad := range []float64{0, 0.9, 3.1, nan} {
		_, err := s.SetTime(s.class.ID, ben, bad)
		checkRefused(t, err, "invalid/out_of_range/time")
	}
	mustValue(s.Import(importTable("7b", "1 Ben"), "", false))(t)
	if p := mustValue(s.Class(s.class.ID))(t).Pupils[0]; p.Time != 1.5 || p.Source != "1" {
		t.Errorf("%+v", p)
	}
	if p := mustValue(s.SetTime(s.class.ID, ben, 1))(t); p.Time != 0 {
		t.Errorf("%+v", p)
	}
	if _, err := s.SetTime(s.class.ID, "p_none", 2); errors.Is(err, nil) {
		t.Error("nobody has more time")
	}
}
