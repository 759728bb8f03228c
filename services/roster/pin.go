package roster

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/livelearn/box/services/errs"
)

// pinHasher makes and checks the hashes of PINs, a few at a time. Each takes 19 MiB, which is
// most of the free memory of a small board.
type pinHasher struct {
	slots chan struct{}
}

func newPINHasher(n int) pinHasher { return pinHasher{make(chan struct{}, n)} }

// hashParams are OWASP's second choice for argon2id (19 MiB, two passes), since the board is
// short of memory.
func hashParams() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// unknownUserHash is the hash for the PIN of an unknown name, so that both answers take the same
// time. No PIN has it: its key is all zeros.
const unknownUserHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func (p pinHasher) hashPIN(ctx context.Context, pin string) (string, error) {
	if err := p.acquireSlot(ctx); err != nil {
		return "", err
	}
	defer p.releaseSlot()
	hash, err := argon2id.CreateHash(pin, hashParams())
	if err != nil {
		return "", errs.New("roster.hash", errs.Internal, err)
	}
	return hash, nil
}

func (p pinHasher) checkPIN(ctx context.Context, pin, hash string) (bool, error) {
	if err := p.acquireSlot(ctx); err != nil {
		return false, err
	}
	defer p.releaseSlot()
	ok, err := argon2id.ComparePasswordAndHash(pin, hash)
	if err != nil {
		return false, errs.New("roster.check", errs.Corrupt, err)
	}
	return ok, nil
}

func (p pinHasher) acquireSlot(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errs.New("roster.PIN", errs.Busy, context.Cause(ctx))
	}
}

func (p pinHasher) releaseSlot() { <-p.slots }

// cleanPIN checks a new PIN and makes its digits ASCII. An attacker with a copy of the
// card can try short PINs at leisure, hence six.
func cleanPIN(op, field, pin string) (string, error) {
	switch n := utf8.RuneCountInString(pin); {
	case !utf8.ValidString(pin):
		return "", errs.NewField(op, field, "bad_text", 0, "not valid UTF-8")
	case n < MinPIN:
		return "", errs.NewField(op, field, "too_short", MinPIN, "at least %d characters", MinPIN)
	case n > MaxPIN:
		return "", errs.NewField(op, field, "too_long", MaxPIN, "at most %d characters", MaxPIN)
	}
	pin = toASCIIDigits(pin)
	if isEasy(pin) {
		return "", errs.NewField(op, field, "easy_pin", 0, "easy to guess: not a row such as 123456, one repeated, or a usual word")
	}
	return pin, nil
}

// NewPIN returns six random digits that are not easy to guess.
func NewPIN() string {
	for {
		if pin := randomDigits(); !isEasy(pin) {
			return pin
		}
	}
}

// randomDigits returns as many digits as a PIN needs, each equally likely.
func randomDigits() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000)) // never fails since Go 1.24
	return fmt.Sprintf("%0*d", MinPIN, n)
}

// usualPINs are what people choose first. Pupils try these.
var usualPINs = []string{"password", "passwort", "passw0rd", "password1", "qwerty", "qwertz", "azerty", "teacher", "letmein", "livelearn", "abc123", "147258", "159753"}

// isEasy reports whether a pupil guesses the PIN in a few tries: a usual word, a part that is
// repeated (000000, 121212, 123123), or a row up or down (123456, 987654, 112233, abcdef).
func isEasy(pin string) bool {
	runes := []rune(strings.ToLower(pin))
	if slices.Contains(usualPINs, string(runes)) {
		return true
	}
	for n := 1; n <= len(runes)/2; n++ {
		if isRepeated(runes, n) {
			return true
		}
	}
	row := slices.Compact(runes)
	return isRow(row, 1) || isRow(row, -1)
}

// isRepeated reports whether the first n characters are repeated to the end.
func isRepeated(runes []rune, n int) bool {
	for i := n; i < len(runes); i++ {
		if runes[i] != runes[i-n] {
			return false
		}
	}
	return true
}

// isRow reports whether each character is by one step after the last. A 0 follows a 9.
func isRow(runes []rune, step rune) bool {
	for i := 1; i < len(runes); i++ {
		a, b := runes[i-1], runes[i]
		around := step == 1 && a == '9' && b == '0' || step == -1 && a == '0' && b == '9'
		if b-a != step && !around {
			return false
		}
	}
	return true
}
