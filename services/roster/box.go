package roster

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strings"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Box is the box's name, language and state.
type Box struct {
	ID      string `json:"id"` // random, never changes
	Name    string `json:"name"`
	Lang    string `json:"lang"` // of its pages, as a BCP 47 tag: "en"
	Claimed bool   `json:"claimed"`
}

type storedBox struct {
	Box
	Given  string // the name of SuggestName, which a claim replaces
	Code   string // the claim code, empty after the claim
	Secret []byte // for the signatures of the gateway
}

// Claimant is the person who claims the box, and the name for it.
type Claimant struct {
	Code string // as shown on the terminal or the display
	Box  string // the box's name
	Name string // the claimant's
	PIN  string
	Lang string // empty means English
	Zone string // the time zone of the claimant's device; one that is not known is left out
}

// The claim code has 8 of these: 40 bits. I, O, 0 and 1 are left out.
const claimAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

func newClaimCode() string {
	b := make([]byte, 8)
	rand.Read(b)
	for i := range b {
		b[i] = claimAlphabet[int(b[i])%len(claimAlphabet)] // 256 is a multiple of 32: no bias
	}
	return string(b)
}

// Box returns the box's name and whether it is claimed.
func (r *Roster) Box() (Box, error) {
	b, err := r.loadBox()
	return b.Box, err
}

// SuggestName sets the name of a box that is not claimed, and its language unless lang is empty.
// It does not change a person's choice.
func (r *Roster) SuggestName(name, lang string) error {
	const op = "roster.Suggest"
	b, err := r.loadBox()
	if err != nil || b.Claimed || b.Name != b.Given || b.Name == name && (lang == "" || b.Lang == lang) {
		return err
	}
	if name, err = cleanName(op, "box", name, MaxName); err != nil {
		return err
	}
	if lang != "" && !isLang(lang) {
		return errs.NewField(op, "lang", "bad_lang", 0, `must be a language tag such as "en" or "pt-BR"`)
	}
	return r.updateOwner(op, func(tx *checkedkv.Tx) error {
		b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil || b.Claimed {
			return err
		}
		b.Name, b.Given = name, name
		if lang != "" {
			b.Lang = lang
		}
		return checkedkv.Put(tx, bucketMeta, keyBox, b)
	})
}

// ClaimCode returns the code with which a person claims the box. It is empty after the claim.
func (r *Roster) ClaimCode() (string, error) {
	b, err := r.loadBox()
	return b.Code, err
}

// SetClaimCode makes code, as people type it, the claim code of a box that is not claimed: now,
// and after each Unclaim. It must be called before the roster is used.
func (r *Roster) SetClaimCode(code string) error {
	r.code = normaliseClaimCode(code)
	b, err := r.loadBox()
	if err != nil || b.Claimed || b.Code == r.code {
		return err
	}
	return r.writeTx("roster.SetClaimCode", func(tx *checkedkv.Tx) error {
		b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil || b.Claimed {
			return err
		}
		b.Code = r.code
		return checkedkv.Put(tx, bucketMeta, keyBox, b)
	})
}

// Secret returns 32 random bytes that never change during the life of the roster.
func (r *Roster) Secret() ([]byte, error) {
	b, err := r.loadBox()
	return b.Secret, err
}

func (r *Roster) loadBox() (b storedBox, err error) {
	err = r.readTx("roster.Box", func(tx *checkedkv.Tx) error {
		b, err = checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		return err
	})
	return b, err
}

// Claim makes the claimant the box's admin and first teacher and signs the device in. It works
// once. errs.Denied (code wrong_code): this is not the claim code. errs.Stale (code owner_lost):
// the box is locked.
func (r *Roster) Claim(ctx context.Context, c Claimant) (Person, string, error) {
	const op = "roster.Claim"
	if err := r.checkClaim(op, c.Code); err != nil {
		return Person{}, "", err
	}
	c, err := c.cleanFields(op)
	if err != nil {
		return Person{}, "", err
	}
	hash, err := r.pins.hashPIN(ctx, c.PIN)
	if err != nil {
		return Person{}, "", err
	}
	s := storedStaff{Staff: Staff{ID: checkedkv.NewID("t_"), Name: c.Name, Admin: true}, Hash: hash}
	var token string
	err = r.updateOwner(op, func(tx *checkedkv.Tx) error {
		if s, err = r.storeOwner(tx, c, s); err != nil {
			return err
		}
		token, err = r.signIn(tx, s.Staff)
		return err
	})
	return s.toPerson(), token, err
}

