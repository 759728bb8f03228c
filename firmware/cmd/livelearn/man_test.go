package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/install"
)

var writeManual = flag.Bool("update", false, "write the manual page in place of comparing it")

const manualFile = "../../install/livelearn.1"

// makeManual returns what --man prints, in a form that is the same each day and that every troff reads.
func makeManual(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if code := runCommand([]string{"--man"}, environment{out, os.Stderr, t.TempDir()}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`^(\.TH LIVELEARN 1) "[\d-]+"`).ReplaceAllString(string(page), `$1 ""`)
	return strings.TrimRight(strings.ReplaceAll(text, "\u2019", `\(cq`), "\n") + "\n" // of the completion's library
}

// TestTheManualPageIsThatOfTheCommands compares the page that is installed with the definitions.
func TestTheManualPageIsThatOfTheCommands(t *testing.T) {
	page := makeManual(t)
	if *writeManual {
		if err := os.WriteFile(manualFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(install.ManualPage, page); diff != "" {
		t.Errorf("run: go test ./firmware/cmd/livelearn -run ManualPageIs -update\n%s", diff)
	}
}

// TestTheManualPageHasNoFaults formats the page with all warnings of groff. It has every command that
// people use, in ASCII.
func TestTheManualPageHasNoFaults(t *testing.T) {
	for _, want := range []string{"backup <file>", "cloud serve", "doctor", "install", "update make", "Exit codes"} {
		if !strings.Contains(install.ManualPage, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.ContainsFunc(install.ManualPage, func(r rune) bool { return r > '~' }) {
		t.Error("a character is not ASCII")
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff here: sudo apt-get install groff-base")
	}
	format := exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-z", "-Tascii")
	format.Stdin = strings.NewReader(install.ManualPage)
	if out, err := format.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
