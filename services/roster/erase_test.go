package roster

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestAnErasedPupilIsInNoListAndInNoByteOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	s := school{Roster: open(t, path)}
	s.class = must(s.AddClass("7b"))(t)
	must(s.AddNames(s.class.ID, "Canaryname\nCleo", false))(t)
	s.class = must(s.Class(s.class.ID))(t)
	gone := s.class.Pupils[0].ID
	s.lesson = must(s.StartLesson("t_1", s.class.ID, "Fractions"))(t)
	if _, _, _, err := s.Join(s.ref(), gone, ""); err != nil {
		t.Fatal(err)
	}
	_, err := s.ErasePupil(gone)
	refused(t, err, "stale/lesson_open/")
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	k := must(s.Pupil(gone))(t)
	if k.Name != "Canaryname" || len(k.Classes) != 1 || len(k.Lessons) != 1 {
		t.Errorf("before: %+v", k)
	}
	if ids := must(s.ErasePupil(gone))(t); len(ids) != 1 || ids[0] != s.lesson.ID {
		t.Errorf("the lessons: %v", ids)
	}
	_, err = s.Pupil(gone)
	refused(t, err, "missing/no_pupil/")
	_, err = s.ErasePupil(gone)
	refused(t, err, "missing/no_pupil/")
	if names := must(s.PupilsOf(s.lesson.ID))(t); len(names) != 1 {
		t.Errorf("the lesson's pupils: %v", names)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("Canaryname")) || !bytes.Contains(raw, []byte("Cleo")) {
		t.Errorf("the file still holds the name; %v", err)
	}
	if c := must(again.Class(s.class.ID))(t); len(c.Pupils) != 1 {
		t.Errorf("the class: %+v", c)
	}
}

func TestAPupilWhoLeftTheClassIsStillKnown(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePupil(s.class.ID, ben); err != nil {
		t.Fatal(err)
	}
	if k := must(s.Pupil(ben))(t); k.Name != "Ben" || len(k.Classes) != 0 || len(k.Lessons) != 1 {
		t.Errorf("got %+v", k)
	}
	must(s.ErasePupil(ben))(t)
	_, err := s.Pupil(ben)
	refused(t, err, "missing/no_pupil/")
}
