package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A run fuzzes the packages whose turn it is, which the commit selects, for a short time. scripts/fuzz
// fuzzes all packages for the time in LIVELEARN_FUZZ. Every run tests the seeds of all targets.
const (
	fuzzShort = "2s"
	fuzzTurns = 6
)

// fuzzPackage is a package with fuzz targets. One test program serves all of them.
type fuzzPackage struct {
	path, dir string
	program   string
	targets   []string
	output    string // error of the build
	err       error
}

// takeTurn returns every n-th element of list from the one at turn.
func takeTurn[T any](list []T, turn, n int) (chosen []T) {
	for i := turn; i < len(list); i += n {
		chosen = append(chosen, list[i])
	}
	return chosen
}

// runFuzz runs fuzz targets, as many at a time as there are processors.
func runFuzz(ctx context.Context, r *runner) {
	work, err := os.MkdirTemp("", "livelearn-fuzz-")
	if err != nil {
		r.countCheck("fuzz", "", err)
		return
	}
	defer func() { _ = os.RemoveAll(work) }()
	packs, err := fuzzPackages(ctx)
	if err != nil {
		r.countCheck("list of fuzz targets", "", err)
		return
	}
	cache, err := standardOutput(ctx, "go", "env", "GOCACHE")
	if err != nil {
		r.countCheck("fuzz", "", err)
		return
	}
	length := os.Getenv("LIVELEARN_FUZZ")
	if length == "" {
		length = fuzzShort
		packs = takeTurn(packs, drawTurn(ctx, fuzzTurns), fuzzTurns)
	}
	runParallel(packs, func(p *fuzzPackage) { p.buildTests(ctx, work) })
	var list []*fuzzTarget
	for _, p := range packs {
		if p.err != nil {
			r.countCheck("fuzz "+p.path, p.output, p.err)
		}
		for _, name := range p.targets {
			list = append(list, &fuzzTarget{pack: p, name: name, time: length, cache: filepath.Join(strings.TrimSpace(cache), "fuzz", p.path)})
		}
	}
	runParallel(list, func(t *fuzzTarget) { t.runTarget(ctx) })
	for _, t := range list {
		r.countCheck("fuzz "+t.pack.path+" "+t.name, t.output, t.err)
	}
}

// fuzzTarget is one fuzz target and its result.
type fuzzTarget struct {
	pack *fuzzPackage
	name string
	time string
	// cache is the folder in which the go command keeps interesting inputs.
	cache  string
	output string
	err    error
}

func (t *fuzzTarget) runTarget(ctx context.Context) {
	for range 3 {
		t.output, t.err = combinedOutputIn(ctx, t.pack.dir, nil, t.pack.program, "-test.run=^$", "-test.fuzz=^"+t.name+"$",
			"-test.fuzztime="+t.time, "-test.fuzzcachedir="+t.cache, "-test.parallel=1")
		busy := strings.Contains(t.output, "context deadline exceeded") && !strings.Contains(t.output, "Failing input")
		if t.err == nil || !busy {
			return // or a worker was busy when the time was up: no finding
		}
	}
}

// fuzzPackages returns the packages with fuzz targets.
func fuzzPackages(ctx context.Context) (list []*fuzzPackage, err error) {
	files, err := goFiles()
	if err != nil {
		return nil, err
	}
	dirs := map[string]bool{}
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(text, []byte("\nfunc Fuzz")) {
			dirs["./"+filepath.Dir(name)] = true
		}
	}
	args := []string{"list", "-f={{.ImportPath}}\t{{.Dir}}"}
	for dir := range dirs {
		args = append(args, dir)
	}
	slices.Sort(args[2:])
	out, err := standardOutput(ctx, "go", args...)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		list = append(list, &fuzzPackage{path: path, dir: dir})
	}
	return list, nil
}

var fuzzName = regexp.MustCompile(`(?m)^Fuzz\w+$`)

// buildTests builds the test program of the package and lists its targets.
func (p *fuzzPackage) buildTests(ctx context.Context, work string) {
	p.program = filepath.Join(work, strings.ReplaceAll(p.path, "/", "_"))
	p.output, p.err = combinedOutput(ctx, nil, "go", "test", "-c", "-ldflags=-s -w", "-fuzz=^", "-o", p.program, p.path)
	if p.err != nil {
		return
	}
	p.output, p.err = combinedOutputIn(ctx, p.dir, nil, p.program, "-test.list=^Fuzz")
	p.targets = fuzzName.FindAllString(p.output, -1)
	if p.err == nil && len(p.targets) == 0 {
		p.err = fmt.Errorf("%s: no fuzz target", p.path)
	}
}

// runParallel calls f for each element of list, as many at a time as there are processors.
func runParallel[T any](list []T, f func(T)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for _, x := range list {
		slots <- struct{}{}
		wait.Go(func() { f(x); <-slots })
	}
	wait.Wait()
}
