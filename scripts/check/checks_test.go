package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDownloadsAreNoFindings runs the format check with a go command that downloads first,
// as that of a fresh machine does.
func TestDownloadsAreNoFindings(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		passes bool
	}{
		"nothing to say":              {"", true},
		"a download":                  {"echo 'go: downloading mvdan.cc/gofumpt v0.12.0' >&2", true},
		"a finding":                   {"echo bad.go", false},
		"a download and a finding":    {"echo 'go: downloading x v1.0.0' >&2; echo bad.go", false},
		"a tool that cannot be built": {"echo 'go: no such tool' >&2; exit 1", false},
	} {
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
		t.Chdir(t.TempDir())
		var r runner
		if format(t.Context(), &r); (r.failed == 0) != c.passes {
			t.Errorf("%s: got %s", name, &r)
		}
	}
}

func TestTurnsAreDrawn(t *testing.T) {
	if n := turn(t.Context(), 1); n != 0 {
		t.Errorf("got %d of one", n)
	}
	first := turn(t.Context(), 8)
	if first < 0 || first > 7 || turn(t.Context(), 8) != first {
		t.Errorf("got %d and %d of eight", first, turn(t.Context(), 8))
	}
	t.Chdir(t.TempDir()) // no project, no commits
	if n := turn(t.Context(), 8); n != 0 {
		t.Errorf("got %d without git", n)
	}
}

func TestModesChooseTheirSteps(t *testing.T) {
	all := len(checks())
	for mode, want := range map[string]func(int) bool{
		"full": func(n int) bool { return n == all },
		"fast": func(n int) bool { return n > 3 && n < all },
		"fuzz": func(n int) bool { return n == 1 },
		"fuzy": func(n int) bool { return n == 0 },
	} {
		if n := len(chosen(mode)); !want(n) {
			t.Errorf("%s: %d steps", mode, n)
		}
	}
}
