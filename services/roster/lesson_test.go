package roster

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

func TestAClassHasOneOpenLesson(t *testing.T) {
	s := newSchool(t)
	again := mustValue(s.StartLesson(s.admin.User, s.class.ID, "Other"))(t)
	if again != s.lesson {
		t.Errorf("got %+v, want the open lesson", again)
	}
	if len(s.lesson.Code) != 6 || strings.Trim(s.lesson.Code, "0123456789") != "" || len(s.lesson.Key) != 11 || s.lesson.Room != s.class.ID {
		t.Errorf("lesson %+v", s.lesson)
	}
	ended, _, err := s.EndLesson(s.lesson.ID)
	if err != nil || ended.Ended == 0 || ended.Code != "" || ended.Key != "" {
		t.Errorf("%+v %v", ended, err)
	}
	if twice, _, err := s.EndLesson(s.lesson.ID); err != nil || twice.Ended != ended.Ended {
		t.Errorf("%+v %v", twice, err)
	}
	next := mustValue(s.StartLesson(s.admin.User, s.class.ID, "  "))(t)
	if next.ID == s.lesson.ID || next.Title != "7b" {
		t.Errorf("next lesson %+v", next)
	}
}

func TestAPupilComesBackWithTheDevicesToken(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0]
	p, token, _, err := s.JoinLesson(s.ref(), ben.ID, "")
	if err != nil || p.Role != event.Pupil || p.Room != s.class.ID || p.Name != "Ben" {
		t.Fatalf("%+v %v", p, err)
	}
	again, same, _, err := s.JoinLesson(Ref{Key: s.lesson.Key}, ben.ID, token)
	if err != nil || same != token || again != p {
		t.Errorf("resume: %+v %v", again, err)
	}
	if got := mustValue(s.Authenticate(token))(t); got != p {
		t.Errorf("got %+v, want %+v", got, p)
	}
}

