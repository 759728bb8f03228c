package roster

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

func (s school) pass(t *testing.T, label string) (Pass, string) {
	t.Helper()
	p, token, err := s.AddPass(Pass{Lesson: s.lesson.ID, Use: "whip", Source: "camera", Label: label, By: s.admin.User})
	if err != nil {
		t.Fatal(err)
	}
	return p, token
}

// void fails if the token is valid anywhere.
func (s school) void(t *testing.T, token string) {
	t.Helper()
	if p, room, err := s.PassOf(token); errs.KindOf(err) != errs.Denied || p.ID != "" || room != "" {
		t.Errorf("the token is good for %+v in %q: %v", p, room, err)
	}
}

func TestAPassIsGoodForItsLessonAndNoLonger(t *testing.T) {
	s := newSchool(t)
	made, token := s.pass(t, " The camera  ")
	got, room, err := s.PassOf(token)
	if err != nil || got != made || room != s.lesson.Room || got.Label != "The camera" || got.By != s.admin.User {
		t.Errorf("%+v in %q, %v", got, room, err)
	}
	if _, err := s.Authenticate(token); errs.KindOf(err) != errs.Denied {
		t.Errorf("a pass signs in: %v", err)
	}
	for _, wrong := range []string{"", token[1:], token + "A", s.token, made.ID} {
		s.void(t, wrong)
	}
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	s.void(t, token)
	if list := mustValue(s.Passes(s.lesson.ID))(t); len(list) != 0 {
		t.Errorf("after its end: %+v", list)
	}
	if _, _, err := s.AddPass(Pass{Lesson: s.lesson.ID, Label: "late", By: s.admin.User}); errs.KindOf(err) != errs.Missing {
		t.Errorf("a pass for a lesson that has ended: %v", err)
	}
}

func TestAPassIsGoodForTwelveHours(t *testing.T) {
	s := newSchool(t)
	c := s.useSetClock()
	_, token := s.pass(t, "a")
	c.pass(12 * time.Hour)
	if _, _, err := s.PassOf(token); err != nil {
		t.Error(err)
	}
	c.pass(time.Millisecond)
	s.void(t, token)
	if list := mustValue(s.Passes(s.lesson.ID))(t); len(list) != 0 {
		t.Errorf("listed: %+v", list)
	}
}

func TestAPassEndsWithItsTeacher(t *testing.T) {
	s := newSchool(t)
	bo := mustValue(s.AddStaff(t.Context(), "Bo", pin, false))(t)
	_, token, err := s.AddPass(Pass{Lesson: s.lesson.ID, Use: "whip", Label: "x", By: bo.ID})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteStaff(bo.ID); err != nil {
		t.Fatal(err)
	}
	s.void(t, token)
}

func TestAPassIsTakenBackByItsID(t *testing.T) {
	s := newSchool(t)
	first, token := s.pass(t, "a")
	second, other := s.pass(t, "b")
	if list := mustValue(s.Passes(s.lesson.ID))(t); len(list) != 2 || list[0].ID == list[1].ID {
		t.Errorf("%+v", list)
	}
	if err := s.RemovePass("l_none", first.ID); errs.KindOf(err) != errs.Missing {
		t.Errorf("by another lesson: %v", err)
	}
	if err := s.RemovePass(s.lesson.ID, first.ID); err != nil {
		t.Error(err)
	}
	s.void(t, token)
	if err := s.RemovePass(s.lesson.ID, first.ID); errs.KindOf(err) != errs.Missing {
		t.Errorf("twice: %v", err)
	}
	if p, _, err := s.PassOf(other); err != nil || p != second {
		t.Errorf("the other: %+v, %v", p, err)
	}
}

func TestALessonHasSoManyPasses(t *testing.T) {
	s := newSchool(t)
	for range maxPasses {
		s.pass(t, "a")
	}
	if _, _, err := s.AddPass(Pass{Lesson: s.lesson.ID, Label: "x", By: s.admin.User}); errs.BodyOf(err).Limit != maxPasses {
		t.Errorf("one too many: %v", err)
	}
	if _, _, err := s.AddPass(Pass{Lesson: s.lesson.ID, Label: " ", By: s.admin.User}); errs.BodyOf(err).Field != "label" {
		t.Errorf("without a label: %v", err)
	}
}

func TestAPassSurvivesARestartAndItsTokenIsNotOnDisk(t *testing.T) {
	s := newSchool(t)
	_, token := s.pass(t, "a")
	path := s.db.Path()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte(token)) {
		t.Errorf("the token is on disk, or %v", err)
	}
	if _, _, err := openRoster(t, path).PassOf(token); err != nil {
		t.Error(err)
	}
}

func TestARosterOfAnEarlierVersionTakesPasses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	r := openRoster(t, path)
	if err := r.db.Update(func(tx *checkedkv.Tx) error { return tx.DeleteBucket([]byte(bucketPasses)) }); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openRoster(t, path).PassOf("AAAAAAAAAAAAAAAAAAAAAA"); errs.KindOf(err) != errs.Denied {
		t.Error(err)
	}
}
