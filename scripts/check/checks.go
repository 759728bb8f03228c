package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// goFiles returns the Go files of the project.
func goFiles() (files []string, err error) {
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

// packageFolders have npm packages that tests need. Those of recordstore run a learning record store.
var packageFolders = []string{"ui", "services/cloud/push/testdata/recordstore"}

// installPackages installs the npm packages of the pages and the tests from the lock files. It skips
// folders whose packages are installed.
func installPackages(ctx context.Context, r *runner) {
	for _, folder := range packageFolders {
		lock, err := os.Stat(folder + "/package-lock.json")
		have, missing := os.Stat(folder + "/node_modules/.package-lock.json")
		if err == nil && missing == nil && !have.ModTime().Before(lock.ModTime()) {
			r.passed++
			continue
		}
		out := ""
		if err == nil {
			out, err = combinedOutput(ctx, nil, "npm", "--prefix", folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		}
		r.countCheck("npm ci in "+folder, out, err)
	}
}

func checkFormat(ctx context.Context, r *runner) {
	files, err := goFiles()
	out := ""
	if err == nil {
		out, err = standardOutput(ctx, "go", append([]string{"tool", "-modfile=scripts/tools.mod", "gofumpt", "-l"}, files...)...)
	}
	if err == nil && strings.TrimSpace(out) != "" {
		err = errors.New("not formatted; run: go tool -modfile=scripts/tools.mod gofumpt -w FILE")
	}
	r.countCheck("gofumpt", out, err)
}

func runVet(ctx context.Context, r *runner) {
	if r.fast != nil {
		r.checkPackages(ctx, "go vet", r.fast.all, "go", "vet")
		return
	}
	r.checkCommand(ctx, "go vet", "go", "vet", "./...")
	r.checkCommand(ctx, "go vet, build tag netns", "go", "vet", "-tags=netns", "./services/discover", "./services/network")
	r.checkCommand(ctx, "go vet, build tag qemu", "go", "vet", "-tags=qemu,debian", "./image/qemutest", "./image/qemutest/testdata/guest", "./image/qemutest/testdata/radios", "./ui/e2e")
}

// runLint runs staticcheck and the other analyzers of scripts/lint, which is a module of its own.
func runLint(ctx context.Context, r *runner) {
	out, err := combinedOutput(ctx, nil, "go", "build", "-C", "scripts/lint", "-o", "../../build/lint", ".")
	if err != nil {
		r.countCheck("lint", out, err)
		return
	}
	r.checkPackages(ctx, "lint", r.changedPackages(), "build/lint")
}

func runFix(ctx context.Context, r *runner) {
	r.checkPackages(ctx, "go fix", r.changedPackages(), "go", "fix", "-diff")
}

// changedPackages are those that a fast run checks, and all packages of a full one.
func (r *runner) changedPackages() []string {
	if r.fast != nil {
		return r.fast.changed
	}
	return []string{"./..."}
}

// checkPackages counts one check that runs a command on packages. Without packages it passes.
func (r *runner) checkPackages(ctx context.Context, what string, packages []string, command ...string) {
	if len(packages) == 0 {
		r.passed++
		return
	}
	r.checkCommand(ctx, what, command[0], append(command[1:], packages...)...)
}

// foreignWords are words of other languages and of tests that look like spelling mistakes.
const foreignWords = "momento,nationalite,nmae,profesor,responsable,sence"

// checkSpelling looks for common spelling mistakes in code and texts. It accepts British and
// American spelling, and leaves out the translations of the guide.
func checkSpelling(ctx context.Context, r *runner) {
	list, err := standardOutput(ctx, "git", "ls-files", "*.go", "*.md", "*.ts", "*.tsx", "ui/src/locales/en/*", ":!image/GUIDE.*.md")
	out := ""
	if err == nil {
		args := []string{"tool", "-modfile=scripts/tools.mod", "misspell", "-error", "-i", foreignWords}
		out, err = combinedOutput(ctx, nil, "go", append(args, strings.Fields(list)...)...)
	}
	r.countCheck("misspell", out, err)
}

// pageTests is the package that takes the longest, and longPackages are the next ones, which wait the
// most. They start first, so that the last minutes of a run are not those of one package.
const pageTests = "ui/e2e"

var longPackages = []string{"firmware/scenario", "services/media/peer", "image"}

// runPageTests runs the tests of the pages in a browser, one after the other, a short version of
// scripts/pictures. They need one processor for most of the time. They have no race detector, since what
// they test are programs of their own.
func runPageTests(ctx context.Context, r *runner) {
	env, remove, err := useMemory("")
	if err != nil {
		r.countCheck("folder of the tests", "", err)
		return
	}
	defer remove()
	env = append(env, testTurn(ctx)...)
	r.goTest(ctx, env, "-shuffle=on", "-vet=off", "-timeout=60m", "./"+pageTests)
}

// testTurns is the number of turns of the tests in a browser and in an emulator, a multiple of what they
// divide it by.
const testTurns = 12

// testTurn returns the variable that selects what those tests do in a run, and what only scripts/pictures
// and scripts/qemu do.
func testTurn(ctx context.Context) []string {
	return []string{"LIVELEARN_TURN=" + strconv.Itoa(drawTurn(ctx, testTurns))}
}

// plainPackages are tested without the race detector, which multiplies what they compute and finds
// next to nothing there: scenario talks to programs of its own, which have no detector; each line of
// the scripts of the command line starts a program; Debian packages and partitions of images are made
// by one goroutine. The tests of firmware run a whole box with the detector.
var plainPackages = slices.Concat([]string{"firmware/cmd/livelearn", "firmware/scenario", "image", "image/debian"}, singlePackages)

// singlePackages are plain packages in which neither the code nor a test starts a goroutine, so there
// is nothing to race with. A test reads their files.
var singlePackages = []string{
	"firmware/appliance/disk", "firmware/appliance/identity", "firmware/appliance/provision",
	"firmware/datafolder", "firmware/install", "firmware/lessonfacts", "hal/screen", "hal/slots", "scripts/mutate",
	"services/checkedkv", "services/cloud/batch", "services/cloud/usbfile", "services/errs",
	"services/gateway/fingerprint", "services/ink", "services/listimport", "services/media/bwe",
	"services/media/capacity", "services/playback", "services/qrsvg", "services/quiz/aiken",
	"services/quiz/exchange", "services/quiz/gift", "services/quiz/h5p", "services/quiz/item",
	"services/quiz/moodle", "services/quiz/qti", "services/quiz/sample", "services/quiz/table", "services/results",
	"services/sheet", "services/slides", "services/wire", "ui", "ui/build",
}

// splitByRace returns the packages to test with the race detector, and the others.
func splitByRace(list []string) (raced, plain []string) {
	for _, path := range list {
		if slices.ContainsFunc(plainPackages, func(p string) bool { return strings.HasSuffix(path, "/"+p) }) {
			plain = append(plain, path)
		} else {
			raced = append(raced, path)
		}
	}
	return raced, plain
}

// runTests runs all other tests, most with the race detector. It runs one package more at a time than
// there are processors, because the costly packages wait for Postgres, disks and clocks for half of
// their time. The tests of the pages run at the same time and have priority. Step "vet" has checked the
// same files.
func runTests(ctx context.Context, r *runner) {
	if r.fast != nil {
		r.runFastTests(ctx)
		return
	}
	list, err := otherPackages(ctx)
	if err != nil {
		r.countCheck("list of packages", "", err)
		return
	}
	env, remove, err := useMemory("")
	if err != nil {
		r.countCheck("folder of the tests", "", err)
		return
	}
	defer remove()
	args := []string{"-shuffle=on", "-vet=off", "-timeout=60m", "-p=" + strconv.Itoa(runtime.NumCPU()+1)}
	raced, plain := splitByRace(list)
	r.goTestBehind(ctx, slices.Concat(env, raceEnv), slices.Concat(raceFlags(), args, raced)...)
	r.goTestBehind(ctx, env, append(args, plain...)...)
}

// otherPackages lists all packages but that of the pages, the long ones first.
func otherPackages(ctx context.Context) (list []string, err error) {
	out, err := standardOutput(ctx, "go", "list", "./...")
	all := strings.Fields(out)
	for _, path := range append([]string{pageTests}, longPackages...) {
		at := slices.IndexFunc(all, func(p string) bool { return strings.HasSuffix(p, "/"+path) })
		if at < 0 {
			return nil, errors.Join(err, fmt.Errorf("there is no package %s", path))
		}
		if path != pageTests {
			list = append(list, all[at])
		}
		all = slices.Delete(all, at, at+1)
	}
	return append(list, all...), err
}

// raceEnv replaces the flags of scripts/test. The race detector needs cgo.
var raceEnv = []string{"CGO_ENABLED=1", "GOFLAGS="}

// computingPackages are libraries that work on the memory of one caller: hashes, ciphers, pictures
// and compression. The detector would watch each of their bytes, which costs more than what they do.
var computingPackages = []string{
	"compress/flate", "compress/bzip2", "hash/adler32", "hash/crc32", "image/...", "golang.org/x/image/...", "golang.org/x/crypto/argon2",
	"golang.org/x/crypto/blake2b", "github.com/klauspost/compress/...", "crypto/internal/fips140/...", "math/big",
}

// raceFlags are the arguments of `go test` for a run with the race detector, all but computingPackages.
func raceFlags() []string {
	flags := []string{"-race"}
	for _, pattern := range computingPackages {
		flags = append(flags, "-gcflags="+pattern+"=-race=false")
	}
	return flags
}

// leastMemory is the room in bytes that the files of all tests need.
const leastMemory = 4 << 30

// useMemory makes a folder in memory for the files of the tests and returns the environment that
// selects it. A write that a test flushes to a disk costs milliseconds, and tests flush some hundred
// thousand. No promise needs the disk: a test that cuts the power keeps its own record of what was
// flushed. The environment is empty where memory is short or files in it cannot be run. An empty name
// makes a folder that no other run has.
func useMemory(name string) (env []string, remove func(), err error) {
	const shared = "/dev/shm"
	var fs unix.Statfs_t
	if unix.Statfs(shared, &fs) != nil || fs.Type != unix.TMPFS_MAGIC || fs.Flags&unix.ST_NOEXEC != 0 ||
		fs.Bavail*uint64(fs.Bsize) < leastMemory || availableMemory() < leastMemory {
		//lint:ignore nilerr the disk serves as well
		return nil, func() {}, nil
	}
	dir := filepath.Join(shared, name)
	if name != "" {
		err = os.MkdirAll(dir, 0o711)
	} else {
		dir, err = os.MkdirTemp(shared, "livelearn-tests-")
	}
	if err != nil {
		return nil, nil, err
	}
	// Postgres runs as a user of its own. T.TempDir prefers the variable of the go command.
	return []string{"TMPDIR=" + dir, "GOTMPDIR=" + dir}, func() { _ = os.RemoveAll(dir) }, os.Chmod(dir, 0o711) // others pass
}

// availableMemory returns the bytes that programs can still have.
func availableMemory() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kB, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return kB << 10
}

// goTest runs `go test -json` with args and env and counts the results.
func (r *runner) goTest(ctx context.Context, env []string, args ...string) {
	r.countTests(newCommand(ctx, "go", append([]string{"test", "-json"}, args...)...), env)
}

// goTestBehind runs goTest with a lower priority than the step that runs at the same time.
func (r *runner) goTestBehind(ctx context.Context, env []string, args ...string) {
	r.countTests(newCommand(ctx, "nice", append([]string{"-n", "5", "go", "test", "-json"}, args...)...), env)
}

// countTests runs a command of goTest.
func (r *runner) countTests(cmd *exec.Cmd, env []string) {
	what := strings.Join(cmd.Args, " ")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stdout
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.countCheck(what, "", err)
		return
	}
	c := newCounter(&r.tally, os.Stdout)
	err = c.readEvents(pipe)
	c.endRun(what, errors.Join(err, cmd.Wait()))
	c.printSlowest()
}

