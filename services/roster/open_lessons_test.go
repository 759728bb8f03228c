package roster

import (
	"fmt"
	"testing"
)

func TestOpenLessonsFollowEachWrite(t *testing.T) {
	s := newSchool(t)
	names := func() (out []string) {
		for _, l := range mustValue(s.OpenLessons())(t) {
			out = append(out, l.ClassName)
		}
		return out
	}
	check := func(what, want string) {
		t.Helper()
		for range 2 { // read, and kept
			if got := fmt.Sprint(names()); got != want {
				t.Errorf("%s: got %s, want %s", what, got, want)
			}
		}
	}
	check("one lesson", "[7b]")
	mustValue(s.OpenLessons())(t)[0].ClassName = "of the caller"
	check("a caller changed its own list", "[7b]")
	mustValue(s.RenameClass(s.class.ID, "7c"))(t)
	check("the class has another name", "[7c]")
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	check("the lesson has ended", "[]")
}

// BenchmarkOpenLessons is what a display asks for each second, with the lessons of a large school.
func BenchmarkOpenLessons(b *testing.B) {
	r := newRoster(b)
	for i := range 334 {
		c, err := r.AddClass(fmt.Sprint("class ", i))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.StartLesson("t1", c.ID, ""); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if list, err := r.OpenLessons(); err != nil || len(list) != 334 {
			b.Fatal(len(list), err)
		}
	}
}
