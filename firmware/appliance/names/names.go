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
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Words that are easy to say, to spell and to tell apart, and that mean well in any pair.
var (
	first = strings.Fields(`amber azure bold brave bright calm clear clever coral cosy crisp curious eager early
		fair fast fine fond free fresh gentle glad golden good grand green happy honest humble ivory jolly keen
		kind light little lively lucky mellow merry mild misty neat nimble noble olive open pearl plain polite
		proud quick quiet ready rosy royal silver simple smart snowy soft solid spring steady still strong
		summer sunny super sweet swift tidy tiny trusty vivid warm white wise witty young zesty`)
	second = strings.Fields(`acorn apple aspen badger beaver berry birch bison brook canyon cedar cherry cloud
		clover comet coral crane daisy delta dune eagle falcon fern finch forest fox garden glade grove harbor
		hazel heron hill island jasmine kite koala lagoon lake lark lemon lily linden lotus lynx maple meadow
		melon moon moose mountain oak ocean olive orchid otter owl panda peach pebble pine planet plum pond
		poppy prairie puffin quail quartz raven reef river robin rose sage sparrow star stone stream sun
		swallow thistle tiger tulip valley violet walnut willow wren`)
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

// Secrets are a machine's own.
type Secrets struct {
	Machine    string // 32 hexadecimal digits, as machine-id(5)
	Passphrase string // of the Wi-Fi that it makes: four words, easy to type
}

const (
	machineFile    = "machine-id"
	passphraseFile = "wifi-passphrase"
)

// Own reads the secrets in a folder, and makes those that are not there yet.
func Own(dir string) (Secrets, error) {
	id := make([]byte, 16)
	rand.Read(id) //nolint:errcheck // never fails since Go 1.24
	machine, err := keep(filepath.Join(dir, machineFile), hex.EncodeToString(id))
	if err != nil {
		return Secrets{}, err
	}
	passphrase, err := keep(filepath.Join(dir, passphraseFile), phrase())
	return Secrets{machine, passphrase}, err
}

// phrase is four words and four digits, 39 bits: guessing by radio takes longer than a school
// stands.
func phrase() string {
	var b [10]byte
	rand.Read(b[:]) //nolint:errcheck // as above
	word := func(list []string, i int) string {
		return list[int(binary.BigEndian.Uint16(b[2*i:]))%len(list)]
	}
	return fmt.Sprintf("%s-%s-%s-%s-%04d", word(first, 0), word(second, 1), word(first, 2), word(second, 3), binary.BigEndian.Uint16(b[8:])%10_000)
}

// keep is what a file holds; one that is not there, or was cut while it was made, is made.
func keep(name, fresh string) (string, error) {
	data, err := os.ReadFile(name)
	if text := strings.TrimSpace(string(data)); err == nil && text != "" {
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
	return fresh, os.Rename(name+".new", name)
}