// runNamespaceTests runs the tests that need a network of their own.
func runNamespaceTests(ctx context.Context, r *runner) {
	if out, err := combinedOutput(ctx, nil, "unshare", "-n", "true"); err != nil {
		r.addSkip("mDNS in a network namespace", "no namespace can be made here (run as root): "+strings.TrimSpace(out))
		return
	}
	// No -race: zeroconf 1.0.0 adds to its WaitGroup in the goroutine that it waits for, so an
	// early Shutdown races inside the library.
	r.goTest(ctx, nil, "-tags=netns", "-vet=off", "-run=AnotherBox|Damaged|OthersAreHeard", "./services/discover")
	r.goTest(ctx, nil, "-tags=netns", "-vet=off", "-run=AsAGuest|WithANetwork|WhereSomebody|WithoutAServer|ACableThatAsks|SignsInOnACable|WhoGives", "./services/network")
}

// runMachineTests starts images in an emulator, a short version of scripts/qemu: the updates of a PC and
// a power cut, the start of an arm64 machine, and one story more. The commit selects it, and the broken
// update. An emulator uses one processor, and now and then waits for a watchdog. The longest test is in
// the first file, since they start in the order of the files.
func runMachineTests(ctx context.Context, r *runner) {
	r.goTest(ctx, testTurn(ctx), "-tags=qemu", "-vet=off", "-timeout=60m", "-parallel="+strconv.Itoa(runtime.NumCPU()+1), "./image/qemutest")
}

