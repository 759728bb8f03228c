package roster

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

// sent is a class list of the cloud: "17 Ada" is Ada with the id 17, "17 Ada*1.5" has more time.
func sent(class string, rows ...string) Sent {
	c := Sent{Name: class}
	for _, row := range rows {
		id, name, _ := strings.Cut(row, " ")
		name, time, _ := strings.Cut(name, "*")
		p := SentPupil{ID: strings.Trim(id, "-"), Name: name}
		_, _ = fmt.Sscan(time, &p.Time)
		c.Pupils = append(c.Pupils, p)
	}
	return c
}

// done is what came of it in a line.
func done(a Applied) string {
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

// list is a class in a line.
func list(c Class) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Name, c.Source)
	for _, p := range c.Pupils {
		fmt.Fprintf(&b, " %s/%s/%g", p.Name, p.Source, p.Time)
	}
	return b.String()
}

func TestAClassOfTheCloudAddsAndRenamesAndDeletesNobody(t *testing.T) {
	s := newSchool(t) // 7b: Ben, Cleo, Dan; a lesson of it is open
	for n, step := range []struct {
		id   string
		c    Sent
		want string
		list string
	}{
		{"k1", sent("7B", "1 Ben*1.5", "2 cleo", "3 Eve*2"), "7B: +Eve Cleo>cleo ?Dan", "7B k1 Ben/1/1.5 cleo/2/0 Dan//0 Eve/3/2"},
		{"k1", sent("8b", "1 Benno", "2 Cleo", "3 Eve*1"), "8b: Ben>Benno cleo>Cleo ?Dan", "8b k1 Benno/1/1.5 Cleo/2/0 Dan//0 Eve/3/0"},
		{"k1", sent("8b", "1 Benno*9", "- Dan", "2 ", "3 Eve", "3 Fay"), "8b: +Fay ?Cleo !empty !out_of_range", "8b k1 Benno/1/1.5 Cleo/2/0 Dan//0 Eve/3/0 Fay//0"},
	} {
		got := must(s.ApplyClass(uint64(n+1), step.id, step.c, false))(t)
		if diff := cmp.Diff(step.want, done(got)); diff != "" || got.Class != s.class.ID {
			t.Errorf("step %d: %s in %s", n, diff, got.Class)
		}
		if diff := cmp.Diff(step.list, list(must(s.Class(s.class.ID))(t))); diff != "" {
			t.Errorf("step %d: %s", n, diff)
		}
		if at := must(s.DownCursor())(t); at != uint64(n+1) {
			t.Errorf("step %d: the cursor is %d", n, at)
		}
	}
	for i, p := range must(s.Class(s.class.ID))(t).Pupils[:3] {
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
	must(s.ApplyClass(1, "k1", sent("7b", "1 Ben"), false))(t)
	got := must(s.ApplyClass(2, "k1", Sent{}, true))(t)
	if done(got) != "7b: gone" || got.Class != s.class.ID {
		t.Errorf("%+v", got)
	}
	if c := must(s.Class(s.class.ID))(t); len(c.Pupils) != 3 {
		t.Errorf("%+v", c)
	}
	if got := must(s.ApplyClass(3, "k9", Sent{}, true))(t); done(got) != ": gone" || got.Class != "" {
		t.Errorf("a class that never was: %+v", got)
	}
	if got := must(s.ApplyClass(4, "k1", sent("7b", "1 Ben"), false))(t); got.Class != s.class.ID {
		t.Errorf("it came back as %+v", got)
	}
}

func TestAnItemOfTheCloudIsAppliedOnce(t *testing.T) {
	s := newSchool(t)
	must(s.ApplyClass(5, "k1", sent("7b", "1 Ben"), false))(t)
	before := dump(t, s.Roster)
	for _, n := range []uint64{1, 4, 5} {
		if got := must(s.ApplyClass(n, "k1", sent("9z", "1 Zoe"), false))(t); done(got) != "nothing" {
			t.Errorf("item %d: %s", n, done(got))
		}
		if err := s.SkipDown(n); err != nil {
			t.Fatal(err)
		}
	}
	if dump(t, s.Roster) != before {
		t.Error("an old item wrote something")
	}
	if err := s.SkipDown(9); err != nil || must(s.DownCursor())(t) != 9 {
		t.Errorf("%v", err)
	}
	if err := s.ForgetDown(); err != nil || must(s.DownCursor())(t) != 0 {
		t.Errorf("%v", err)
	}
	if got := must(s.ApplyClass(1, "k1", sent("7b", "1 Ben"), false))(t); got.Class != s.class.ID || len(got.Added) != 0 {
		t.Errorf("after it was forgotten: %s", done(got))
	}
}

func TestAListThatIsRefusedChangesNothingAndKeepsTheCursor(t *testing.T) {
	s := newSchool(t)
	must(s.ApplyClass(1, "k1", sent("7b", "1 Ben"), false))(t)
	before := dump(t, s.Roster)
	for want, try := range map[string]struct {
		id string
		c  Sent
	}{
		"invalid/duplicate/name":  {"k2", sent("7B", "1 Zoe")}, // another class of the cloud has it
		"invalid/empty/name":      {"k1", sent("")},
		"invalid/out_of_range/id": {strings.Repeat("x", 300), sent("8b")},
	} {
		_, err := s.ApplyClass(2, try.id, try.c, false)
		refused(t, err, want)
	}
	if dump(t, s.Roster) != before {
		t.Error("a refused list wrote something")
	}
}

func TestAClassOfTheCloudKeepsTheNameThatAnotherOneHas(t *testing.T) {
	s := newSchool(t)
	must(s.AddClass("8b"))(t)
	must(s.ApplyClass(1, "k1", sent("7b"), false))(t)
	got := must(s.ApplyClass(2, "k1", sent("8B", "5 Zoe"), false))(t)
	if want := "7b: +Zoe ?Ben ?Cleo ?Dan !duplicate"; done(got) != want {
		t.Errorf("got %s, want %s", done(got), want)
	}
}

func TestAClassOfTheCloudIsTheSameAfterAFileGaveItAnotherSource(t *testing.T) {
	s := newSchool(t)
	must(s.ApplyClass(1, "k1", sent("7b", "1 Ben"), false))(t)
	tab := table("7b", "1 Ben")
	tab.Classes[0].Source = "from-the-file"
	must(s.Import(tab, "", false))(t)
	if got := must(s.ApplyClass(2, "k1", sent("Seven", "1 Ben"), false))(t); got.Class != s.class.ID || got.Name != "Seven" {
		t.Errorf("%+v", got)
	}
}

// TestItemsOfTheCloudCutAtAnyPointGiveTheSame applies a list of items as a box does that is
// cut off and starts again: from the cursor, and some of them again.
func TestItemsOfTheCloudCutAtAnyPointGiveTheSame(t *testing.T) {
	items := []func(*Roster, uint64) error{}
	for i := range 30 {
		id, gone := fmt.Sprint("k", i%4), i%7 == 6
		c := sent(fmt.Sprint("Class ", i%5), fmt.Sprintf("%d Name %d*%g", i%6, i%9, 1+float64(i%3)/2), fmt.Sprintf("%d Other %d", 20+i%6, i))
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
		for _, c := range must(r.Classes())(t) {
			out = append(out, list(c))
		}
		return out
	}
	straight := fresh(t)
	apply(straight, 0, len(items))
	cut := fresh(t)
	for {
		at := int(must(cut.DownCursor())(t))
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
	before := dump(t, s.Roster)
	fault := errors.New("cut")
	err := s.db.Update(func(tx *bbolt.Tx) error { // all that ApplyClass writes, and then the power goes
		if _, err := s.take(tx, "test", "k1", sent("7b", "1 Ben", "9 Zoe")); err != nil {
			t.Fatal(err)
		}
		return fault
	})
	if !errors.Is(err, fault) || dump(t, s.Roster) != before {
		t.Errorf("%v", err)
	}
}

func TestMoreTimeOutOfRangeIsTold(t *testing.T) {
	s := newSchool(t)
	c := sent("7b", "1 Ben", "2 Cleo", "3 Dan")
	for i, bad := range []float64{math.NaN(), 0.5, math.Inf(1)} {
		c.Pupils[i].Time = bad
	}
	if got := must(s.ApplyClass(1, "k1", c, false))(t); len(got.Problems) != 3 {
		t.Errorf("%+v", got)
	}
}