func TestANameBelongsToOneDevice(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for range cap(results) {
		wg.Go(func() {
			_, _, _, err := s.JoinLesson(s.ref(), ben, "")
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else {
			checkRefused(t, err, "stale/taken/")
		}
	}
	if won != 1 {
		t.Errorf("%d devices have the name", won)
	}
}

func TestATakenNameShowsAsTakenToOthersOnly(t *testing.T) {
	s := newSchool(t)
	_, token, _, err := s.JoinLesson(s.ref(), s.class.Pupils[1].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	taken := func(token string) (list []string) {
		_, names, err := s.FindLesson(s.ref(), token)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if n.Taken {
				list = append(list, n.Name)
			}
		}
		return list
	}
	if got := taken(""); !slices.Equal(got, []string{"Cleo"}) {
		t.Errorf("to others: %v", got)
	}
	if got := taken(token); got != nil {
		t.Errorf("to the device: %v", got)
	}
}

func TestAReleasedNameIsFreeAndItsTokenVoid(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	_, old, _, err := s.JoinLesson(s.ref(), ben, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReleaseName(s.lesson.ID, ben); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authenticate(old)
	checkRefused(t, err, "denied/signed_out/")
	if _, _, _, err := s.JoinLesson(s.ref(), ben, ""); err != nil {
		t.Errorf("another device: %v", err)
	}
	_, _, _, err = s.JoinLesson(s.ref(), ben, old)
	checkRefused(t, err, "stale/taken/")
	checkRefused(t, s.ReleaseName(s.lesson.ID, "p_none"), "missing/no_pupil/")
	checkRefused(t, s.ReleaseName("l_none", ben), "missing/no_lesson/")
	if err := s.ReleaseName(s.lesson.ID, s.class.Pupils[2].ID); err != nil {
		t.Errorf("releasing a free name: %v", err)
	}
}

func TestADeviceThatTakesAnotherNameLetsTheFirstGo(t *testing.T) {
	s := newSchool(t)
	ben, cleo := s.class.Pupils[0].ID, s.class.Pupils[1].ID
	_, token, _, err := s.JoinLesson(s.ref(), ben, "")
	if err != nil {
		t.Fatal(err)
	}
	p, next, freed, err := s.JoinLesson(s.ref(), cleo, token)
	if err != nil || freed != ben || next == token || p.User != cleo {
		t.Errorf("%+v freed %q %v", p, freed, err)
	}
	if _, _, _, err := s.JoinLesson(s.ref(), ben, ""); err != nil {
		t.Errorf("the first name is not free: %v", err)
	}
}

func TestEndingALessonSignsItsPupilsOut(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	_, token, _, err := s.JoinLesson(s.ref(), ben, "")
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := s.EndLesson(s.lesson.ID)
	if err != nil || !slices.Equal(out, []string{ben}) {
		t.Errorf("out: %v %v", out, err)
	}
	_, err = s.Authenticate(token)
	checkRefused(t, err, "denied/signed_out/")
	for _, ref := range []Ref{{Code: s.lesson.Code}, {Key: s.lesson.Key}} {
		_, _, err = s.FindLesson(ref, token)
		checkRefused(t, err, "missing/no_lesson/")
	}
	mustValue(s.StartLesson(s.admin.User, s.class.ID, ""))(t)
	_, err = s.Authenticate(token)
	checkRefused(t, err, "denied/signed_out/") // the next lesson is another one
}

func TestWrongCodesOpenNothing(t *testing.T) {
	s := newSchool(t)
	for _, ref := range []Ref{{}, {Code: " "}, {Code: s.lesson.Code + "0"}, {Code: s.lesson.Code[:5]}, {Key: s.lesson.Key[:10]}, {Key: s.lesson.Code}, {Code: s.lesson.Key}} {
		_, _, err := s.FindLesson(ref, "")
		checkRefused(t, err, "missing/no_lesson/")
		_, _, _, err = s.JoinLesson(ref, s.class.Pupils[0].ID, "")
		checkRefused(t, err, "missing/no_lesson/")
	}
	spaced := Ref{Code: s.lesson.Code[:3] + " " + s.lesson.Code[3:]}
	if _, _, err := s.FindLesson(spaced, ""); err != nil {
		t.Errorf("with a space: %v", err)
	}
	other := mustValue(s.AddClass("8a"))(t)
	mustValue(s.AddNames(other.ID, "Eve", false))(t)
	eve := mustValue(s.Class(other.ID))(t).Pupils[0].ID
	_, _, _, err := s.JoinLesson(s.ref(), eve, "")
	checkRefused(t, err, "missing/no_pupil/")
}

func TestADeletedPupilIsOut(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0].ID
	_, token, _, err := s.JoinLesson(s.ref(), ben, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePupil(s.class.ID, ben); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authenticate(token)
	checkRefused(t, err, "denied/signed_out/")
}

func TestAPupilWhoSignsOutFreesTheName(t *testing.T) {
	s := newSchool(t)
	_, token, _, err := s.JoinLesson(s.ref(), s.class.Pupils[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SignOut(token); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.JoinLesson(s.ref(), s.class.Pupils[0].ID, ""); err != nil {
		t.Error(err)
	}
	if err := s.SignOut(token); err != nil {
		t.Errorf("twice: %v", err)
	}
}

func TestPeopleOfARoom(t *testing.T) {
	s := newSchool(t)
	people := mustValue(s.People(s.lesson.Room))(t)
	if len(people) != 4 || people[0].Role != event.Teacher || people[1].Name != "Ben" {
		t.Errorf("%+v", people)
	}
	if _, err := s.People("c_none"); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
	if !s.HasRoom(s.lesson.Room) || s.HasRoom("c_none") {
		t.Error("Exists is wrong")
	}
	in := mustValue(s.LessonIn(s.lesson.Room))(t)
	if in != s.lesson {
		t.Errorf("got %+v", in)
	}
	if list := mustValue(s.OpenLessons())(t); len(list) != 1 || list[0] != s.lesson {
		t.Errorf("open: %+v", list)
	}
}

// A device that joins again and again under its own name must not make the disk sync each time.
func TestJoiningAgainWritesNothing(t *testing.T) {
	s := newSchool(t)
	ben := s.class.Pupils[0]
	_, token, _, err := s.JoinLesson(s.ref(), ben.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	card := strings.TrimPrefix(mustValue(s.Card(s.class.ID, ben.ID))(t).Link, "/c/")
	before := commits(t, s.Roster)
	for range 3 {
		p, given, freed, err := s.JoinLesson(s.ref(), ben.ID, token)
		if err != nil || p.User != ben.ID || given != token || freed != "" {
			t.Fatalf("%+v %q %q %v", p, given, freed, err)
		}
		if p, given, _, moved, err := s.JoinCard(card, token); err != nil || p.User != ben.ID || given != token || moved {
			t.Fatalf("with the card: %+v %q %v %v", p, given, moved, err)
		}
	}
	if after := commits(t, s.Roster); after != before {
		t.Errorf("%d commits for joining again", after-before)
	}
	if _, _, freed, err := s.JoinLesson(s.ref(), s.class.Pupils[1].ID, token); err != nil || freed != ben.ID {
		t.Errorf("another name with the same device: freed %q, %v", freed, err)
	}
	if _, _, _, err := s.JoinLesson(s.ref(), s.class.Pupils[1].ID, token); errs.BodyOf(err).Code != "taken" {
		t.Errorf("with a token that is void: %v", err)
	}
}

// commits returns a number that each commit of the database raises.
func commits(t *testing.T, r *Roster) (n int) {
	t.Helper()
	if err := r.db.View(func(tx *checkedkv.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}
