package roster

import (
	"context"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/livelearn/box/services/errs"
)

// pins makes and checks the hashes of PINs, a few at a time: each takes 19 MiB, which
// is most of what a small board has to spare.
type pins struct {
	slots chan struct{}
}

func newPINs(n int) pins { return pins{make(chan struct{}, n)} }

// strength is OWASP's second choice for argon2id (19 MiB, two passes): memory is what
// the board is short of.
func strength() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// nobody is the hash that the PIN of an unknown name is checked against, so that both
// answers take the same time. No PIN has it: its key is all zeros.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func (p pins) hash(ctx context.Context, pin string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.exit()
	hash, err := argon2id.CreateHash(pin, strength())
	if err != nil {
		return "", errs.New("roster.hash", errs.Internal, err)
	}
	return hash, nil
}

func (p pins) check(ctx context.Context, pin, hash string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.exit()
	ok, err := argon2id.ComparePasswordAndHash(pin, hash)
	if err != nil {
		return false, errs.New("roster.check", errs.Corrupt, err)
	}
	return ok, nil
}

func (p pins) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errs.New("roster.PIN", errs.Busy, context.Cause(ctx))
	}
}

func (p pins) exit() { <-p.slots }

// cleanPIN checks the length of a PIN and makes its digits ASCII. Whoever can copy the
// card can try short PINs at leisure, hence six.
func cleanPIN(op, field, pin string) (string, error) {
	switch n := utf8.RuneCountInString(pin); {
	case !utf8.ValidString(pin):
		return "", errs.Field(op, field, "bad_text", 0, "not valid UTF-8")
	case n < MinPIN:
		return "", errs.Field(op, field, "too_short", MinPIN, "at least %d characters", MinPIN)
	case n > MaxPIN:
		return "", errs.Field(op, field, "too_long", MaxPIN, "at most %d characters", MaxPIN)
	}
	return digits(pin), nil
}
