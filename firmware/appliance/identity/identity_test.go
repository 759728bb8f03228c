package identity

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var namePattern = regexp.MustCompile(`^[a-z]+-[a-z]+-[0-9]{4}$`)

func TestNamesAreTheirOwn(t *testing.T) {
	if again := NameFor("serial"); again != NameFor("serial") {
		t.Error("the name changes")
	}
	seen := map[string]bool{}
	same := 0
	const boxes = 20_000
	for i := range boxes {
		n := NameFor("10000000" + strconv.Itoa(i))
		if !namePattern.MatchString(n) || len(n) > 32 {
			t.Fatalf("%q", n)
		}
		if seen[n] {
			same++
		}
		seen[n] = true
	}
	// Expected collisions: boxes^2/2 pairs among all names.
	all := float64(len(adjectives) * len(nouns) * 10_000)
	want := boxes * boxes / 2 / all
	if limit := want + 5*math.Sqrt(want) + 1; float64(same) > limit {
		t.Errorf("%d names are duplicates, expected are %.1f", same, want)
	}
	if p := 1 - math.Exp(-1000*1000/2/all); p > 0.01 {
		t.Errorf("among 1,000 boxes two share a name with a probability of %.2f %%", 100*p)
	} else {
		t.Logf("%.0f names; among 1,000 boxes two share one with a probability of %.2f %%", all, 100*p)
	}
}

func TestWordsAreThereOnce(t *testing.T) {
	for _, list := range [][]string{adjectives, nouns} {
		seen := map[string]bool{}
		for _, w := range list {
			if seen[w] || len(w) > 9 {
				t.Errorf("%q", w)
			}
			seen[w] = true
		}
	}
	for w := range strings.FieldsSeq("white black beaver cherry melon peach swallow hot wet") {
		if slices.Contains(adjectives, w) || slices.Contains(nouns, w) {
			t.Errorf("%s: a class would laugh, or worse", w)
		}
	}
}

func TestSecretsAreMadeOnce(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	x, err := LoadSecrets(a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := LoadSecrets(a); err != nil || again != x {
		t.Errorf("%+v %v", again, err)
	}
	y, err := LoadSecrets(b)
	if err != nil || y.Machine == x.Machine || y.Passphrase == x.Passphrase {
		t.Errorf("two machines share secrets, %v", err)
	}
	for _, f := range []string{machineFile, passphraseFile} {
		info, err := os.Stat(filepath.Join(a, f))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	// The disk lost the content of a file.
	for _, damaged := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00", "short", "two words are not of ours"} {
		if err := os.WriteFile(filepath.Join(a, passphraseFile), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if z, err := LoadSecrets(a); err != nil || !phrasePattern.MatchString(z.Passphrase) || z.Machine != x.Machine {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	if _, err := LoadSecrets(filepath.Join(a, "none")); err == nil {
		t.Error("secrets that cannot be kept are given out")
	}
}

var phrasePattern = regexp.MustCompile(`^([bcdfghjkmnpqrtvwxz2-9]{4}-){2}[bcdfghjkmnpqrtvwxz2-9]{4}$`)

func TestPassphrasesAreHardToGuessAndEasyToRead(t *testing.T) {
	count := map[rune]int{}
	const n = 10_000
	for range n {
		p := newPassphrase()
		if !phrasePattern.MatchString(p) { // WPA2: 8 to 63 characters
			t.Fatal("another form")
		}
		for _, r := range p {
			count[r]++
		}
	}
	if bits := 12 * math.Log2(float64(len(passphraseAlphabet))); bits < 56 {
		t.Errorf("%.0f bits", bits)
	}
	for _, r := range passphraseAlphabet {
		want := 12 * n / float64(len(passphraseAlphabet))
		if d := float64(count[r]) - want; math.Abs(d) > 6*math.Sqrt(want) {
			t.Errorf("%c occurs %d times, expected are %.0f", r, count[r], want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s, err := LoadSecrets(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%v %+v %#v %x %s %v", s, s, s, s, &s, struct{ S Secrets }{s})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "p", &s)
	for _, bad := range []string{s.Machine, s.Passphrase, fmt.Sprintf("%x", s.Passphrase)} {
		if strings.Contains(out.String(), bad) {
			t.Error(out.String())
		}
	}
}
