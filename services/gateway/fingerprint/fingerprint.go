// Package fingerprint spells the key of the box's certificate authority in four words. People
// compare the words on the display, the card or the label of their box with those on its page.
//
// The words are of the EFF's short list 2 (CC BY 3.0 US): 1,296 words, so four are 41 bits. A slow
// hash adds the work of 17 bits for somebody who looks for a key with the same words. The words
// alone do not stop a machine that shows a copy of the page: the SHA-256 of the certificate, which a browser
// shows, does.
package fingerprint

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"
)

const (
	words    = 4
	listSize = 1296    // 6^4
	rounds   = 1 << 17 // of the hash: 40 ms on a PC, once
)

// SpellKey returns the four words of the key of a certificate. They stay the same when the
// certificate is made again with the same key.
func SpellKey(cert *x509.Certificate) (string, error) {
	sum, err := pbkdf2.Key(sha256.New, string(cert.RawSubjectPublicKeyInfo), []byte("LiveLearn Box key in words"), rounds, 8)
	if err != nil {
		return "", err
	}
	list := diceware.WordListEffSmall()
	var out []string
	for n := binary.BigEndian.Uint64(sum); len(out) < words; n /= listSize {
		out = append(out, list.WordAt(diceIndex(int(n%listSize))))
	}
	return strings.Join(out, " "), nil
}

// diceIndex returns the number of a word in the list, which counts with dice from 1111 to 6666.
func diceIndex(n int) (index int) {
	for place := 1; place <= 1000; place *= 10 {
		index += (n%6 + 1) * place
		n /= 6
	}
	return index
}

// FormatSHA256 returns the SHA-256 of a certificate as browsers write it: pairs of digits.
func FormatSHA256(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	pairs := make([]string, 0, len(sum))
	for i := 0; i < len(digits); i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return strings.Join(pairs, ":")
}
