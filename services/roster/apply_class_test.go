package roster

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
)

// cloudClass is a class list of the cloud: "17 Ada" is Ada with the id 17, "17 Ada*1.5" has more
// time.
func cloudClass(class string, rows ...string) CloudClass {
	c := CloudClass{Name: class}
	for _, row := range rows {
		id, name, _ := strings.Cut(row, " ")
		name, time, _ := strings.Cut(name, "*")
		p := CloudPupil{ID: strings.Trim(id, "-"), Name: name}
		_, _ = fmt.Sscan(time, &p.Time)
		c.Pupils = append(c.Pupils, p)
	}
	return c
}

// describeApplied returns the result on one line.
func describeApplied(a ApplyResult) string {
	if !a.Done {
		return "nothing"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", a.Name)
	if a.Gone {
		fmt.Fprint(&b, " gone")
	}
	for _, p := range a.Added {
		fmt.Fprintf(&b, " +%s", p.Name)
	}
	for _, p := range a.Changed {
		fmt.Fprintf(&b, " %s>%s", p.From, p.To)
	}
	for _, p := range a.LeftOver {
		fmt.Fprintf(&b, " ?%s", p.Name)
	}
	for _, p := range a.Problems {
		fmt.Fprintf(&b, " !%s", p.Code)
	}
	return b.String()
}

// describeClass returns a class on one line.
func describeClass(c Class) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Name, c.Source)
	for _, p := range c.Pupils {
		fmt.Fprintf(&b, " %s/%s/%g", p.Name, p.Source, p.Time)
	}
	return b.String()
}

func TestAClassOfTheCloudAddsAndRenamesAndDeletesNobody(t *testing.T) {
	s := newSchool(t) // 7b: Ben, Cleo, Dan, with an open lesson
	for n, step := range []struct {
		id   string
		c    CloudClass
		want string
		list string
	}{
		{"k1", cloudClass("7B", "1 Ben*1.5", "2 cleo", "3 Eve*2"), "7B: +Eve Cleo>cleo ?Dan", "7B k1 Ben/1/1.5 cleo/2/0 Dan//0 Eve/3/2"},
		{"k1", cloudClass("8b", "1 Benno", "2 Cleo", "3 Eve*1"), "8b: Ben>Benno cleo>Cleo ?Dan", "8b k1 Benno/1/1.5 Cleo/2/0 Dan//0 Eve/3/0"},
		{"k1", cloudClass("8b", "1 Benno*9", "- Dan", "2 ", "3 Eve", "3 Fay"), "8b: +Fay ?Cleo !empty !out_of_range", "8b k1 Benno/1/1.5 Cleo/2/0 Dan//0 Eve/3/0 Fay//0"},
	} {
		got := mustValue(s.ApplyClass(uint64(n+1), step.id, step.c, false))(t)
		if diff := cmp.Diff(step.want, describeApplied(got)); diff != "" || got.Class != s.class.ID {
			t.Errorf("step %d: %s in %s", n, diff, got.Class)
		}
		if diff := cmp.Diff(step.list, describeClass(mustValue(s.Class(s.class.ID))(t))); diff != "" {
			t.Errorf("step %d: %s", n, diff)
		}
		if at := mustValue(s.DownCursor())(t); at != uint64(n+1) {
			t.Errorf("step %d: the cursor is %d", n, at)
		}
	}
	for i, p := range mustValue(s.Class(s.class.ID))(t).Pupils[:3] {
		if p.ID != s.class.Pupils[i].ID {
			t.Errorf("%s has another id now", p.Name)
		}
	}
	if l, err := s.LessonIn(s.class.ID); err != nil || l.Ended != 0 {
		t.Errorf("the lesson is %+v, %v", l, err)
	}
}

func TestAClassThatTheSchoolDroppedIsKeptAndTold(t *testing.T) {
	s := newSchool(t)
	mustValue(s.ApplyClass(1, "k1", cloudClass("7b", "1 Ben"), false))(t)
	got := mustValue(s.ApplyClass(2, "k1", CloudClass{}, true))(t)
	if describeApplied(got) != "7b: gone" || got.Class != s.class.ID {
		t.Errorf("%+v", got)
	}
	if c := mustValue(s.Class(s.class.ID))(t); len(c.Pupils) != 3 {
		t.Errorf("%+v", c)
	}
	if got := mustValue(s.ApplyClass(3, "k9", CloudClass{}, true))(t); describeApplied(got) != ": gone" || got.Class != "" {
		t.Errorf("a class that never was: %+v", got)
	}
	if got := mustValue(s.ApplyClass(4, "k1", cloudClass("7b", "1 Ben"), false))(t); got.Class != s.class.ID {
		t.Errorf("it came back as %+v", got)
	}
}

func TestAnItemOfTheCloudIsAppliedOnce(t *testing.T) {
	s := newSchool(t)
	mustValue(s.ApplyClass(5, "k1", cloudClass("7b", "1 Ben"), false))(t)
	before := dumpDatabase(t, s.Roster)
	for _, n := range []uint64{1, 4, 5} {
		if got := mustValue(s.ApplyClass(n, "k1", cloudClass("9z", "1 Zoe"), false))(t); describeApplied(got) != "nothing" {
			t.Errorf("item %d: %s", n, describeApplied(got))
		}
		if err := s.SkipDown(n); err != nil {
			t.Fatal(err)
		}
	}
	if dumpDatabase(t, s.Roster) != before {
		t.Error("an old item wrote something")
	}
	if err := s.SkipDown(9); err != nil || mustValue(s.DownCursor())(t) != 9 {
		t.Errorf("%v", err)
	}
	if err := s.ForgetDown(); err != nil || mustValue(s.DownCursor())(t) != 0 {
		t.Errorf("%v", err)
	}
	if got := mustValue(s.ApplyClass(1, "k1", cloudClass("7b", "1 Ben"), false))(t); got.Class != s.class.ID || len(got.Added) != 0 {
		t.Errorf("after it was forgotten: %s", describeApplied(got))
	}
}

