package roster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPastLessonsAreThereNewestFirst(t *testing.T) {
	s := newSchool(t)
	if got := mustValue(s.PastLessons())(t); len(got) != 0 || got == nil {
		t.Errorf("an open lesson is past: %+v", got)
	}
	_, _, _, err := s.JoinLesson(s.ref(), s.class.Pupils[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	second := mustValue(s.StartLesson(s.admin.User, s.class.ID, "Decimals"))(t)
	if _, _, err := s.EndLesson(second.ID); err != nil {
		t.Fatal(err)
	}
	got := mustValue(s.PastLessons())(t)
	if len(got) != 2 || got[0].Started < got[1].Started {
		t.Fatalf("got %+v", got)
	}
	for _, p := range got {
		want := 0
		if p.ID == s.lesson.ID {
			want = 1
		}
		if p.Pupils != want || p.ClassName != "7b" || p.Code != "" || p.Ended == 0 {
			t.Errorf("got %+v", p)
		}
	}
}

func TestAPastLessonKeepsWhoWasInTheClass(t *testing.T) {
	s := newSchool(t)
	ben, cleo := s.class.Pupils[0].ID, s.class.Pupils[1].ID
	open := mustValue(s.PupilsOf(s.lesson.ID))(t)
	if len(open) != 3 {
		t.Errorf("while it is open: %v", open)
	}
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	mustValue(s.AddNames(s.class.ID, "Eve", false))(t)
	mustValue(s.RenamePupil(s.class.ID, cleo, "Cleopatra"))(t)
	if err := s.DeletePupil(s.class.ID, ben); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{ben: "Ben", cleo: "Cleopatra", s.class.Pupils[2].ID: "Dan"}
	if d := cmp.Diff(mustValue(s.PupilsOf(s.lesson.ID))(t), want); d != "" {
		t.Error(d)
	}
	if err := s.DeleteClass(s.class.ID); err != nil {
		t.Fatal(err)
	}
	want[cleo] = "Cleo" // as it was then
	if d := cmp.Diff(mustValue(s.PupilsOf(s.lesson.ID))(t), want); d != "" {
		t.Error(d)
	}
	if past := mustValue(s.PastLessons())(t); past[0].ClassName != "7b" {
		t.Errorf("got %+v", past)
	}
	_, err := s.PupilsOf("l_none")
	checkRefused(t, err, "missing/no_lesson/")
}

func TestLessonsAreForgottenByTheirEnd(t *testing.T) {
	s := newSchool(t)
	l, _, err := s.EndLesson(s.lesson.ID)
	if err != nil {
		t.Fatal(err)
	}
	open := mustValue(s.StartLesson(s.admin.User, s.class.ID, ""))(t)
	if ids := mustValue(s.ForgetLessons(l.Ended))(t); len(ids) != 0 {
		t.Errorf("forgot %v", ids)
	}
	if ids := mustValue(s.ForgetLessons(l.Ended + 1))(t); len(ids) != 1 || ids[0] != l.ID {
		t.Errorf("forgot %v", ids)
	}
	_, err = s.Lesson(l.ID)
	checkRefused(t, err, "missing/no_lesson/")
	if _, err := s.Lesson(open.ID); err != nil {
		t.Error(err)
	}
}
