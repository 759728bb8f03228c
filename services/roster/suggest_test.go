package roster

import "testing"

// The code of livelearn.toml is valid from the first start on, and after the button.
func TestAClaimCodeThatIsSetClaimsTheBox(t *testing.T) {
	r := newRoster(t)
	set := func(code, want string) {
		t.Helper()
		if err := r.SetClaimCode(code); err != nil {
			t.Fatal(err)
		}
		if got := mustValue(r.ClaimCode())(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	old := mustValue(r.ClaimCode())(t)
	set("hjkm-pxrt", "HJKMPXRT")
	set("k7fp 2m9x q4td", "K7FP2M9XQ4TD")
	ada := Claimant{Code: old, Box: "Room 12", Name: "Ada", PIN: pin}
	_, _, err := r.Claim(t.Context(), ada)
	checkRefused(t, err, "denied/wrong_code/")
	ada.Code = "k7fp-2m9x-q4td"
	if _, _, err := r.Claim(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	set("hjkm-pxrt", "") // it is claimed
	if err := r.Unclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	set("hjkm-pxrt", "HJKMPXRT")
}

func TestABoxHasANameUntilAPersonGivesItAnother(t *testing.T) {
	r := newRoster(t)
	suggest := func(name, lang string) Box {
		t.Helper()
		if err := r.SuggestName(name, lang); err != nil {
			t.Fatal(err)
		}
		return mustValue(r.Box())(t)
	}
	if b := suggest("amber-otter-4821", ""); b.Name != "amber-otter-4821" || b.Lang != "" || b.Claimed {
		t.Errorf("%+v", b)
	}
	if b := suggest("Room 12", "fr"); b.Name != "Room 12" || b.Lang != "fr" { // the file was changed
		t.Errorf("%+v", b)
	}
	checkRefused(t, r.SuggestName("", ""), "invalid/empty/box")
	code := mustValue(r.ClaimCode())(t)
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
