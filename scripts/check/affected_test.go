package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAFastRunHasWhatAChangeAffects(t *testing.T) {
	list := []goPackage{
		{ImportPath: "m/low", Dir: "/m/low"},
		{ImportPath: "m/mid", Dir: "/m/mid", Imports: []string{"m/low"}},
		{ImportPath: "m/top", Dir: "/m/top", Imports: []string{"fmt", "m/mid"}},
		{ImportPath: "m/rig", Dir: "/m/rig", XTestImports: []string{"m/mid"}},
		{ImportPath: "m/user", Dir: "/m/user", Imports: []string{"m/rig"}},
		{ImportPath: "m/ui", Dir: "/m/ui"},
		{ImportPath: "m/page", Dir: "/m/page", Imports: []string{"m/ui"}},
	}
	for files, want := range map[string]struct {
		changed, all string
		own          int
	}{
		"low/low.go":                 {"m/low", "m/low m/mid m/top m/rig", 1},
		"mid/a.go":                   {"m/mid", "m/mid m/top m/rig", 1},
		"mid/a_test.go":              {"m/mid", "m/mid", 1},
		"mid/testdata/deep/x":        {"", "m/mid", 1},
		"mid/testdata/x mid/page.md": {"", "m/mid m/top m/rig", 1}, // a file that may be embedded
		"top/a.go mid/a.go":          {"m/top m/mid", "m/mid m/top m/rig", 2},
		"ui/src/pages/join.tsx":      {"", "m/ui", 1},
		"ui/dist/index.html":         {"", "m/ui m/page", 1},
		"README.md .github/x.md":     {"", "", 0},
		"a.md go.mod low/a_test.go":  {"m/low", "m/low m/mid m/top m/rig m/user m/ui m/page", 1},
		"low/a_test.go go.mod":       {"m/low", "m/low m/mid m/top m/rig m/user m/ui m/page", 1},
		"go.sum":                     {"", "m/low m/mid m/top m/rig m/user m/ui m/page", 0},
	} {
		got := affectedBy(strings.Fields(files), "/m", list)
		if changed, all := strings.Join(got.changed, " "), strings.Join(got.all, " "); changed != want.changed || all != want.all || got.own != want.own {
			t.Errorf("%s: changed %q of %q, %d first, want %+v", files, changed, all, got.own, want)
		}
	}
}

func TestAFastRunOfThisCheckoutHasThePackagesOfGit(t *testing.T) {
	t.Chdir("../..")
	got, err := findAffected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range got.changed {
		if !slices.Contains(got.all, p) {
			t.Errorf("%s has changed and is not among %q", p, got.all)
		}
	}
}
