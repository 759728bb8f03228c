package roster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
)

func keyOfCard(c Card) string { return strings.TrimPrefix(c.Link, "/c/") }

func TestACardLetsItsPupilInAndNobodyElse(t *testing.T) {
	s := newSchool(t)
	cards := mustValue(s.Cards(s.class.ID))(t)
	if len(cards) != 3 || cards[1].Name != "Cleo" || len(keyOfCard(cards[1])) != 22 {
		t.Fatalf("%+v", cards)
	}
	if diff := cmp.Diff(mustValue(s.Cards(s.class.ID))(t), cards); diff != "" {
		t.Errorf("cards change: %s", diff)
	}
	if one := mustValue(s.Card(s.class.ID, cards[1].ID))(t); one != cards[1] {
		t.Errorf("%+v", one)
	}
	p, token, freed, moved, err := s.JoinCard(keyOfCard(cards[1]), "")
	if err != nil || p.Name != "Cleo" || p.Room != s.class.ID || freed != "" || moved {
		t.Fatalf("%+v %q %v %v", p, freed, moved, err)
	}
	if again, same, _, moved, err := s.JoinCard(keyOfCard(cards[1]), token); err != nil || again != p || same != token || moved {
		t.Errorf("%+v %v %v", again, moved, err)
	}
	for _, bad := range []string{"", "x", cards[1].ID, cardKey(s.class.ID, cards[1].ID), strings.Repeat("x", 10000), keyOfCard(cards[1]) + "A"} {
		_, _, _, _, err := s.JoinCard(bad, "")
		checkRefused(t, err, "denied/card/")
	}
}

func TestACardTakesTheNameFromAnotherDevice(t *testing.T) {
	s := newSchool(t)
	card := mustValue(s.Card(s.class.ID, s.class.Pupils[0].ID))(t)
	_, thief, _, err := s.JoinLesson(s.ref(), card.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	_, phone, _, err := s.JoinLesson(s.ref(), s.class.Pupils[1].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	p, token, freed, moved, err := s.JoinCard(keyOfCard(card), phone)
	if err != nil || p.Name != "Ben" || freed != s.class.Pupils[1].ID || !moved {
		t.Fatalf("%+v %q %v %v", p, freed, moved, err)
	}
	for _, old := range []string{thief, phone} {
		_, err := s.Authenticate(old)
		checkRefused(t, err, "denied/signed_out/")
	}
	mustValue(s.Authenticate(token))(t)
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	_, _, _, _, err = s.JoinCard(keyOfCard(card), "")
	checkRefused(t, err, "missing/no_lesson/")
}

func TestARenewedCardIsVoidForGood(t *testing.T) {
	s := newSchool(t)
	old := mustValue(s.Cards(s.class.ID))(t)
	one := mustValue(s.RenewCards(s.class.ID, old[0].ID))(t)
	if one[0] == old[0] || one[1] != old[1] {
		t.Errorf("%+v of %+v", one, old)
	}
	all := mustValue(s.RenewCards(s.class.ID, ""))(t)
	for _, c := range []Card{old[0], one[0], one[1], old[2]} {
		_, _, _, _, err := s.JoinCard(keyOfCard(c), "")
		checkRefused(t, err, "denied/card/")
	}
	if err := s.DeletePupil(s.class.ID, all[1].ID); err != nil {
		t.Fatal(err)
	}
	_, _, _, _, err := s.JoinCard(keyOfCard(all[1]), "")
	checkRefused(t, err, "denied/card/")
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ErasePupil(all[2].ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteClass(s.class.ID); err != nil {
		t.Fatal(err)
	}
	if left := dumpDatabase(t, s.Roster); strings.Contains(left, "cards ") {
		t.Errorf("cards of nobody: %s", left)
	}
	_, err = s.RenewCards("c_none", "")
	checkRefused(t, err, "missing/no_class/")
}

func TestARosterOfAnEarlierVersionOpens(t *testing.T) {
	s := newSchool(t)
	path := s.cfg.Path
	err := s.db.Update(func(tx *checkedkv.Tx) error { return tx.DeleteBucket([]byte(bucketCards)) })
	if err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	r := openRoster(t, path)
	if r.OpenResult().SetAside != "" {
		t.Error("it was taken for damaged")
	}
	mustValue(r.Cards(s.class.ID))(t)
}
