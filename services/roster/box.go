package roster

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Box is what the box is called. It is nobody's until it is claimed.
type Box struct {
	ID      string `json:"id"` // random, for good
	Name    string `json:"name"`
	Lang    string `json:"lang"` // of its pages, as a BCP 47 tag: "en"
	Claimed bool   `json:"claimed"`
}

type storedBox struct {
	Box
	Given  string // the name that Suggest gave; who claims the box gives another
	Code   string // the claim code; empty once claimed
	Secret []byte // for what the gateway signs
}

// Claimant is who takes the box and what they call it.
type Claimant struct {
	Code string // as shown on the terminal or the display
	Box  string // the box's name
	Name string // the claimant's
	PIN  string
	Lang string // empty: English
}

// The claim code is 8 of these: 40 bits. I, O, 0 and 1 are left out.
const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

func newClaimCode() string {
	b := make([]byte, 8)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)] // 256 is a multiple of 32: no bias
	}
	return string(b)
}

// Box tells what the box is called and whether it is claimed.
func (r *Roster) Box() (Box, error) {
	b, err := r.box()
	return b.Box, err
}

// Suggest gives a box that nobody has claimed yet its name, and its language unless lang is
// empty. What a person chose stays.
func (r *Roster) Suggest(name, lang string) error {
	const op = "roster.Suggest"
	b, err := r.box()
	if err != nil || b.Claimed || b.Name != b.Given || b.Name == name && (lang == "" || b.Lang == lang) {
		return err
	}
	if name, err = cleanName(op, "box", name, MaxName); err != nil {
		return err
	}
	if lang != "" && !isLang(lang) {
		return errs.Field(op, "lang", "bad_lang", 0, `must be a language tag such as "en" or "pt-BR"`)
	}
	return r.update(op, func(tx *bbolt.Tx) error {
		b, err := records.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil || b.Claimed {
			return err
		}
		b.Name, b.Given = name, name
		if lang != "" {
			b.Lang = lang
		}
		return records.Put(tx, bucketMeta, keyBox, b)
	})
}

// ClaimCode is what a person must enter to claim the box; empty once it is claimed.
func (r *Roster) ClaimCode() (string, error) {
	b, err := r.box()
	return b.Code, err
}

// Secret is 32 random bytes that stay the same as long as the roster lives.
func (r *Roster) Secret() ([]byte, error) {
	b, err := r.box()
	return b.Secret, err
}

func (r *Roster) box() (b storedBox, err error) {
	err = r.view("roster.Box", func(tx *bbolt.Tx) error {
		b, err = records.Get[storedBox](tx, bucketMeta, keyBox)
		return err
	})
	return b, err
}

// Claim makes the claimant the box's admin and first teacher and signs the device in.
// It works once. errs.Denied (code wrong_code): the claim code is another one.
func (r *Roster) Claim(ctx context.Context, c Claimant) (Person, string, error) {
	const op = "roster.Claim"
	b, err := r.box()
	switch {
	case err != nil:
		return Person{}, "", err
	case b.Claimed:
		return Person{}, "", claimed(op)
	case subtle.ConstantTimeCompare([]byte(b.Code), []byte(typed(c.Code))) == 0:
		return Person{}, "", errs.Code(op, errs.Denied, "wrong_code", "this is not the box's claim code")
	}
	if c, err = c.clean(op); err != nil {
		return Person{}, "", err
	}
	hash, err := r.pins.hash(ctx, c.PIN)
	if err != nil {
		return Person{}, "", err
	}
	s := storedStaff{Staff: Staff{ID: newID("t_"), Name: c.Name, Admin: true}, Hash: hash}
	var token string
	err = r.update(op, func(tx *bbolt.Tx) error {
		b, err := records.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil {
			return err
		}
		if b.Claimed { // two people at once: the first has it
			return claimed(op)
		}
		b.Name, b.Given, b.Lang, b.Claimed, b.Code = c.Box, "", c.Lang, true, ""
		if err := records.Put(tx, bucketMeta, keyBox, b); err != nil {
			return err
		}
		if known, ok := r.named(tx, s.Name); ok {
			s.ID = known.ID // claimed anew: who was here before gets this PIN
		}
		if err := records.Put(tx, bucketStaff, s.ID, s); err != nil {
			return err
		}
		token, err = r.signIn(tx, s.Staff)
		return err
	})
	return s.person(), token, err
}

// Unclaim takes the claim back and makes a new code: whoever stands before the box and reads
// it becomes an admin. Nothing else changes: teachers, classes and lessons stay, and so do
// those who are signed in. A box that is not claimed keeps its code.
func (r *Roster) Unclaim(context.Context) error {
	const op = "roster.Unclaim"
	return r.update(op, func(tx *bbolt.Tx) error {
		b, err := records.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil || !b.Claimed {
			return err
		}
		b.Claimed, b.Code = false, newClaimCode()
		return records.Put(tx, bucketMeta, keyBox, b)
	})
}

func claimed(op string) error {
	return errs.Code(op, errs.Stale, "claimed", "the box is claimed already")
}

// typed is a claim code as people type it: in small letters, with a dash or spaces.
func typed(code string) string {
	code = code[:min(len(code), 64)]
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(digits(code)))
}

func (c Claimant) clean(op string) (Claimant, error) {
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
		return c, errs.Field(op, "lang", "bad_lang", 0, `must be a language tag such as "en" or "pt-BR"`)
	}
	return c, nil
}

// isLang tells a BCP 47 tag of a language with at most one more part.
func isLang(s string) bool {
	lang, more, has := strings.Cut(s, "-")
	return between(lang, 2, 3) && (!has || between(more, 2, 8))
}

func between(s string, least, most int) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
