package roster

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/checkedkv"
)

// damages are the kinds of damage to a database on a card.
var damages = map[string]func(t *testing.T, path string){
	"missing":   func(t *testing.T, path string) { check(t, os.Remove(path)) },
	"empty":     func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) },
	"truncated": func(t *testing.T, path string) { check(t, os.Truncate(path, 5000)) },
	"zeroed":    func(t *testing.T, path string) { alter(t, path, func(b []byte) { clear(b[8192:]) }) },
	"flipped":   func(t *testing.T, path string) { alter(t, path, flipBranches) },
}

// flipBranches flips a bit in the head of each page after the two meta pages.
func flipBranches(b []byte) {
	for at := 8192; at < len(b); at += 4096 {
		b[at] ^= 4
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func alter(t *testing.T, path string, change func([]byte)) {
	t.Helper()
	data, err := os.ReadFile(path)
	check(t, err)
	change(data)
	check(t, os.WriteFile(path, data, 0o600))
}

// locked checks that the box is claimed and that no code, name or PIN gives access.
func locked(t *testing.T, r *Roster) {
	t.Helper()
	b, code := mustValue(r.Box())(t), mustValue(r.ClaimCode())(t)
	if !b.Claimed || code != "" || !mustValue(r.Locked())(t) {
		t.Errorf("claimed %v, code %q", b.Claimed, code)
	}
	_, _, err := r.Claim(t.Context(), Claimant{Code: code, Box: "Mine", Name: "Eve", PIN: pin})
	checkRefused(t, err, "stale/owner_lost/")
	_, _, err = r.SignIn(t.Context(), "Ada", pin)
	checkRefused(t, err, "stale/owner_lost/")
}

func TestADamagedRosterStaysClaimed(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := newSchool(t)
			was, secret := mustValue(s.Box())(t), mustValue(s.Secret())(t)
			check(t, s.Close())
			damage(t, s.cfg.Path)
			for range 2 {
				r := openRoster(t, s.cfg.Path)
				if b, code := mustValue(r.Box())(t), mustValue(r.ClaimCode())(t); b != was || code != "" {
					t.Errorf("got %+v with the code %q, want %+v", b, code, was)
				}
				if !bytes.Equal(mustValue(r.Secret())(t), secret) {
					t.Error("the secret is another one")
				}
				p, _, err := r.SignIn(t.Context(), "Ada", pin)
				if err != nil || !p.Admin || p.User != s.admin.User {
					t.Errorf("the admin is %+v, %v", p, err)
				}
				if list := mustValue(r.Classes())(t); len(list) != 0 {
					t.Errorf("the damaged database was not set aside: %v", list)
				}
				check(t, r.Close())
			}
		})
	}
}

func TestTheCopyFollowsAdminsAndTheirPINs(t *testing.T) {
	s := newSchool(t)
	eve := mustValue(s.AddStaff(t.Context(), "Eve", "first-pin", true))(t)
	joe := mustValue(s.AddStaff(t.Context(), "Joe", "joes-pin", true))(t)
	mustValue(s.AddStaff(t.Context(), "Kim", "kims-pin", false))(t)
	mustValue(s.SetPIN(t.Context(), eve.ID, "second-pin", ""))(t)
	mustValue(s.ChangePIN(t.Context(), s.admin.User, pin, "adas-new-pin", ""))(t)
	mustValue(s.ChangeStaff(eve.ID, StaffChange{Name: new("Eva")}))(t)
	check(t, s.DeleteStaff(joe.ID))
	mustValue(s.ChangeSettings(SettingsChange{Name: new("Hill School")}))(t)
	check(t, s.Close())
	check(t, os.Remove(s.cfg.Path))
	r := openRoster(t, s.cfg.Path)
	for name, c := range map[string]struct{ pin, want string }{
		"Ada": {"adas-new-pin", "none"}, "Eva": {"second-pin", "none"},
		"Eve": {"second-pin", "denied/wrong_pin/"}, "Joe": {"joes-pin", "denied/wrong_pin/"}, "Kim": {"kims-pin", "denied/wrong_pin/"},
	} {
		_, _, err := r.SignIn(t.Context(), name, c.pin)
		checkRefused(t, err, c.want)
	}
	_, _, err := r.SignIn(t.Context(), "Ada", pin)
	checkRefused(t, err, "denied/wrong_pin/")
	if b := mustValue(r.Box())(t); b.Name != "Hill School" {
		t.Errorf("the box is called %q", b.Name)
	}
}

