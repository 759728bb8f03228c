package roster

import "testing"

func TestABoxHasANameUntilAPersonGivesItAnother(t *testing.T) {
	r := fresh(t)
	suggest := func(name, lang string) Box {
		t.Helper()
		if err := r.Suggest(name, lang); err != nil {
			t.Fatal(err)
		}
		return must(r.Box())(t)
	}
	if b := suggest("amber-otter-4821", ""); b.Name != "amber-otter-4821" || b.Lang != "" || b.Claimed {
		t.Errorf("%+v", b)
	}
	if b := suggest("Room 12", "fr"); b.Name != "Room 12" || b.Lang != "fr" { // the file was changed
		t.Errorf("%+v", b)
	}
	refused(t, r.Suggest("", ""), "invalid/empty/box")
	code := must(r.ClaimCode())(t)
	if _, _, err := r.Claim(t.Context(), Claimant{Code: code, Box: "Room 12", Name: "Ada", PIN: pin, Lang: "ar"}); err != nil {
		t.Fatal(err)
	}
	if b := suggest("Room 13", "en"); b.Name != "Room 12" || b.Lang != "ar" {
		t.Errorf("what a person chose was changed: %+v", b)
	}
	if err := r.Unclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := suggest("Room 13", "en"); b.Name != "Room 12" || b.Lang != "ar" {
		t.Errorf("after a new claim was asked for: %+v", b)
	}
}
