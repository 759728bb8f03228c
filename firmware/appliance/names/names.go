// Package names gives a machine a name of its own and secrets of its own, made on its first
// start: none is in an image, and no two machines share one.
package names

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
)

// Words that are easy to say, to spell and to tell apart, and that mean well in any pair. A
// class reads them: what pupils laugh about is left out.
var (
	first = strings.Fields(`amber azure bold brave bright calm clear clever coral cosy crisp curious eager early
		fair fast fine fond free fresh gentle glad golden good grand green happy honest humble ivory jolly keen
		kind light little lively lucky mellow merry mild misty neat nimble noble olive open pearl plain polite
		proud quick quiet ready rosy royal silver simple smart snowy soft solid spring steady still strong
		summer sunny super sweet swift tidy tiny trusty vivid warm wavy wise witty young zesty`)
	second = strings.Fields(`acorn apple aspen badger berry birch bison brook canyon cedar cloud clover comet coral
		crane daisy delta dune eagle falcon fern finch forest fox garden ginkgo glade grove
		harbor hazel heather heron hill island jasmine juniper kite koala lagoon lake lark lemon
		lily linden lotus lynx maple marlin meadow moon moose mountain oak ocean olive orchid
		otter owl panda pebble pine planet plover plum pond poppy prairie puffin quail quartz
		raven reef river robin rose sage sparrow star stone stream sun thistle tiger tulip
		valley violet walnut willow wren`)
)

// Name is the name of the machine with a serial number, or whatever else is its own: two words
// and four digits, "amber-otter-4821". There are 71 million, so among 1,000 boxes two share a
// name with a probability of 0.7 %.
func Name(own string) string {
	sum := sha256.Sum256([]byte("livelearn box name\x00" + own))
	n := binary.BigEndian.Uint64(sum[:])
	a, b := n%uint64(len(first)), n/1000%uint64(len(second))
	return fmt.Sprintf("%s-%s-%04d", first[a], second[b], n/1_000_000%10_000)
}

// Secrets are a machine's own. They are shown in no way but by their fields.
type Secrets struct {
	Machine    string // 32 hexadecimal digits, as machine-id(5)
	Passphrase string // of the Wi-Fi that it makes: "k7fp-2m9x-q4td"
}

// Format implements fmt.Formatter: secrets are in no log and no error.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(not shown)") }

// MarshalText implements encoding.TextMarshaler, for JSON and log/slog.
func (Secrets) MarshalText() ([]byte, error) { return []byte("(not shown)"), nil }

const (
	machineFile    = "machine-id"
	passphraseFile = "wifi-passphrase"
)

var (
	machineForm    = regexp.MustCompile(`^[0-9a-f]{32}$`)
	passphraseForm = regexp.MustCompile(`^[!-~]{8,63}$`)
)

// Own reads the secrets in a folder, and makes those that are not there yet.
func Own(dir string) (Secrets, error) {
	id := make([]byte, 16)
	rand.Read(id) //nolint:errcheck // never fails since Go 1.24
	machine, err := keep(filepath.Join(dir, machineFile), machineForm, hex.EncodeToString(id))
	if err != nil {
		return Secrets{}, err
	}
	passphrase, err := keep(filepath.Join(dir, passphraseFile), passphraseForm, phrase())
	return Secrets{machine, passphrase}, err
}

// signs are easy to tell apart in any type and to find on any keyboard. Without vowels there
// are no words.
const signs = "bcdfghjkmnpqrtvwxz23456789"

// phrase is three groups of four signs, 56 bits. Who overhears a phone that joins can guess
// without the box, some million times a second on a good graphics card: for centuries.
func phrase() string {
	var b strings.Builder
	for i := range 12 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(signs)))) // never fails since Go 1.24
		b.WriteByte(signs[n.Int64()])
	}
	return b.String()
}

// keep is what a file holds; one that is not there, or is damaged, is made.
func keep(name string, form *regexp.Regexp, fresh string) (string, error) {
	data, err := os.ReadFile(name)
	if text := strings.TrimSpace(string(data)); err == nil && form.MatchString(text) {
		return text, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintln(f, fresh)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return "", err
	}
	// Somebody may write the passphrase down at once: it must be the same after a power cut.
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return "", err
	}
	return fresh, errors.Join(dir.Sync(), dir.Close())
}
