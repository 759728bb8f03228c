package roster

import "testing"

// signedIn is a teacher with a device.
func (s school) signedIn(t *testing.T, name string) (Staff, string) {
	t.Helper()
	staff := must(s.AddStaff(t.Context(), name, pin, false))(t)
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
	refused(t, err, "stale/last_admin/")
	refused(t, s.DeleteStaff(s.admin.User), "stale/last_admin/")
	got := must(s.ChangeStaff(eve.ID, StaffChange{Name: new("  Eva "), Admin: new(true)}))(t)
	if got != (Staff{eve.ID, "Eva", true}) {
		t.Errorf("%+v", got)
	}
	if p := must(s.Who(token))(t); !p.Admin || p.Name != "Eva" {
		t.Errorf("%+v", p)
	}
	if err := s.DeleteStaff(s.admin.User); err != nil {
		t.Fatal(err)
	}
	_, err = s.Who(s.token)
	refused(t, err, "denied/signed_out/")
	refused(t, s.DeleteStaff(s.admin.User), "missing/no_staff/")
	refused(t, s.DeleteStaff(eve.ID), "stale/last_admin/")
}

func TestATeachersNameIsTheirOwn(t *testing.T) {
	s := newSchool(t)
	eve, _ := s.signedIn(t, "Eve")
	_, err := s.ChangeStaff(eve.ID, StaffChange{Name: new("ADA")})
	refused(t, err, "invalid/duplicate/name")
	_, err = s.ChangeStaff(eve.ID, StaffChange{Name: new(" ")})
	refused(t, err, "invalid/empty/name")
	if got := must(s.ChangeStaff(eve.ID, StaffChange{Name: new("EVE")}))(t); got.Name != "EVE" {
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
	refused(t, err, "denied/wrong_pin/")
	_, err = s.ChangePIN(ctx, eve.ID, pin, "1", second)
	refused(t, err, "invalid/too_short/new")
	must(s.Who(first))(t)
	if void := must(s.ChangePIN(ctx, eve.ID, pin, "135790", second))(t); len(void) != 1 || void[0] != hashOf(first) {
		t.Errorf("%x", void)
	}
	_, err = s.Who(first)
	refused(t, err, "denied/signed_out/")
	must(s.Who(second))(t)
	must(s.Who(s.token))(t) // another teacher's
	_, _, err = s.SignIn(ctx, "Eve", pin)
	refused(t, err, "denied/wrong_pin/")
	must(s.SetPIN(ctx, eve.ID, "٢٤٦٨٠٢", ""))(t)
	_, err = s.Who(second)
	refused(t, err, "denied/signed_out/")
	if _, _, err := s.SignIn(ctx, "Eve", "246802"); err != nil {
		t.Error(err)
	}
	_, err = s.SetPIN(ctx, "t_none", pin, "")
	refused(t, err, "missing/no_staff/")
}

func TestSettingsChangeTogetherOrNotAtAll(t *testing.T) {
	s := newSchool(t)
	want := Settings{"Box 1", "en", 30, 455}
	if got := must(s.Settings())(t); got != want {
		t.Errorf("%+v", got)
	}
	want = Settings{"Room 5", "ar", 7, 455}
	if got := must(s.ChangeSettings(SettingsChange{Name: new("Room 5"), Lang: new("ar"), ChatDays: new(7)}))(t); got != want {
		t.Errorf("%+v", got)
	}
	for field, c := range map[string]SettingsChange{
		"empty/name":                {Name: new("")},
		"bad_lang/lang":             {Lang: new("english")},
		"out_of_range/chat_days":    {Name: new("X"), ChatDays: new(366)},
		"out_of_range/results_days": {ChatDays: new(9), ResultsDays: new(29)},
	} {
		_, err := s.ChangeSettings(c)
		refused(t, err, "invalid/"+field)
	}
	if got := must(s.Settings())(t); got != want {
		t.Errorf("%+v", got)
	}
	if b := must(s.Box())(t); b.Name != "Room 5" || b.Lang != "ar" || !b.Claimed {
		t.Errorf("%+v", b)
	}
}
