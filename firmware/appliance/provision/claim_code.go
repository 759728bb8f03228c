package provision

import (
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Bounds of a claim code, in letters and digits. The box makes codes of the minimum length.
const (
	minCodeLength = 8
	maxCodeLength = 32
	minDistinct   = 5 // different characters
)

// commonWords are the words that people try and choose first.
var commonWords = []string{"PASSWORD", "PASSWORT", "LIVELEARN", "QWERTY", "QWERTZ", "AZERTY", "SCHOOL", "CLAIM", "LETMEIN", "ADMIN"}

// checkClaimCode refuses a claim code that is easy to guess or cannot be typed. Errors do not
// contain the code.
func (b Box) checkClaimCode() error {
	code := strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(b.ClaimCode.Reveal()))
	odd := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
	switch {
	case b.ClaimCode == "":
		return nil
	case strings.ContainsFunc(code, odd):
		return errs.NewField("", "box.claim_code", "bad_code", 0, "must have letters from A to Z and digits; spaces and dashes do not count")
	case len(code) < minCodeLength || len(code) > maxCodeLength:
		return errs.NewField("", "box.claim_code", "bad_code", maxCodeLength, "must have %d to %d letters and digits", minCodeLength, maxCodeLength)
	case isWeakCode(code):
		return errs.NewField("", "box.claim_code", "weak", 0, `is too easy to guess: it must have letters, at least %d different characters, no row such as "1234" and no common word`, minDistinct)
	}
	return nil
}

// isWeakCode reports whether a code is easy to guess: digits only, few different characters, rows of
// neighbours ("ABCD1234") or a common word. In a good code at most half of the characters are
// neighbours of the one before.
func isWeakCode(code string) bool {
	different, rows, letters := map[byte]bool{}, 0, false
	for i := range len(code) {
		different[code[i]] = true
		letters = letters || code[i] >= 'A'
		if i > 0 {
			if step := int(code[i]) - int(code[i-1]); step >= -1 && step <= 1 {
				rows++
			}
		}
	}
	for _, word := range commonWords {
		if strings.Contains(code, word) {
			return true
		}
	}
	return !letters || len(different) < minDistinct || rows > len(code)/2
}
