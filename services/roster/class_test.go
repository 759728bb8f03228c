package roster

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestAPastedListIsReadAsPeopleWriteLists(t *testing.T) {
	text := "\ufeff1. Ada Lovelace\r\n2)\tبدر\u200f\n\n - Cleo \n• Dan\n4Ever\n5 Eve\n" +
		"e\u0301mile\nÉMILE\nBad\u0007\n" + strings.Repeat("x", 61) + "\n7.\n"
	names, problems := ParseNames(text)
	var got []string
	for _, n := range names {
		got = append(got, fmt.Sprint(n.Number, " ", n.Name))
	}
	want := []string{"1 Ada Lovelace", "2 بدر", "4 Cleo", "5 Dan", "6 4Ever", "7 Eve", "8 émile"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	got = nil
	for _, p := range problems {
		got = append(got, fmt.Sprint(p.Line, " ", p.Code))
	}
	if diff := cmp.Diff(got, []string{"9 duplicate", "10 bad_text", "11 too_long"}); diff != "" {
		t.Error(diff)
	}
}

func TestAPastedListEndsAtTwoHundredNames(t *testing.T) {
	var b strings.Builder
	for n := range 5000 {
		fmt.Fprintf(&b, "Pupil N%d\n", n)
	}
	names, problems := ParseNames(b.String())
	if len(names) != MaxPupils || len(problems) != 1 || problems[0].Code != "too_many" || problems[0].Line != 201 {
		t.Errorf("%d names, %+v", len(names), problems)
	}
}

func FuzzParseNames(f *testing.F) {
	for _, seed := range []string{
		"", "Ada\nBen", "1. Ada\r\n2. Ben\r\n", "\t- Ada\n•• Ben\n", "\xff\xfe", "\u202eabc", "9)9)9)", "١. بدر",
		strings.Repeat("x", 61), "a\x00b", "e\u0301\né", "\r\r\n\n", "-\n.\n1\n", "A\u2028B", "👩‍👩‍👧‍👦",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, problems := ParseNames(text)
		seen, last := map[string]bool{}, 0
		for _, n := range names {
			switch {
			case n.Name == "" || n.Name != strings.TrimSpace(n.Name) || !utf8.ValidString(n.Name):
				t.Errorf("name %q", n.Name)
			case utf8.RuneCountInString(n.Name) > MaxName || strings.ContainsFunc(n.Name, unicode.IsControl):
				t.Errorf("name %q", n.Name)
			case seen[foldName(n.Name)] || n.Number <= last:
				t.Errorf("name %q on line %d after line %d", n.Name, n.Number, last)
			}
			if again, err := cleanName("", "", n.Name, MaxName); err != nil || again != n.Name {
				t.Errorf("%q is cleaned to %q, %v", n.Name, again, err)
			}
			seen[foldName(n.Name)], last = true, n.Number
		}
		for _, p := range problems {
			if p.Line < 1 || p.Code == "" || p.Message == "" || !utf8.ValidString(p.Text) || utf8.RuneCountInString(p.Text) > 80 {
				t.Errorf("problem %+v", p)
			}
		}
		if len(names)+len(problems) > strings.Count(text, "\n")+1 || len(names) > MaxPupils {
			t.Errorf("%d names and %d problems", len(names), len(problems))
		}
	})
}

