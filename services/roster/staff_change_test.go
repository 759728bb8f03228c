package roster

import "testing"

// signedIn is a teacher with a device.
func (s school) signedIn(t *testing.T, name string) (Staff, string) {
	t.Helper()
	staff := mustValue(s.AddStaff(t.Context(), name, pin, false))(t)
	_, token, err := s.SignIn(t.Context(), name, pin)
	if err != nil {
		t.Fatal(err)
	}
	return staff, token
}

func TestTheLastAdminStays(t *testing.T) {
	s := newSchool(t)
	eve, token := s.signedIn(t, "Eve")
	_, err := s.ChangeStaff(s.admin.User, StaffChange{Admin: new(false)})
	checkRefused(t, err, "stale/last_admin/")
	checkRefused(t, s.DeleteStaff(s.admin.User), "stale/last_admin/")
	got := mustValue(s.ChangeStaff(eve.ID, StaffChange{Name: new("  Eva "), Admin: new(true)}))(t)
	if got != (Staff{eve.ID, "Eva", true}) {
		t.Errorf("%+v", got)
	}
	if p := mustValue(s.Authenticate(token))(t); !p.Admin || p.Name != "Eva" {
		t.Errorf("%+v", p)
	}
	if err := s.DeleteStaff(s.admin.User); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authenticate(s.token)
	checkRefused(t, err, "denied/signed_out/")
	checkRefused(t, s.DeleteStaff(s.admin.User), "missing/no_staff/")
	checkRefused(t, s.DeleteStaff(eve.ID), "stale/last_admin/")
}

func TestATeachersNameIsTheirOwn(t *testing.T) {
	s := newSchool(t)
	eve, _ := s.signedIn(t, "Eve")
	_, err := s.ChangeStaff(eve.ID, StaffChange{Name: new("ADA")})
	checkRefused(t, err, "invalid/duplicate/name")
	_, err = s.ChangeStaff(eve.ID, StaffChange{Name: new(" ")})
	checkRefused(t, err, "invalid/empty/name")
	if got := mustValue(s.ChangeStaff(eve.ID, StaffChange{Name: new("EVE")}))(t); got.Name != "EVE" {
		t.Errorf("%+v", got)
	}
}

func TestANewPINSignsTheOtherDevicesOut(t *testing.T) {
	s := newSchool(t)
	ctx := t.Context()
	eve, first := s.signedIn(t, "Eve")
	_, second, err := s.SignIn(ctx, "Eve", pin)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ChangePIN(ctx, eve.ID, "wrong one", "135790", second)
	checkRefused(t, err, "denied/wrong_pin/")
	_, err = s.ChangePIN(ctx, eve.ID, pin, "1", second)
	checkRefused(t, err, "invalid/too_short/new")
	mustValue(s.Authenticate(first))(t)
	if void := mustValue(s.ChangePIN(ctx, eve.ID, pin, "135790", second))(t); len(void) != 1 || void[0] != hashToken(first) {
		t.Errorf("%x", void)
	}
	_, err = s.Authenticate(first)
	checkRefused(t, err, "denied/signed_out/")
	mustValue(s.Authenticate(second))(t)
	mustValue(s.Authenticate(s.token))(t) // another teacher's
	_, _, err = s.SignIn(ctx, "Eve", pin)
	checkRefused(t, err, "denied/wrong_pin/")
	mustValue(s.SetPIN(ctx, eve.ID, "٢٤٦٨٠٢", ""))(t)
	_, err = s.Authenticate(second)
	checkRefused(t, err, "denied/signed_out/")
	if _, _, err := s.SignIn(ctx, "Eve", "246802"); err != nil {
		t.Error(err)
	}
	_, err = s.SetPIN(ctx, "t_none", pin, "")
	checkRefused(t, err, "missing/no_staff/")
}

func TestSettingsChangeTogetherOrNotAtAll(t *testing.T) {
	s := newSchool(t)
	want := Settings{"Box 1", "en", 30, 455, ""}
	if got := mustValue(s.Settings())(t); got != want {
		t.Errorf("%+v", got)
	}
	want = Settings{"Room 5", "ar", 7, 455, "Europe/Paris"}
	if got := mustValue(s.ChangeSettings(SettingsChange{Name: new("Room 5"), Lang: new("ar"), ChatDays: new(7), Zone: new("Europe/Paris")}))(t); got != want {
		t.Errorf("%+v", got)
	}
	for field, c := range map[string]SettingsChange{
		"empty/name":                {Name: new("")},
		"bad_lang/lang":             {Lang: new("english")},
		"unknown/zone":              {Zone: new("Europe/Nowhere")},
		"out_of_range/chat_days":    {Name: new("X"), ChatDays: new(366)},
		"out_of_range/results_days": {ChatDays: new(9), ResultsDays: new(29)},
	} {
		_, err := s.ChangeSettings(c)
		checkRefused(t, err, "invalid/"+field)
	}
	if got := mustValue(s.Settings())(t); got != want {
		t.Errorf("%+v", got)
	}
	if b := mustValue(s.Box())(t); b.Name != "Room 5" || b.Lang != "ar" || !b.Claimed {
		t.Errorf("%+v", b)
	}
}
