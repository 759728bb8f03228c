package fingerprint

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/sethvargo/go-diceware/diceware"
)

// The words of a key are on labels and in heads, so they never change.
func TestTheWordsOfAKeyStay(t *testing.T) {
	got, err := SpellKey(&x509.Certificate{RawSubjectPublicKeyInfo: []byte("a key")})
	if want := "ungloved padlock nextdoor amplifier"; err != nil || got != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	other, err := SpellKey(&x509.Certificate{RawSubjectPublicKeyInfo: []byte("another key")})
	if err != nil || other == got || len(strings.Fields(other)) != words {
		t.Errorf("%q %v", other, err)
	}
}

func TestEachNumberHasAWordOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for n := range listSize {
		seen[diceware.WordListEffSmall().WordAt(diceIndex(n))] = true
	}
	if len(seen) != listSize || seen[""] {
		t.Errorf("%d words", len(seen))
	}
}

func TestTheSHA256IsWrittenAsBrowsersDo(t *testing.T) {
	got := FormatSHA256(&x509.Certificate{Raw: []byte("abc")})
	if want := "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"; got != want {
		t.Errorf("%s", got)
	}
}