// checkVulnerabilities looks for known vulnerabilities that the code reaches, in the libraries and in
// the Go that go.mod names: releases are built with it, whatever Go this machine has.
func checkVulnerabilities(ctx context.Context, r *runner) {
	out, err := standardOutput(ctx, "go", "mod", "edit", "-json")
	var mod struct{ Toolchain string }
	if err == nil {
		err = json.Unmarshal([]byte(out), &mod)
	}
	if err != nil || mod.Toolchain == "" {
		r.countCheck("govulncheck", out, fmt.Errorf("go.mod names no toolchain: %w", err))
		return
	}
	env := []string{"GOTOOLCHAIN=" + mod.Toolchain}
	if out, err := combinedOutput(ctx, env, "go", "version"); err != nil {
		r.addSkip("govulncheck", "the toolchain of go.mod, "+mod.Toolchain+", cannot be had: "+strings.TrimSpace(out))
		return
	}
	out, err = combinedOutput(ctx, env, "go", "tool", "-modfile=scripts/tools.mod", "govulncheck", "./...")
	if err != nil && strings.Contains(out, "vuln.go.dev") && !strings.Contains(out, "Vulnerability #") {
		checkVulnerabilitiesOffline(ctx, r, env)
		return
	}
	r.countCheck("govulncheck", out, err)
}