func TestWithoutRosterAndCopyTheBoxIsLocked(t *testing.T) {
	for name, damage := range damages {
		for copied, harm := range map[string]func(t *testing.T, path string){
			"no copy":      func(t *testing.T, path string) { check(t, os.Remove(path)) },
			"damaged copy": func(t *testing.T, path string) { alter(t, path, func(b []byte) { b[len(b)/2] ^= 1 }) },
			"empty copy":   func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) },
		} {
			t.Run(name+" "+copied, func(t *testing.T) {
				s := newSchool(t)
				check(t, s.Close())
				damage(t, s.cfg.Path)
				harm(t, s.cfg.Path+suffixOwner)
				for range 2 {
					r, err := Open(Config{Path: s.cfg.Path, Used: true}, slog.New(slog.DiscardHandler))
					check(t, err)
					locked(t, r)
					check(t, r.Close())
				}
				r := openRoster(t, s.cfg.Path)
				check(t, r.Unclaim(t.Context()))
				_, _, err := r.Claim(t.Context(), Claimant{Code: mustValue(r.ClaimCode())(t), Box: "Box", Name: "Ada", PIN: pin})
				check(t, err)
				if mustValue(r.Locked())(t) {
					t.Error("a box that was claimed again is locked")
				}
			})
		}
	}
}

func TestDamageLocksNoBoxThatWasNeverClaimed(t *testing.T) {
	for name, damage := range damages {
		r := newRoster(t)
		code := mustValue(r.ClaimCode())(t)
		check(t, r.Close())
		damage(t, r.cfg.Path)
		again := openRoster(t, r.cfg.Path)
		if b, got := mustValue(again.Box())(t), mustValue(again.ClaimCode())(t); b.Claimed || got != code || got == "" {
			t.Errorf("%s: claimed %v, code %q, want %q", name, b.Claimed, got, code)
		}
	}
}

func TestAChangeThatTheCopyCannotFollowIsRefused(t *testing.T) {
	s := newSchool(t)
	at := s.cfg.Path + suffixOwner
	check(t, os.Remove(at))
	check(t, os.MkdirAll(filepath.Join(at, "in the way"), 0o700))
	if _, err := s.SetPIN(t.Context(), s.admin.User, "another-pin", ""); err == nil {
		t.Error("the PIN changed and its copy did not")
	}
	if _, _, err := s.SignIn(t.Context(), "Ada", pin); err != nil {
		t.Errorf("the PIN that was kept: %v", err)
	}
}

func TestADamagedEntryOfAnAdminComesBack(t *testing.T) {
	s := newSchool(t)
	check(t, s.db.Update(func(tx *checkedkv.Tx) error {
		b := tx.Bucket([]byte(bucketStaff))
		raw := bytes.Clone(b.Get([]byte(s.admin.User)))
		raw[3] ^= 1
		return b.Put([]byte(s.admin.User), raw)
	}))
	check(t, s.Close())
	r := openRoster(t, s.cfg.Path)
	if p, _, err := r.SignIn(t.Context(), "Ada", pin); err != nil || !p.Admin {
		t.Errorf("the admin is %+v, %v", p, err)
	}
	if list := mustValue(r.Classes())(t); len(list) != 1 || r.OpenResult().Reason == "" {
		t.Errorf("the classes went: %v", list)
	}
}

func TestADatabaseThatForgotTheOwnerIsMended(t *testing.T) {
	s, other := newSchool(t), newRoster(t)
	was := mustValue(s.Box())(t)
	check(t, s.Close())
	check(t, other.Close())
	data, err := os.ReadFile(other.cfg.Path)
	check(t, err)
	check(t, os.WriteFile(s.cfg.Path, data, 0o600))
	r := openRoster(t, s.cfg.Path)
	if b, code := mustValue(r.Box())(t), mustValue(r.ClaimCode())(t); b != was || code != "" || r.OpenResult().Reason == "" {
		t.Errorf("got %+v, code %q, found %+v", b, code, r.OpenResult())
	}
	if _, _, err := r.SignIn(t.Context(), "Ada", pin); err != nil {
		t.Error(err)
	}
}
