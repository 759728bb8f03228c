package roster

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

func TestABoxIsClaimedOnceByItsCode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	r := openRoster(t, path)
	code := mustValue(r.ClaimCode())(t)
	if len(code) != 8 || strings.Trim(code, claimAlphabet) != "" {
		t.Fatalf("code %q", code)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = openRoster(t, path)
	if again := mustValue(r.ClaimCode())(t); again != code {
		t.Errorf("the code changed from %s to %s at a restart", code, again)
	}
	c := Claimant{Code: "AAAAAAAA", Box: "Box", Name: "Ada", PIN: pin, Lang: "ar"}
	_, _, err := r.Claim(t.Context(), c)
	checkRefused(t, err, "denied/wrong_code/")
	c.Code = strings.ToLower(code[:4] + "-" + code[4:])
	p, token, err := r.Claim(t.Context(), c)
	if err != nil || !p.Admin || p.Role != event.Teacher {
		t.Fatalf("%+v %v", p, err)
	}
	if got := mustValue(r.Authenticate(token))(t); got != p {
		t.Errorf("the token is of %+v, want %+v", got, p)
	}
	if b := mustValue(r.Box())(t); b.Name != "Box" || b.Lang != "ar" || !b.Claimed || b.ID == "" {
		t.Errorf("box %+v", b)
	}
	if left := mustValue(r.ClaimCode())(t); left != "" {
		t.Errorf("the code is still there: %q", left)
	}
	_, _, err = r.Claim(t.Context(), c)
	checkRefused(t, err, "stale/claimed/")
}

func TestAReleasedBoxIsClaimedAnewAndForgetsNothing(t *testing.T) {
	r := newRoster(t)
	before := mustValue(r.ClaimCode())(t)
	c := Claimant{Code: before, Box: "Box", Name: "Ada", PIN: pin}
	ada, token, err := r.Claim(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	bob := mustValue(r.AddStaff(t.Context(), "Bob", pin, false))(t)
	if err := r.Unclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	code := mustValue(r.ClaimCode())(t)
	if len(code) != 8 || code == before {
		t.Errorf("the new code is %q, the old one was %q", code, before)
	}
	if err := r.Unclaim(t.Context()); err != nil || mustValue(r.ClaimCode())(t) != code {
		t.Error("a second time made another code")
	}
	_, _, err = r.Claim(t.Context(), c)
	checkRefused(t, err, "denied/wrong_code/")
	c.Code, c.Name, c.PIN = code, "ada", "975310"
	again, _, err := r.Claim(t.Context(), c)
	if err != nil || again.User != ada.User || !again.Admin {
		t.Errorf("the same name is another person: %+v, before %+v, %v", again, ada, err)
	}
	if _, _, err := r.SignIn(t.Context(), "Ada", "975310"); err != nil {
		t.Errorf("the new PIN does not sign in: %v", err)
	}
	if who := mustValue(r.Authenticate(token))(t); who.User != ada.User {
		t.Errorf("the old token is of %+v", who)
	}
	if list := mustValue(r.Staff())(t); len(list) != 2 || list[0].ID != bob.ID && list[1].ID != bob.ID {
		t.Errorf("staff: %+v", list)
	}
}

func TestOnlyOneOfTwoClaimantsHasTheBox(t *testing.T) {
	r := newRoster(t)
	code := mustValue(r.ClaimCode())(t)
	var wg sync.WaitGroup
	results := make(chan error, 4)
	for range cap(results) {
		wg.Go(func() {
			_, _, err := r.Claim(t.Context(), Claimant{Code: code, Box: "B", Name: "Ada", PIN: pin})
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
			checkRefused(t, err, "stale/claimed/")
		}
	}
	if staff := mustValue(r.Staff())(t); won != 1 || len(staff) != 1 {
		t.Errorf("%d claims won, %d staff", won, len(staff))
	}
}

func TestBadClaimsNameTheFieldAndTheLimit(t *testing.T) {
	r := newRoster(t)
	code := mustValue(r.ClaimCode())(t)
	long := strings.Repeat("x", 61)
	for want, c := range map[string]Claimant{
		"invalid/empty/box":      {Name: "Ada", PIN: pin},
		"invalid/too_long/box":   {Box: long, Name: "Ada", PIN: pin},
		"invalid/empty/name":     {Box: "B", Name: " \t\u200e", PIN: pin},
		"invalid/bad_text/name":  {Box: "B", Name: "A\x00da", PIN: pin},
		"invalid/too_long/name":  {Box: "B", Name: long, PIN: pin},
		"invalid/too_short/pin":  {Box: "B", Name: "Ada", PIN: "12345"},
		"invalid/too_long/pin":   {Box: "B", Name: "Ada", PIN: strings.Repeat("1", 65)},
		"invalid/easy_pin/pin":   {Box: "B", Name: "Ada", PIN: "١٢٣٤٥٦"},
		"invalid/bad_lang/lang":  {Box: "B", Name: "Ada", PIN: pin, Lang: "<script>"},
		"denied/wrong_code/":     {Code: "no", Box: "B", Name: "Ada", PIN: pin},
		"invalid/bad_text/box":   {Box: "B\u202eB", Name: "Ada", PIN: pin},
		"invalid/bad_text/pin":   {Box: "B", Name: "Ada", PIN: "\xff\xff\xff\xff\xff\xff"},
		"invalid/bad_text/name ": {Box: "B", Name: "\xff", PIN: pin},
	} {
		if c.Code == "" {
			c.Code = code
		}
		_, _, err := r.Claim(t.Context(), c)
		checkRefused(t, err, strings.TrimSpace(want))
	}
	if b := mustValue(r.Box())(t); b.Claimed {
		t.Error("a refused claim took the box")
	}
}

func TestStaffSignInByNameAndPIN(t *testing.T) {
	s := newSchool(t)
	mustValue(s.AddStaff(t.Context(), "Émile", "٤٨٢٩١٣", false))(t) // Arabic digits
	p, token, err := s.SignIn(t.Context(), " éMILE ", "482913")
	if err != nil || p.Admin || p.Name != "Émile" {
		t.Fatalf("%+v %v", p, err)
	}
	if got := mustValue(s.Authenticate(token))(t); got.User != p.User {
		t.Errorf("token of %s, want %s", got.User, p.User)
	}
	for name, tried := range map[string]string{"Émile": "123457", "Nobody": "123456", "\x00": "123456", "Ada": ""} {
		_, _, err := s.SignIn(t.Context(), name, tried)
		checkRefused(t, err, "denied/wrong_pin/")
	}
	_, err = s.AddStaff(t.Context(), "ADA", pin, false)
	checkRefused(t, err, "invalid/duplicate/name")
}

func TestAtMostTwoPINsAreCheckedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPINHasher(2)
		p.slots <- struct{}{}
		p.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.checkPIN(ctx, pin, unknownUserHash)
		if errs.KindOf(err) != errs.Busy {
			t.Errorf("got %v, want busy", err)
		}
		<-p.slots
		if ok, err := p.checkPIN(t.Context(), pin, unknownUserHash); ok || err != nil {
			t.Errorf("nobody's PIN: %v %v", ok, err)
		}
	})
}

func TestAnIdleTeacherIsSignedOutAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSchool(t)
		defer s.Close()
		for range 3 { // used every eleven hours it lasts
			time.Sleep(11 * time.Hour)
			mustValue(s.Authenticate(s.token))(t)
		}
		time.Sleep(12*time.Hour + time.Second)
		_, err := s.Authenticate(s.token)
		checkRefused(t, err, "denied/signed_out/")
		_, token, err := s.SignIn(t.Context(), "Ada", pin)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SignOut(token); err != nil {
			t.Fatal(err)
		}
		_, err = s.Authenticate(token)
		checkRefused(t, err, "denied/signed_out/")
	})
}

func TestATeacherHasAtMostTwentyDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSchool(t)
		defer s.Close()
		for range maxDevices {
			time.Sleep(time.Minute)
			if err := s.writeTx("test", func(tx *checkedkv.Tx) error { _, err := s.signIn(tx, Staff{ID: s.admin.User}); return err }); err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Authenticate(s.token) // the oldest
		checkRefused(t, err, "denied/signed_out/")
	})
}

func TestTokensThatWereNeverGivenAreNobodys(t *testing.T) {
	s := newSchool(t)
	for _, token := range []string{"", "x", newToken(), strings.Repeat("x", 1<<20), "\x00"} {
		_, err := s.Authenticate(token)
		checkRefused(t, err, "denied/signed_out/")
	}
}

func TestTheFileHoldsNoSecretInTheClear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	r := openRoster(t, path)
	code := mustValue(r.ClaimCode())(t)
	_, token, err := r.Claim(t.Context(), Claimant{Code: code, Box: "B", Name: "Ada", PIN: "canary-pin-1"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, "canary-pin-1"} {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("the file holds %q", secret)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
}

func TestADamagedValueIsNeverReadAsGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	var logged bytes.Buffer
	r, err := Open(Config{Path: path}, slog.New(slog.NewJSONHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a, b := mustValue(r.AddClass("7a"))(t), mustValue(r.AddClass("7b"))(t)
	if err := r.db.Update(func(tx *checkedkv.Tx) error {
		raw := bytes.Clone(tx.Bucket([]byte(bucketClasses)).Get([]byte(a.ID)))
		raw[len(raw)-8] ^= 1
		return tx.Bucket([]byte(bucketClasses)).Put([]byte(a.ID), raw)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Class(a.ID); errs.KindOf(err) != errs.Corrupt {
		t.Errorf("got %v, want corrupt", err)
	}
	if diff := cmp.Diff(mustValue(r.Classes())(t), []Class{b}); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(logged.String(), "damaged") || strings.Contains(logged.String(), "7a") {
		t.Errorf("log: %s", logged.String())
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	checkRefused(t, Config{}.Validate(), "invalid/missing/roster.path")
	checkRefused(t, Config{Path: "x", Session: time.Second}.Validate(), "invalid/too_small/roster.session")
	checkRefused(t, Config{Path: "x", Hashes: -1}.Validate(), "invalid/out_of_range/roster.hashes")
	if err := (Config{Path: "x"}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestLessonsAsJSONKeepTheirNames(t *testing.T) {
	s := newSchool(t)
	data, err := json.Marshal(s.lesson)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"id"`, `"room"`, `"class"`, `"className"`, `"title"`, `"code"`, `"key"`, `"link":"/j/`, `"started"`} {
		if !bytes.Contains(data, []byte(field)) {
			t.Errorf("%s is missing in %s", field, data)
		}
	}
}
