package provision

import (
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

func TestClaimCodes(t *testing.T) {
	for code, want := range map[string]string{
		"": "", "K7FP2M9X": "", "k7fp-2m9x-q4td": "", "K7FP 2M9X": "", "HJKMPXRT": "", strings.Repeat("K7FP2M9X", 4): "",
		"K7FP2M9": "bad_code", strings.Repeat("K7FP2M9X", 4) + "Q": "bad_code", "- - - - -": "bad_code", "K7FP2M9é": "bad_code", "K7FP_2M9X": "bad_code",
		"K7FP2M9\n": "bad_code", "K7FP2M9X\x00": "bad_code",
		"12345678": "weak", "87654321": "weak", "19871004": "weak", "AAAAAAAA": "weak", "ABABABAB": "weak", "ABCDEFGH": "weak", "ABCD1234": "weak", "A1A1A1A1": "weak",
		"password": "weak", "PASSWORD7": "weak", "livelearn": "weak", "Live-Learn-7": "weak", "QWERTY12": "weak", "abc-12345": "weak", "CLAIMCODE": "weak",
	} {
		err := Box{ClaimCode: Secret(code)}.Validate()
		if got := errs.BodyOf(err); err == nil && want != "" || err != nil && (got.Code != want || got.Field != "box.claim_code") {
			t.Errorf("%q: got %v, want %q", code, err, want)
		}
		if err != nil && code != "" && strings.Contains(err.Error(), code) {
			t.Errorf("the code is in the error: %v", err)
		}
	}
}