// storeOwner makes a person the admin of a box that is not claimed.
func (r *Roster) storeOwner(tx *checkedkv.Tx, c Claimant, s storedStaff) (storedStaff, error) {
	b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
	if err != nil {
		return s, err
	}
	if b.Claimed { // two people at once: the first one has it
		return s, errClaimed("roster.Claim")
	}
	b.Name, b.Given, b.Lang, b.Claimed, b.Code = c.Box, "", c.Lang, true, ""
	if err := checkedkv.Put(tx, bucketMeta, keyBox, b); err != nil {
		return s, err
	}
	if checkZone("roster.Claim", c.Zone) == nil { // a browser may name a zone that only it knows
		if err := setDefaultZone(tx, c.Zone); err != nil {
			return s, err
		}
	}
	if known, ok := r.findStaffByName(tx, s.Name); ok {
		s.ID = known.ID // claimed again: the teacher of this name gets this PIN
	}
	return s, checkedkv.Put(tx, bucketStaff, s.ID, s)
}

// SetOwner makes the person of a settings file the admin of a box that is not claimed and not
// locked. hash is that of HashPIN. The box keeps its name and language.
func (r *Roster) SetOwner(name, hash string) error {
	const op = "roster.SetOwner"
	name, err := cleanName(op, "box.admin", name, MaxName)
	if err != nil {
		return err
	}
	b, err := r.loadBox()
	if err != nil || b.Claimed {
		return err
	}
	return r.updateOwner(op, func(tx *checkedkv.Tx) error {
		_, err := r.storeOwner(tx, Claimant{Box: b.Name, Lang: b.Lang}, storedStaff{Staff: Staff{ID: checkedkv.NewID("t_"), Name: name, Admin: true}, Hash: hash})
		return err
	})
}

// HashPIN returns the hash of a PIN for a settings file.
func HashPIN(ctx context.Context, pin string) (string, error) {
	pin, err := cleanPIN("roster.HashPIN", "pin", pin)
	if err != nil {
		return "", err
	}
	return newPINHasher(1).hashPIN(ctx, pin)
}

// checkClaim refuses a wrong code, and a box that is claimed.
func (r *Roster) checkClaim(op, code string) error {
	b, err := r.loadBox()
	switch {
	case err != nil:
		return err
	case b.Claimed:
		if locked, err := r.Locked(); err == nil && locked {
			return errOwnerLost(op)
		}
		return errClaimed(op)
	case subtle.ConstantTimeCompare([]byte(b.Code), []byte(normaliseClaimCode(code))) == 0:
		return errs.NewCode(op, errs.Denied, "wrong_code", "this is not the box's claim code")
	}
	return nil
}

// Unclaim removes the claim and makes a new code, or uses that of SetClaimCode. A person who
// enters it becomes an admin. Everything else stays: teachers, classes, lessons, and the devices
// that are signed in. A box that is not claimed keeps its code.
func (r *Roster) Unclaim(context.Context) error {
	const op = "roster.Unclaim"
	return r.updateOwner(op, func(tx *checkedkv.Tx) error {
		b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil || !b.Claimed {
			return err
		}
		b.Claimed, b.Code = false, cmp.Or(r.code, newClaimCode())
		return checkedkv.Put(tx, bucketMeta, keyBox, b)
	})
}

func errClaimed(op string) error {
	return errs.NewCode(op, errs.Stale, "claimed", "the box is claimed already")
}

// normaliseClaimCode converts a claim code as people type it: in small letters, with a dash or
// spaces.
func normaliseClaimCode(code string) string {
	code = code[:min(len(code), 64)]
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(toASCIIDigits(code)))
}

func (c Claimant) cleanFields(op string) (Claimant, error) {
	var err error
	if c.Box, err = cleanName(op, "box", c.Box, MaxName); err != nil {
		return c, err
	}
	if c.Name, err = cleanName(op, "name", c.Name, MaxName); err != nil {
		return c, err
	}
	if c.PIN, err = cleanPIN(op, "pin", c.PIN); err != nil {
		return c, err
	}
	if c.Lang == "" {
		c.Lang = "en"
	}
	if !isLang(c.Lang) {
		return c, errs.NewField(op, "lang", "bad_lang", 0, `must be a language tag such as "en" or "pt-BR"`)
	}
	return c, nil
}

// isLang reports a BCP 47 tag of a language with at most one more part.
func isLang(s string) bool {
	lang, more, has := strings.Cut(s, "-")
	return isSubtag(lang, 2, 3) && (!has || isSubtag(more, 2, 8))
}

func isSubtag(s string, least, most int) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
