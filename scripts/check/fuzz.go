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

// Every run gives each fuzz target a few seconds, for what a change broke at once, and one
// in fuzzTurns many more, for what takes its time. The commit draws whose turn it is.
const (
	fuzzShort = "3s"
	fuzzLong  = "15s"
	fuzzTurns = 8
)

// fuzzed is a package with fuzz targets: its test program is built once for all of them.
type fuzzed struct {
	path, dir string
	program   string
	targets   []string
	said      string // why it was not built
	err       error
}

// fuzz runs all fuzz targets, as many at once as there are processors.
func fuzz(ctx context.Context, r *runner) {
	work, err := os.MkdirTemp("", "livelearn-fuzz-")
	if err != nil {
		r.one("fuzz", "", err)
		return
	}
	defer func() { _ = os.RemoveAll(work) }()
	packs, err := fuzzPackages(ctx)
	if err != nil {
		r.one("list of fuzz targets", "", err)
		return
	}
	cache, err := result(ctx, "go", "env", "GOCACHE")
	if err != nil {
		r.one("fuzz", "", err)
		return
	}
	each(packs, func(p *fuzzed) { p.build(ctx, work) })
	var list []*target
	now := turn(ctx, fuzzTurns)
	for _, p := range packs {
		if p.err != nil {
			r.one("fuzz "+p.path, p.said, p.err)
		}
		for _, name := range p.targets {
			t := &target{pack: p, name: name, time: fuzzShort, cache: filepath.Join(strings.TrimSpace(cache), "fuzz", p.path)}
			if len(list)%fuzzTurns == now {
				t.time = fuzzLong
			}
			list = append(list, t)
		}
	}
	each(list, func(t *target) { t.run(ctx) })
	for _, t := range list {
		r.one("fuzz "+t.pack.path+" "+t.name, t.said, t.err)
	}
}

// target is one fuzz target, and what became of it.
type target struct {
	pack *fuzzed
	name string
	time string
	// cache is where the go command keeps what it found interesting.
	cache string
	said  string
	err   error
}

func (t *target) run(ctx context.Context) {
	for range 3 {
		t.said, t.err = outputIn(ctx, t.pack.dir, nil, t.pack.program, "-test.run=^$", "-test.fuzz=^"+t.name+"$",
			"-test.fuzztime="+t.time, "-test.fuzzcachedir="+t.cache, "-test.parallel=1")
		busy := strings.Contains(t.said, "context deadline exceeded") && !strings.Contains(t.said, "Failing input")
		if t.err == nil || !busy {
			return // or a worker was busy when the time was up: no finding
		}
	}
}

// fuzzPackages are the packages whose tests hold fuzz targets.
func fuzzPackages(ctx context.Context) (list []*fuzzed, err error) {
	files, err := sources()
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
	out, err := result(ctx, "go", args...)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		list = append(list, &fuzzed{path: path, dir: dir})
	}
	return list, nil
}

var fuzzName = regexp.MustCompile(`(?m)^Fuzz\w+$`)

// build makes the package's test program, which tells its targets.
func (p *fuzzed) build(ctx context.Context, work string) {
	p.program = filepath.Join(work, strings.ReplaceAll(p.path, "/", "_"))
	p.said, p.err = output(ctx, nil, "go", "test", "-c", "-ldflags=-s -w", "-fuzz=^", "-o", p.program, p.path)
	if p.err != nil {
		return
	}
	p.said, p.err = outputIn(ctx, p.dir, nil, p.program, "-test.list=^Fuzz")
	p.targets = fuzzName.FindAllString(p.said, -1)
	if p.err == nil && len(p.targets) == 0 {
		p.err = fmt.Errorf("%s: no fuzz target", p.path)
	}
}

// each calls f for all of list, as many at once as there are processors.
func each[T any](list []T, f func(T)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for _, x := range list {
		slots <- struct{}{}
		wait.Go(func() { f(x); <-slots })
	}
	wait.Wait()
}
