package main

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDownloadsAreNoFindings runs the format check with a go command that downloads first, as it
// does on a fresh machine.
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
		if checkFormat(t.Context(), &r); (r.failed == 0) != c.passes {
			t.Errorf("%s: got %s", name, &r)
		}
	}
}

func TestTurnsAreDrawn(t *testing.T) {
	if n := drawTurn(t.Context(), 1); n != 0 {
		t.Errorf("got %d of one", n)
	}
	first := drawTurn(t.Context(), 8)
	if first < 0 || first > 7 || drawTurn(t.Context(), 8) != first {
		t.Errorf("got %d and %d of eight", first, drawTurn(t.Context(), 8))
	}
	t.Chdir(t.TempDir()) // no project, no commits
	if n := drawTurn(t.Context(), 8); n != 0 {
		t.Errorf("got %d without git", n)
	}
}

func TestChecksThatRunTogetherAreAllCounted(t *testing.T) {
	meet := make(chan struct{})
	r := runner{tally: tally{passed: 1}}
	r.runTogether(t.Context(), []check{
		{name: "a", run: func(_ context.Context, r *runner) { meet <- struct{}{}; r.passed++ }},
		{name: "b", run: func(_ context.Context, r *runner) { <-meet; r.addFailure("b"); r.addSkip("c", "no reason") }},
	})
	if r.String() != "2 passed, 1 failed, 1 skipped" || !slices.Equal(r.failures, []string{"b"}) || len(r.skips) != 1 {
		t.Errorf("got %s, %q, %q", &r, r.failures, r.skips)
	}
}

func TestEachTurnComesOnce(t *testing.T) {
	list := []string{"a", "b", "c", "d", "e"}
	var all []string
	for turn := range 3 {
		all = append(all, takeTurn(list, turn, 3)...)
	}
	if want := []string{"a", "d", "b", "e", "c"}; !slices.Equal(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
	if got := takeTurn(list[:1], 2, 3); len(got) > 0 {
		t.Errorf("got %v of a short list", got)
	}
}

func TestModesChooseTheirSteps(t *testing.T) {
	all := len(listChecks())
	for mode, want := range map[string]func(int) bool{
		"full": func(n int) bool { return n == all },
		"fast": func(n int) bool { return n > 3 && n < all },
		"fuzz": func(n int) bool { return n == 1 },
		"fuzy": func(n int) bool { return n == 0 },
	} {
		if n := len(chooseChecks(mode)); !want(n) {
			t.Errorf("%s: %d steps", mode, n)
		}
	}
}

func TestOtherPackagesAreAllButThePages(t *testing.T) {
	t.Chdir("../..")
	list, err := otherPackages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := slices.IndexFunc(list, func(p string) bool { return strings.HasSuffix(p, "/scripts/check") })
	if own < len(longPackages) || !strings.HasSuffix(list[0], "/"+longPackages[0]) || slices.ContainsFunc(list, func(p string) bool { return strings.HasSuffix(p, "/"+pageTests) }) {
		t.Errorf("got %q", list)
	}
}

func TestEachPackageIsTestedOnce(t *testing.T) {
	t.Chdir("../..")
	list, err := otherPackages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raced, plain := splitByRace(list)
	if len(plain) != len(plainPackages) {
		t.Errorf("%q are tested without the race detector, want %q", plain, plainPackages)
	}
	if got := slices.Sorted(slices.Values(slices.Concat(raced, plain))); !slices.Equal(got, slices.Sorted(slices.Values(list))) {
		t.Errorf("got %q, want each of %q once", got, list)
	}
	if !strings.HasSuffix(plain[0], "/"+longPackages[0]) {
		t.Errorf("the first one is %s, want the longest", plain[0])
	}
}

// TestPackagesWithoutADetectorStartNoGoroutine reads the files of singlePackages, tests included.
func TestPackagesWithoutADetectorStartNoGoroutine(t *testing.T) {
	for _, path := range singlePackages {
		files, err := filepath.Glob(filepath.Join("../..", path, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no files: %v", path, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range findConcurrency(t, name, text) {
				t.Errorf("%s: %s; take the package out of singlePackages", name, found)
			}
		}
	}
	for _, text := range []string{
		`package p; func f() { go f() }`,
		`package p; import "testing"; func TestA(t *testing.T) { t.Parallel() }`,
		`package p; import "sync"; var w sync.WaitGroup; func f() { w.Go(f) }`,
		`package p; import "sync"; var mu sync.Mutex`,
		`package p; import "time"; func f() { time.AfterFunc(1, f) }`,
		`package p; import "net/http/httptest"; var s = httptest.NewServer(nil)`,
	} {
		if len(findConcurrency(t, "p.go", []byte(text))) == 0 {
			t.Errorf("nothing is found in %s", text)
		}
	}
}

// findConcurrency returns the signs of concurrency in a file: imports, go statements and calls.
func findConcurrency(t *testing.T, name string, text []byte) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, imported := range file.Imports {
		path := strings.Trim(imported.Path.Value, `"`)
		if slices.ContainsFunc([]string{"sync/atomic", "testing/synctest", "net/http", "net/http/httptest", "/services/supervise", "/firmware/boxtest"}, func(p string) bool {
			return path == p || p[0] == '/' && strings.HasSuffix(path, p)
		}) {
			found = append(found, "it imports "+path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.GoStmt:
			found = append(found, "it starts a goroutine")
		case *ast.SelectorExpr:
			if slices.Contains([]string{"Go", "Parallel", "AfterFunc", "RunParallel"}, x.Sel.Name) {
				found = append(found, "it calls "+x.Sel.Name)
			}
			if of, ok := x.X.(*ast.Ident); ok && of.Name == "sync" && !strings.HasPrefix(x.Sel.Name, "OnceValue") {
				found = append(found, "it uses sync."+x.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestASnapshotOfTheDatabaseSaysItsDate(t *testing.T) {
	at, ok := dateOfSnapshot(vulndbVersions[len(vulndbVersions)-1])
	if !ok || at.Format(time.DateOnly) != "2026-11-05" {
		t.Errorf("got %v, %v", at, ok)
	}
	for _, version := range []string{"", "latest", "v1.2.3", "v0.0.0-2026-abc"} {
		if at, ok := dateOfSnapshot(version); ok {
			t.Errorf("%q: got %v", version, at)
		}
	}
}
