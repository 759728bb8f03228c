// Package identity gives a machine its own name and its own secrets. They are made on the first
// start. They are not in an image, and two machines never share them.
package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/livelearn/box/hal/atomicfile"
)

// The words of names. They are easy to say, to spell and to tell apart, and every pair is
// friendly. A class reads them, so words that pupils would laugh at are left out.
var (
	adjectives = strings.Fields(`amber azure bold brave bright calm clear clever coral cosy crisp curious eager early
		fair fast fine fond free fresh gentle glad golden good grand green happy honest humble ivory jolly keen
		kind light little lively lucky mellow merry mild misty neat nimble noble olive open pearl plain polite
		proud quick quiet ready rosy royal silver simple smart snowy soft solid spring steady still strong
		summer sunny super sweet swift tidy tiny trusty vivid warm wavy wise witty young zesty`)
	nouns = strings.Fields(`acorn apple aspen badger berry birch bison brook canyon cedar cloud clover comet coral
		crane daisy delta dune eagle falcon fern finch forest fox garden ginkgo glade grove
		harbor hazel heather heron hill island jasmine juniper kite koala lagoon lake lark lemon
		lily linden lotus lynx maple marlin meadow moon moose mountain oak ocean olive orchid
		otter owl panda pebble pine planet plover plum pond poppy prairie puffin quail quartz
		raven reef river robin rose sage sparrow star stone stream sun thistle tiger tulip
		valley violet walnut willow wren`)
)

// NameFor returns the name of the machine with a serial number or another unique text: two words
// and four digits, such as "amber-otter-4821". There are 71 million names. Among 1,000 boxes two
// share a name with a probability of 0.7 %.
func NameFor(own string) string {
	sum := sha256.Sum256([]byte("livelearn box name\x00" + own))
	n := binary.BigEndian.Uint64(sum[:])
	a, b := n%uint64(len(adjectives)), n/1000%uint64(len(nouns))
	return fmt.Sprintf("%s-%s-%04d", adjectives[a], nouns[b], n/1_000_000%10_000)
}

// Secrets are the secrets of one machine. Formatting and marshalling hide them.
type Secrets struct {
	Machine    string // 32 hexadecimal digits, as machine-id(5)
	Passphrase string // of the machine's own Wi-Fi: "k7fp-2m9x-q4td"
}

// Format implements fmt.Formatter. It keeps secrets out of logs and errors.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(not shown)") }

// MarshalText implements encoding.TextMarshaler, for JSON and log/slog.
func (Secrets) MarshalText() ([]byte, error) { return []byte("(not shown)"), nil }

const (
	machineFile    = "machine-id"
	passphraseFile = "wifi-passphrase"
)

var (
	machinePattern    = regexp.MustCompile(`^[0-9a-f]{32}$`)
	passphrasePattern = regexp.MustCompile(`^[!-~]{8,63}$`)
)

// LoadSecrets reads the secrets in a folder, and makes the missing ones.
func LoadSecrets(dir string) (Secrets, error) {
	id := make([]byte, 16)
	rand.Read(id)
	machine, err := loadOrCreate(filepath.Join(dir, machineFile), machinePattern, hex.EncodeToString(id))
	if err != nil {
		return Secrets{}, err
	}
	passphrase, err := loadOrCreate(filepath.Join(dir, passphraseFile), passphrasePattern, newPassphrase())
	return Secrets{machine, passphrase}, err
}

// passphraseAlphabet has characters that look different in any font and are on any keyboard. It
// has no vowels, so passphrases contain no words.
const passphraseAlphabet = "bcdfghjkmnpqrtvwxz23456789"

// newPassphrase returns three groups of four characters, 56 bits. An attacker who records a
// phone that joins can guess offline, some million times a second on a good graphics card. That
// takes centuries.
func newPassphrase() string {
	var b strings.Builder
	for i := range 12 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(passphraseAlphabet)))) // never fails since Go 1.24
		b.WriteByte(passphraseAlphabet[n.Int64()])
	}
	return b.String()
}

// loadOrCreate returns the content of a file. It writes fresh to a missing or damaged file.
func loadOrCreate(name string, form *regexp.Regexp, fresh string) (string, error) {
	data, err := os.ReadFile(name)
	if text := strings.TrimSpace(string(data)); err == nil && form.MatchString(text) {
		return text, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	// A person may write the passphrase down at once: it must be the same after a power cut.
	err = atomicfile.Write(name, 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, fresh)
		return err
	})
	if err != nil {
		return "", err
	}
	return fresh, nil
}