// vulndbVersions are the versions of the database's repository, as a Go module, that take the place of
// vuln.go.dev: the newest one that the module proxy has, or the one that was last seen.
var vulndbVersions = []string{"latest", "v0.0.0-20261105234957-e22db6528018"}

// checkVulnerabilitiesOffline checks with a snapshot of the database, and says its date.
func checkVulnerabilitiesOffline(ctx context.Context, r *runner, env []string) {
	why := ""
	for _, version := range vulndbVersions {
		out, err := combinedOutputIn(ctx, os.TempDir(), nil, "go", "mod", "download", "-json", "golang.org/x/vulndb@"+version)
		var snapshot struct{ Version, Dir string }
		if err == nil {
			err = json.Unmarshal([]byte(out[max(0, strings.IndexByte(out, '{')):]), &snapshot)
		}
		date, dated := dateOfSnapshot(snapshot.Version)
		if err != nil || !dated {
			why = strings.TrimSpace(out)
			continue
		}
		fmt.Printf("   govulncheck: vuln.go.dev cannot be reached; the database is that of %s\n", date.Format(time.DateOnly))
		db := "file://" + filepath.ToSlash(filepath.Join(snapshot.Dir, "data", "osv"))
		out, err = combinedOutput(ctx, env, "go", "tool", "-modfile=scripts/tools.mod", "govulncheck", "-db", db, "./...")
		r.countCheck("govulncheck with the database of "+date.Format(time.DateOnly), out, err)
		return
	}
	r.addSkip("govulncheck", "no database: neither vuln.go.dev nor a module proxy with golang.org/x/vulndb can be reached: "+why)
}

// dateOfSnapshot returns the time in a pseudo-version (Go modules reference, "Pseudo-versions").
func dateOfSnapshot(version string) (time.Time, bool) {
	parts := strings.Split(version, "-")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	at, err := time.Parse("20060102150405", parts[1])
	return at, err == nil
}
