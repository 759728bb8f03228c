package pg_test

import (
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// addOperator adds an operator who has finished the setup.
func (r *rig) addOperator(name, of string) {
	r.t.Helper()
	setup, err := r.store.AddOperator(r.t.Context(), name, of)
	r.must(err)
	r.must(r.store.BeginSetup(r.t.Context(), name, setup, "hash of "+name, "SECRET"))
	r.must(r.store.FinishSetup(r.t.Context(), name, setup))
}

func TestASetupCodeWorksOnceWithinAWeek(t *testing.T) {
	r := newRig(t)
	setup, err := r.store.AddOperator(t.Context(), " Ada ", school)
	r.must(err)
	wantError(t, r.store.BeginSetup(t.Context(), "ada", "ABCDEFGHIJKLMNOPQRST", "h", "S"), errs.Denied, pg.CodeBadPart)
	wantError(t, r.store.BeginSetup(t.Context(), "bob", setup, "h", "S"), errs.Denied, pg.CodeBadPart)
	_, err = r.store.PendingTOTP(t.Context(), "ada", setup)
	wantError(t, err, errs.Denied, pg.CodeBadPart)
	typed := strings.ToLower(setup[:5] + "-" + setup[5:])
	r.must(r.store.BeginSetup(t.Context(), "ADA", typed, "h", "S"))
	if got, err := r.store.PendingTOTP(t.Context(), "ada", typed); err != nil || got != "S" {
		t.Errorf("got %q, %v", got, err)
	}
	if v, err := r.store.OperatorSecrets(t.Context(), "ada"); err != nil || v.Password != "" {
		t.Errorf("secrets before the end of the setup: %+v, %v", v, err)
	}
	_, err = r.store.OpenSession(t.Context(), "ada", 1)
	wantError(t, err, errs.Denied, pg.CodeBadPart)
	r.exec(`update livelearn.operators set setup_expires = now() - interval '1 second'`)
	wantError(t, r.store.FinishSetup(t.Context(), "ada", setup), errs.Denied, pg.CodeBadPart)
	r.exec(`update livelearn.operators set setup_expires = now() + interval '7 days'`)
	r.must(r.store.FinishSetup(t.Context(), "ada", setup))
	wantError(t, r.store.BeginSetup(t.Context(), "ada", setup, "another", "S"), errs.Denied, pg.CodeBadPart)
	wantError(t, r.store.FinishSetup(t.Context(), "ada", setup), errs.Denied, pg.CodeBadPart)
	if n := r.queryInt(`select count(*) from livelearn.operators o where o::text like '%' || $1 || '%'`, setup); n != 0 {
		t.Error("the database has the code itself")
	}
}

func TestASessionEndsWithItsOperator(t *testing.T) {
	r := newRig(t)
	r.addOperator("ada", school)
	open := func(step int64) string {
		t.Helper()
		s, err := r.store.OpenSession(t.Context(), "ada", step)
		r.must(err)
		return s
	}
	over := func(what, s string) {
		t.Helper()
		if _, err := r.store.CheckSession(t.Context(), s); errs.BodyOf(err).Code != pg.CodeSignIn {
			t.Errorf("%s: got %v", what, err)
		}
	}
	a := open(10)
	if g, err := r.store.CheckSession(t.Context(), a); err != nil || g.Name != "ada" || g.School != school {
		t.Fatalf("got %+v, %v", g, err)
	}
	_, err := r.store.OpenSession(t.Context(), "ada", 10)
	wantError(t, err, errs.Denied, pg.CodeBadPart) // the code was used
	over("a forged one", strings.Repeat("A", len(a)))
	over("none", "")
	r.must(r.store.CloseSession(t.Context(), a))
	over("after signing out", a)

	a = open(11)
	r.exec(`update livelearn.operator_sessions set seen = now() - interval '119 minutes'`)
	_, err = r.store.CheckSession(t.Context(), a) // counts as a request
	r.must(err)
	if n := r.queryInt(`select count(*) from livelearn.operator_sessions where seen > now() - interval '1 minute'`); n != 1 {
		t.Error("a request did not extend the session")
	}
	r.exec(`update livelearn.operator_sessions set seen = now() - interval '121 minutes'`)
	over("after two hours without a request", a)
	a = open(12)
	r.exec(`update livelearn.operator_sessions set expires = now()`)
	over("after twelve hours", a)

	a = open(13)
	setup, err := r.store.ResetOperator(t.Context(), "ada")
	r.must(err)
	over("after a reset", a)
	if v, err := r.store.OperatorSecrets(t.Context(), "ada"); err != nil || v.Password != "" || v.TOTP != "" {
		t.Errorf("the old password stays: %+v, %v", v, err)
	}
	r.must(r.store.BeginSetup(t.Context(), "ada", setup, "new", "NEW"))
	r.must(r.store.FinishSetup(t.Context(), "ada", setup))
	a = open(14)
	r.must(r.store.RemoveOperator(t.Context(), "ada"))
	over("after the removal", a)
	wantError(t, r.store.RemoveOperator(t.Context(), "ada"), errs.Missing, "no_operator")
	r.addOperator("bob", school)
	b, err := r.store.OpenSession(t.Context(), "bob", 1)
	r.must(err)
	r.must(r.store.RemoveSchool(t.Context(), school))
	over("after the removal of the school", b)
}

func TestWrongCodesHaveToWait(t *testing.T) {
	r := newRig(t)
	r.addOperator("ada", "")
	r.addOperator("bob", "")
	for i, want := range []float64{0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		r.must(r.store.NoteWrongCode(t.Context(), "ada"))
		var got float64
		r.must(r.db.QueryRow(t.Context(), `select coalesce(extract(epoch from blocked - clock_timestamp()), 0)::float8 from livelearn.operators where name = 'ada'`).Scan(&got))
		if got > want || want >= 512 && got <= want/2 {
			t.Errorf("after %d wrong codes: %.1f s, want %.0f", i+1, got, want)
		}
	}
	if v, err := r.store.OperatorSecrets(t.Context(), "ada"); err != nil || v.Blocked <= 0 {
		t.Errorf("got %v, %v", v.Blocked, err)
	}
	if v, err := r.store.OperatorSecrets(t.Context(), "bob"); err != nil || v.Blocked != 0 {
		t.Errorf("another operator waits: %v, %v", v.Blocked, err)
	}
	_, err := r.store.OpenSession(t.Context(), "ada", 5)
	r.must(err)
	if v, err := r.store.OperatorSecrets(t.Context(), "ada"); err != nil || v.Blocked != 0 {
		t.Errorf("after a right code: %v, %v", v.Blocked, err)
	}
}

func TestAnOperatorHasOneName(t *testing.T) {
	r := newRig(t)
	r.addOperator("ada", school)
	r.addOperator("bob", "")
	_, err := r.store.AddOperator(t.Context(), "ADA", "")
	wantError(t, err, errs.Invalid, "taken")
	_, err = r.store.AddOperator(t.Context(), "carl", "Typo")
	wantError(t, err, errs.Missing, "no_school")
	for _, name := range []string{"", "  ", strings.Repeat("a", 65), "a\x00b"} {
		_, err = r.store.AddOperator(t.Context(), name, "")
		wantError(t, err, errs.Invalid, "bad_name")
	}
	list, err := r.store.Operators(t.Context())
	r.must(err)
	if len(list) != 2 || list[0].Name != "ada" || list[0].School != school || !list[0].Ready || list[1].School != "" || list[0].SignedIn != nil {
		t.Errorf("got %+v", list)
	}
}
