package roster

import (
	"slices"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

func TestAClassIsSharedWithChosenTeachers(t *testing.T) {
	s := newSchool(t)
	ben := mustValue(s.AddStaff(t.Context(), "Ben", "135790", false))(t).toPerson()
	cleo := mustValue(s.AddStaff(t.Context(), "Cleo", "135790", false))(t).toPerson()
	boss := Person{User: "t_admin", Role: event.Teacher, Admin: true}
	class := mustValue(s.AddClass("9z", ben.OwnClass()...))(t)
	all := mustValue(s.AddClass("9y", boss.OwnClass()...))(t)
	check := func(when string, p Person, class string, want string) {
		t.Helper()
		if got := errs.BodyOf(s.CheckTeaches(p, class)).Code; got != want && !(want == "" && s.CheckTeaches(p, class) == nil) {
			t.Errorf("%s: %s gets %q, want %q", when, p.Name, got, want)
		}
	}
	check("at first", ben, class.ID, "")
	check("at first", cleo, class.ID, "other_class")
	check("at first", boss, class.ID, "")
	check("a class of an admin", cleo, all.ID, "")
	check("no class", cleo, "c_none", "no_class")

	if _, _, err := s.ShareClass(ben, class.ID, []string{ben.User, cleo.User}); err != nil {
		t.Fatal(err)
	}
	check("shared", cleo, class.ID, "")
	lesson := mustValue(s.StartLesson(cleo.User, class.ID, ""))(t)
	if _, gone, err := s.ShareClass(ben, class.ID, []string{ben.User}); err != nil || !slices.Equal(gone, []string{cleo.User}) {
		t.Errorf("%v lost the class, %v", gone, err)
	}
	check("not shared any more", cleo, class.ID, "other_class")
	if err := s.CheckTeachesLesson(cleo, lesson.ID); err != nil {
		t.Errorf("who held a lesson sees it no more: %v", err)
	}
	if _, _, err := s.ShareClass(ben, class.ID, []string{cleo.User}); errs.BodyOf(err).Code != "self" {
		t.Errorf("a teacher gives the class away: %v", err)
	}
	if _, _, err := s.ShareClass(boss, class.ID, []string{"t_none"}); errs.BodyOf(err).Field != "teachers" {
		t.Errorf("a teacher who is none: %v", err)
	}
	if _, _, err := s.ShareClass(boss, class.ID, nil); err != nil {
		t.Error(err)
	}
	check("for all", cleo, class.ID, "")
}

func TestAnImportTouchesNoClassOfAnotherTeacher(t *testing.T) {
	s := newSchool(t)
	ben := mustValue(s.AddStaff(t.Context(), "Ben", "135790", false))(t).toPerson()
	cleo := mustValue(s.AddStaff(t.Context(), "Cleo", "135790", false))(t).toPerson()
	got := mustValue(s.Import(importTable("9z", "1 Ada"), "", false, ben))(t)
	c := mustValue(s.Class(got.Classes[0].ID))(t)
	if !slices.Equal(c.Teachers, []string{ben.User}) {
		t.Errorf("a new class of a teacher is for %v", c.Teachers)
	}
	for _, dry := range []bool{true, false} {
		if _, err := s.Import(importTable("9z", "1 Eve"), "", dry, cleo); errs.BodyOf(err).Code != "other_class" {
			t.Errorf("into another teacher's class (dry %t): %v", dry, err)
		}
	}
	if after := mustValue(s.Class(c.ID))(t); len(after.Pupils) != 1 {
		t.Errorf("the class has %d pupils", len(after.Pupils))
	}
}