func TestAListThatIsRefusedChangesNothingAndKeepsTheCursor(t *testing.T) {
	s := newSchool(t)
	mustValue(s.ApplyClass(1, "k1", cloudClass("7b", "1 Ben"), false))(t)
	before := dumpDatabase(t, s.Roster)
	for want, try := range map[string]struct {
		id string
		c  CloudClass
	}{
		"invalid/duplicate/name":  {"k2", cloudClass("7B", "1 Zoe")}, // it belongs to another class of the cloud
		"invalid/empty/name":      {"k1", cloudClass("")},
		"invalid/out_of_range/id": {strings.Repeat("x", 300), cloudClass("8b")},
	} {
		_, err := s.ApplyClass(2, try.id, try.c, false)
		checkRefused(t, err, want)
	}
	if dumpDatabase(t, s.Roster) != before {
		t.Error("a refused list wrote something")
	}
}

func TestAClassOfTheCloudKeepsTheNameThatAnotherOneHas(t *testing.T) {
	s := newSchool(t)
	mustValue(s.AddClass("8b"))(t)
	mustValue(s.ApplyClass(1, "k1", cloudClass("7b"), false))(t)
	got := mustValue(s.ApplyClass(2, "k1", cloudClass("8B", "5 Zoe"), false))(t)
	if want := "7b: +Zoe ?Ben ?Cleo ?Dan !duplicate"; describeApplied(got) != want {
		t.Errorf("got %s, want %s", describeApplied(got), want)
	}
}

func TestAClassOfTheCloudIsTheSameAfterAFileGaveItAnotherSource(t *testing.T) {
	s := newSchool(t)
	mustValue(s.ApplyClass(1, "k1", cloudClass("7b", "1 Ben"), false))(t)
	tab := importTable("7b", "1 Ben")
	tab.Classes[0].Source = "from-the-file"
	mustValue(s.Import(tab, "", false))(t)
	if got := mustValue(s.ApplyClass(2, "k1", cloudClass("Seven", "1 Ben"), false))(t); got.Class != s.class.ID || got.Name != "Seven" {
		t.Errorf("%+v", got)
	}
}

// TestItemsOfTheCloudCutAtAnyPointGiveTheSame applies a list of items like a box that loses its
// power and starts again: from the cursor, and some items twice.
func TestItemsOfTheCloudCutAtAnyPointGiveTheSame(t *testing.T) {
	items := []func(*Roster, uint64) error{}
	for i := range 30 {
		id, gone := fmt.Sprint("k", i%4), i%7 == 6
		c := cloudClass(fmt.Sprint("Class ", i%5), fmt.Sprintf("%d Name %d*%g", i%6, i%9, 1+float64(i%3)/2), fmt.Sprintf("%d Other %d", 20+i%6, i))
		items = append(items, func(r *Roster, n uint64) error { _, err := r.ApplyClass(n, id, c, gone); return err })
	}
	apply := func(r *Roster, from int, cut int) {
		for i := from; i < cut; i++ {
			if err := items[i](r, uint64(i+1)); err != nil {
				if err := r.SkipDown(uint64(i + 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	shape := func(r *Roster) (out []string) {
		for _, c := range mustValue(r.Classes())(t) {
			out = append(out, describeClass(c))
		}
		return out
	}
	straight := newRoster(t)
	apply(straight, 0, len(items))
	cut := newRoster(t)
	for {
		at := int(mustValue(cut.DownCursor())(t))
		if at == len(items) {
			break
		}
		apply(cut, rand.IntN(at+1), at+1+rand.IntN(len(items)-at))
	}
	if diff := cmp.Diff(shape(straight), shape(cut)); diff != "" {
		t.Error(diff)
	}
}

func TestAnItemAndItsCursorAreOnDiskTogether(t *testing.T) {
	s := newSchool(t)
	before := dumpDatabase(t, s.Roster)
	fault := errors.New("cut")
	err := s.db.Update(func(tx *checkedkv.Tx) error { // everything that ApplyClass writes, and then the power is cut
		if _, err := s.applyCloudClass(tx, "test", "k1", cloudClass("7b", "1 Ben", "9 Zoe")); err != nil {
			t.Fatal(err)
		}
		return fault
	})
	if !errors.Is(err, fault) || dumpDatabase(t, s.Roster) != before {
		t.Errorf("%v", err)
	}
}

func TestMoreTimeOutOfRangeIsTold(t *testing.T) {
	s := newSchool(t)
	c := cloudClass("7b", "1 Ben", "2 Cleo", "3 Dan")
	for i, bad := range []float64{math.NaN(), 0.5, math.Inf(1)} {
		c.Pupils[i].Time = bad
	}
	if got := mustValue(s.ApplyClass(1, "k1", c, false))(t); len(got.Problems) != 3 {
		t.Errorf("%+v", got)
	}
}
