package roster

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestAnErasedPupilIsInNoListAndInNoByteOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	s := school{Roster: openRoster(t, path)}
	s.class = mustValue(s.AddClass("7b"))(t)
	mustValue(s.AddNames(s.class.ID, "Canaryname\nCleo", false))(t)
	s.class = mustValue(s.Class(s.class.ID))(t)
	gone := s.class.Pupils[0].ID
	s.lesson = mustValue(s.StartLesson("t_1", s.class.ID, "Fractions"))(t)
	if _, _, _, err := s.JoinLesson(s.ref(), gone, ""); err != nil {
		t.Fatal(err)
	}
	_, err := s.ErasePupil(gone)
	checkRefused(t, err, "stale/lesson_open/")
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	k := mustValue(s.Pupil(gone))(t)
	if k.Name != "Canaryname" || len(k.Classes) != 1 || len(k.Lessons) != 1 {
		t.Errorf("before: %+v", k)
	}
	if ids := mustValue(s.ErasePupil(gone))(t); len(ids) != 1 || ids[0] != s.lesson.ID {
		t.Errorf("the lessons: %v", ids)
	}
	_, err = s.Pupil(gone)
	checkRefused(t, err, "missing/no_pupil/")
	_, err = s.ErasePupil(gone)
	checkRefused(t, err, "missing/no_pupil/")
	if names := mustValue(s.PupilsOf(s.lesson.ID))(t); len(names) != 1 {
		t.Errorf("the lesson's pupils: %v", names)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openRoster(t, path)
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("Canaryname")) || !bytes.Contains(raw, []byte("Cleo")) {
		t.Errorf("the file still holds the name; %v", err)
	}
	if c := mustValue(again.Class(s.class.ID))(t); len(c.Pupils) != 1 {
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
	if k := mustValue(s.Pupil(ben))(t); k.Name != "Ben" || len(k.Classes) != 0 || len(k.Lessons) != 1 {
		t.Errorf("got %+v", k)
	}
	mustValue(s.ErasePupil(ben))(t)
	_, err := s.Pupil(ben)
	checkRefused(t, err, "missing/no_pupil/")
}

func TestAnErasedNameIsInNoFileWhenTheErasureIsDone(t *testing.T) {
	s := newSchool(t)
	mustValue(s.AddNames(s.class.ID, "Zebulon Quux", false))(t)
	class := mustValue(s.Class(s.class.ID))(t)
	gone := class.Pupils[len(class.Pupils)-1].ID
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	check(t, s.Copy())
	holds := func() (files []string) {
		for _, path := range mustValue(filepath.Glob(s.cfg.Path + "*"))(t) {
			if bytes.Contains(mustValue(os.ReadFile(path))(t), []byte("Zebulon")) {
				files = append(files, filepath.Base(path))
			}
		}
		return files
	}
	if len(holds()) != 2 {
		t.Fatalf("before the erasure the name is in %v", holds())
	}
	mustValue(s.ErasePupil(gone))(t)
	if files := holds(); len(files) > 0 {
		t.Errorf("the name is in %v", files)
	}
}