func TestPastingAgainAddsOnlyWhatIsNew(t *testing.T) {
	s := newSchool(t)
	dry := mustValue(s.AddNames(s.class.ID, "ben\nEve\nEve", true))(t)
	if len(dry.Added) != 1 || dry.Added[0] != (Pupil{Name: "Eve"}) {
		t.Errorf("dry run: %+v", dry)
	}
	if c := mustValue(s.Class(s.class.ID))(t); len(c.Pupils) != 3 {
		t.Errorf("a dry run added somebody: %+v", c)
	}
	got := mustValue(s.AddNames(s.class.ID, "ben\nEve\nEve", false))(t)
	if len(got.Added) != 1 || got.Added[0].ID == "" || len(got.Problems) != 1 || got.Problems[0].Line != 3 {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(got.Unchanged, []string{"ben"}); diff != "" {
		t.Error(diff)
	}
	c := mustValue(s.Class(s.class.ID))(t)
	if len(c.Pupils) != 4 || c.Pupils[0] != s.class.Pupils[0] {
		t.Errorf("%+v", c)
	}
	_, err := s.AddNames("c_none", "Eve", false)
	checkRefused(t, err, "missing/no_class/")
}

func TestAFullClassTakesNobody(t *testing.T) {
	s := newSchool(t)
	var b strings.Builder
	for n := range MaxPupils {
		fmt.Fprintf(&b, "Pupil N%d\n", n)
	}
	got := mustValue(s.AddNames(s.class.ID, b.String(), false))(t)
	if len(got.Added) != MaxPupils-3 || len(got.Problems) != 3 || got.Problems[0].Code != "class_full" {
		t.Errorf("%d added, %+v", len(got.Added), got.Problems)
	}
}

func TestNamesOfClassesAndPupilsAreUnique(t *testing.T) {
	s := newSchool(t)
	_, err := s.AddClass("7B")
	checkRefused(t, err, "invalid/duplicate/name")
	other := mustValue(s.AddClass("8a"))(t)
	_, err = s.RenameClass(other.ID, "7b ")
	checkRefused(t, err, "invalid/duplicate/name")
	if c := mustValue(s.RenameClass(other.ID, "8A"))(t); c.Name != "8A" {
		t.Errorf("%+v", c)
	}
	ben := s.class.Pupils[0].ID
	_, err = s.RenamePupil(s.class.ID, ben, "CLEO")
	checkRefused(t, err, "invalid/duplicate/name")
	if p := mustValue(s.RenamePupil(s.class.ID, ben, "Benjamin"))(t); p.Name != "Benjamin" || p.ID != ben {
		t.Errorf("%+v", p)
	}
	for _, err := range []error{
		errOf(s.RenamePupil(s.class.ID, "p_none", "X")), s.DeletePupil(s.class.ID, "p_none"),
	} {
		checkRefused(t, err, "missing/no_pupil/")
	}
	for _, err := range []error{
		errOf(s.RenameClass("c_none", "X")), s.DeleteClass("c_none"), s.DeletePupil("c_none", ben), errOf(s.StartLesson("t", "c_none", "")),
	} {
		checkRefused(t, err, "missing/no_class/")
	}
	_, err = s.StartLesson("t", s.class.ID, strings.Repeat("x", 61))
	checkRefused(t, err, "invalid/too_long/title")
}

func errOf[T any](_ T, err error) error { return err }

func TestAClassInALessonIsNotDeleted(t *testing.T) {
	s := newSchool(t)
	checkRefused(t, s.DeleteClass(s.class.ID), "stale/lesson_open/")
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteClass(s.class.ID); err != nil {
		t.Fatal(err)
	}
	if l := mustValue(s.Lesson(s.lesson.ID))(t); l.ClassName != "7b" || l.Title != "Fractions" {
		t.Errorf("the lesson: %+v", l)
	}
}

func TestClassesAreListedByName(t *testing.T) {
	r := newRoster(t)
	for _, name := range []string{"b", "A", "c"} {
		mustValue(r.AddClass(name))(t)
	}
	var got []string
	for _, c := range mustValue(r.Classes())(t) {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff(got, []string{"A", "b", "c"}); diff != "" {
		t.Error(diff)
	}
}

func TestDigitsOfAllScriptsAreDigits(t *testing.T) {
	for in, want := range map[string]string{
		"123": "123", "١٢٣": "123", "۱۲۳": "123", "१२३": "123", "１２３": "123", "𝟙𝟚𝟛": "123", "a²": "a²", "٠٩": "09", "𝟎𝟗": "09",
	} {
		if got := toASCIIDigits(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestEmptyListsAreListsInJSON(t *testing.T) {
	r := openRoster(t, filepath.Join(t.TempDir(), "roster.db"))
	classes, err := r.Classes()
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.AddClass("7B")
	if err != nil {
		t.Fatal(err)
	}
	added, err := r.AddNames(c.ID, "Amal", true)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal([]any{classes, c, added})
	if err != nil || strings.Contains(string(data), "null") {
		t.Errorf("%s, %v", data, err)
	}
}
