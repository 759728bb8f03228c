package names

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var form = regexp.MustCompile(`^[a-z]+-[a-z]+-[0-9]{4}$`)

func TestNamesAreTheirOwn(t *testing.T) {
	if Name("serial") != Name("serial") {
		t.Error("the name changes")
	}
	seen := map[string]bool{}
	same := 0
	const boxes = 20_000
	for i := range boxes {
		n := Name("10000000" + strconv.Itoa(i))
		if !form.MatchString(n) || len(n) > 32 {
			t.Fatalf("%q", n)
		}
		if seen[n] {
			same++
		}
		seen[n] = true
	}
	// Pairs that collide, by chance: boxes^2/2 among all names.
	all := float64(len(first) * len(second) * 10_000)
	want := boxes * boxes / 2 / all
	if limit := want + 5*math.Sqrt(want) + 1; float64(same) > limit {
		t.Errorf("%d names are there twice, by chance it is %.1f", same, want)
	}
	if p := 1 - math.Exp(-1000*1000/2/all); p > 0.01 {
		t.Errorf("among 1,000 boxes two share a name with a probability of %.2f %%", 100*p)
	} else {
		t.Logf("%.0f names; among 1,000 boxes two share one with a probability of %.2f %%", all, 100*p)
	}
}

func TestWordsAreThereOnce(t *testing.T) {
	for _, list := range [][]string{first, second} {
		seen := map[string]bool{}
		for _, w := range list {
			if seen[w] || len(w) > 9 {
				t.Errorf("%q", w)
			}
			seen[w] = true
		}
	}
}

func TestSecretsAreMadeOnce(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	x, err := Own(a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Own(a); err != nil || again != x {
		t.Errorf("%+v %v", again, err)
	}
	y, err := Own(b)
	if err != nil || y.Machine == x.Machine || y.Passphrase == x.Passphrase {
		t.Errorf("two machines share secrets, %v", err)
	}
	if len(x.Machine) != 32 || len(x.Passphrase) < 16 || len(x.Passphrase) > 63 { // WPA2: 8 to 63
		t.Errorf("%d and %d characters", len(x.Machine), len(x.Passphrase))
	}
	for _, f := range []string{machineFile, passphraseFile} {
		info, err := os.Stat(filepath.Join(a, f))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	// A cut before the file had its content.
	if err := os.WriteFile(filepath.Join(a, passphraseFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if z, err := Own(a); err != nil || z.Passphrase == "" || z.Machine != x.Machine {
		t.Errorf("%+v %v", z, err)
	}
}
