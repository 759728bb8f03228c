package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// fastTests is the time from the start of a fast run after which it begins no further tests.
const fastTests = 80 * time.Second

// storyPackages have tests of whole boxes, with browsers and processes that are killed. A fast run
// checks their code and runs none of their tests.
var storyPackages = []string{"ui/e2e", "firmware/scenario", "firmware/cmd/livelearn"}

// goPackage is what `go list -json` prints of a package.
type goPackage struct {
	ImportPath, Dir                    string
	Imports, TestImports, XTestImports []string
}

// affected are the packages of a fast run, as arguments of the go command.
type affected struct {
	start   time.Time // of the run
	root    string    // of the checkout
	changed []string  // with a changed file
	all     []string  // these, and the packages that import them, the nearest first
	own     int       // how many of all have a changed file, also one that is no code
}

// findAffected compares the files with the last commit that others have.
func findAffected(ctx context.Context) (*affected, error) {
	start := time.Now()
	out, err := standardOutput(ctx, "go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports", "./...")
	if err != nil {
		return nil, err
	}
	var list []goPackage
	for dec := json.NewDecoder(bytes.NewReader([]byte(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	files, err := changedFiles(ctx)
	if err != nil {
		return nil, err
	}
	a := affectedBy(files, root, list)
	a.start, a.root = start, root
	return &a, nil
}

// changedFiles are the files that differ from the base of this branch. On a branch without changes
// they are those of its last commit.
func changedFiles(ctx context.Context) ([]string, error) {
	base := "HEAD"
	for _, other := range []string{"origin/HEAD", "main"} {
		if out, err := standardOutput(ctx, "git", "merge-base", "HEAD", other); err == nil {
			base = strings.TrimSpace(out)
			break
		}
	}
	fresh, err := standardOutput(ctx, "git", "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for _, from := range []string{base, "HEAD~1"} {
		out, err := standardOutput(ctx, "git", "diff", "--name-only", "-z", from)
		if err != nil && from == base {
			return nil, fmt.Errorf("git diff: %w", err)
		}
		if files := strings.FieldsFunc(out+fresh, func(r rune) bool { return r == 0 }); len(files) > 0 {
			return files, nil
		}
	}
	return nil, nil
}

// affectedBy finds the packages of files, and those that import them.
func affectedBy(files []string, root string, list []goPackage) affected {
	byDir := map[string]string{}
	for _, p := range list {
		if dir, err := filepath.Rel(root, p.Dir); err == nil {
			byDir[filepath.ToSlash(dir)] = p.ImportPath
		}
	}
	var a affected
	steps := map[string]int{}    // from a changed package, by package to test
	visible := map[string]bool{} // packages whose importers may see a change
	for _, f := range files {
		pkg := packageOf(f, byDir)
		if f == "go.mod" || f == "go.sum" {
			for _, p := range list {
				if _, known := steps[p.ImportPath]; !known {
					steps[p.ImportPath] = 1
				}
			}
		}
		if pkg == "" {
			continue
		}
		steps[pkg] = 0
		if strings.HasSuffix(f, ".go") && !slices.Contains(a.changed, pkg) {
			a.changed = append(a.changed, pkg)
		}
		// Only tests read the others.
		visible[pkg] = visible[pkg] || !strings.HasSuffix(f, "_test.go") && !strings.Contains(f, "/testdata/") && !strings.HasPrefix(f, "ui/src/")
	}
	spreadChanges(list, steps, visible)
	for _, p := range list {
		if n, ok := steps[p.ImportPath]; ok {
			a.all = append(a.all, p.ImportPath)
			if n == 0 {
				a.own++
			}
		}
	}
	slices.SortStableFunc(a.all, func(x, y string) int { return steps[x] - steps[y] })
	return a
}

// packageOf returns the package in the folder of a file, or in the nearest folder above.
func packageOf(file string, byDir map[string]string) string {
	dir := path.Dir(file)
	for byDir[dir] == "" && dir != "." {
		dir = path.Dir(dir)
	}
	return byDir[dir]
}

// spreadChanges adds the importers of visible packages, and the packages whose tests import them.
func spreadChanges(list []goPackage, steps map[string]int, visible map[string]bool) {
	for step := 1; ; step++ {
		var next []string
		for _, p := range list {
			sees := func(imports []string) bool {
				return slices.ContainsFunc(imports, func(i string) bool { return visible[i] })
			}
			byCode := sees(p.Imports)
			if byCode && !visible[p.ImportPath] {
				next = append(next, p.ImportPath)
			}
			if _, known := steps[p.ImportPath]; !known && (byCode || sees(p.TestImports) || sees(p.XTestImports)) {
				steps[p.ImportPath] = step
			}
		}
		if len(next) == 0 {
			return
		}
		for _, p := range next {
			visible[p] = true
		}
	}
}

// runFastTests runs the short tests of the affected packages: first of those with changed files, and
// then of the others, a few packages at a time, until the time is over. The go command has results of
// an earlier run in its cache. It uses them if it gets the same arguments and the same environment
// again: no shuffling, and a folder with a fixed name.
func (r *runner) runFastTests(ctx context.Context) {
	isStory := func(p string) bool {
		return slices.ContainsFunc(storyPackages, func(s string) bool { return strings.HasSuffix(p, "/"+s) })
	}
	first := slices.DeleteFunc(slices.Clone(r.fast.all[:r.fast.own]), isStory)
	list := slices.DeleteFunc(slices.Clone(r.fast.all[r.fast.own:]), isStory)
	env, remove, err := useMemory(fmt.Sprintf("livelearn-fast-%x", sha256.Sum256([]byte(r.fast.root)))[:24])
	if err != nil {
		r.countCheck("folder of the tests", "", err)
		return
	}
	defer remove()
	r.passed++ // as a check: there may be no test
	if len(first) > 0 {
		r.testShort(ctx, env, first)
	}
	for len(list) > 0 {
		if time.Since(r.fast.start) > fastTests {
			r.addSkip(fmt.Sprintf("tests of %d packages", len(list)), "the time of a fast run is over; scripts/test runs them: "+strings.Join(list, " "))
			return
		}
		n := min(len(list), testBatch)
		r.testShort(ctx, env, list[:n])
		list = list[n:]
	}
}

func (r *runner) testShort(ctx context.Context, env, packages []string) {
	args := []string{"-short", "-vet=off"}
	raced, plain := splitByRace(packages)
	if len(raced) > 0 {
		r.goTest(ctx, slices.Concat(env, raceEnv), slices.Concat(raceFlags(), args, raced)...)
	}
	if len(plain) > 0 {
		r.goTest(ctx, env, append(args, plain...)...)
	}
}

// testBatch is the number of packages of one call of `go test`.
const testBatch = 4
