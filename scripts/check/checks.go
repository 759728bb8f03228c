package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// sources are the Go files of the project.
func sources() (files []string, err error) {
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != "."
		if d.IsDir() && (hidden || slices.Contains([]string{"node_modules", "testdata", "build"}, d.Name())) {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// packages installs what the pages are built from and their tests need, as the lock file
// has it. What is there already is left alone.
func packages(ctx context.Context, r *runner) {
	lock, err := os.Stat("ui/package-lock.json")
	have, missing := os.Stat("ui/node_modules/.package-lock.json")
	if err == nil && missing == nil && !have.ModTime().Before(lock.ModTime()) {
		r.passed++
		return
	}
	out := ""
	if err == nil {
		out, err = output(ctx, nil, "npm", "--prefix", "ui", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	}
	r.one("npm ci in ui", out, err)
}

func format(ctx context.Context, r *runner) {
	files, err := sources()
	out := ""
	if err == nil {
		out, err = result(ctx, "go", append([]string{"tool", "-modfile=scripts/tools.mod", "gofumpt", "-l"}, files...)...)
	}
	if err == nil && strings.TrimSpace(out) != "" {
		err = errors.New("not formatted; run: go tool -modfile=scripts/tools.mod gofumpt -w FILE")
	}
	r.one("gofumpt", out, err)
}

func vet(ctx context.Context, r *runner) {
	r.must(ctx, "go vet", "go", "vet", "./...")
	r.must(ctx, "go vet, build tag netns", "go", "vet", "-tags=netns", "./services/discover", "./services/network")
	r.must(ctx, "go vet, build tag qemu", "go", "vet", "-tags=qemu,debian", "./image/qemutest", "./image/qemutest/testdata/guest", "./ui/e2e")
}

// tests runs all tests with the race detector, as many packages at once as there are
// processors.
func tests(ctx context.Context, r *runner) {
	args := []string{"-race", "-shuffle=on", "-timeout=15m", "-p=" + strconv.Itoa(max(1, runtime.NumCPU())), "./..."}
	if r.fast {
		args = append([]string{"-short"}, args...)
	}
	r.goTest(ctx, args...)
}

// goTest runs `go test -json` with args and counts what it reports.
func (r *runner) goTest(ctx context.Context, args ...string) {
	what := "go test " + strings.Join(args, " ")
	cmd := command(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stdout
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.one(what, "", err)
		return
	}
	c := newCounter(&r.tally, os.Stdout)
	err = c.read(pipe)
	c.end(what, errors.Join(err, cmd.Wait()))
	c.slowest()
}

// namespace runs the tests that need a network of their own.
func namespace(ctx context.Context, r *runner) {
	if out, err := output(ctx, nil, "unshare", "-n", "true"); err != nil {
		r.skip("mDNS in a network namespace", "no namespace can be made here (run as root): "+strings.TrimSpace(out))
		return
	}
	// No -race: zeroconf 1.0.0 adds to its WaitGroup in the goroutine that it waits for, so
	// a Shutdown soon after the start races inside the library.
	r.goTest(ctx, "-tags=netns", "-run=AnotherBox|Damaged", "./services/discover")
	r.goTest(ctx, "-tags=netns", "-run=AsAGuest|WithANetwork|WhereSomebody|WithoutAServer", "./services/network")
}

// machines starts images in an emulator: a short version of scripts/qemu.
func machines(ctx context.Context, r *runner) {
	r.goTest(ctx, "-tags=qemu", "-timeout=40m", "./image/qemutest")
}

func vulnerabilities(ctx context.Context, r *runner) {
	out, err := output(ctx, nil, "go", "tool", "-modfile=scripts/tools.mod", "govulncheck", "./...")
	if err != nil && strings.Contains(out, "vuln.go.dev") && !strings.Contains(out, "Vulnerability #") {
		r.skip("govulncheck", "no database: vuln.go.dev cannot be reached")
		return
	}
	r.one("govulncheck", out, err)
}
