// Program check runs every check and test of the project on this machine and counts them.
// scripts/test starts it.
//
// A check (format, vet, a reproducible build) counts as one. Each test and subtest counts as one. A
// check that cannot run here counts as skipped and is listed with the reason. The last line is the
// count, and the exit code is 1 if anything failed.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// check is one step. It counts its own results.
type check struct {
	name string
	fast bool // part of `scripts/test fast`
	// beside makes the next step start while this one runs. It is for steps that wait, or that use one
	// processor for most of the time.
	beside bool
	run    func(ctx context.Context, r *runner)
}

// listChecks returns all checks in the order of the run: the cheap ones first.
func listChecks() []check {
	return []check{
		{name: "packages of the pages", fast: true, run: installPackages},
		{name: "format", fast: true, run: checkFormat},
		{name: "vet", fast: true, run: runVet},
		{name: "fix", fast: true, run: runFix},
		{name: "tidy", fast: true, run: commandCheck("go", "mod", "tidy", "-diff")},
		{name: "lint", fast: true, run: runLint, beside: true},
		{name: "spelling", fast: true, run: checkSpelling, beside: true},
		{name: "wording", fast: true, run: checkWording, beside: true},
		{name: "changes", fast: true, run: checkChanges, beside: true},
		{name: "style of the pages", fast: true, run: commandCheck("npm", "--prefix", "ui", "run", "lint"), beside: true},
		{name: "unit tests of the pages", fast: true, run: commandCheck("npm", "--prefix", "ui", "test")},
		{name: "tests of the pages", run: runPageTests, beside: true},
		{name: "tests", fast: true, run: runTests},
		{name: "machines in an emulator", run: runMachineTests, beside: true},
		{name: "network namespace", run: runNamespaceTests, beside: true},
		{name: "vulnerabilities", run: checkVulnerabilities, beside: true},
		{name: "reproducible build", run: checkReproducible, beside: true},
		{name: "pages", run: checkPages, beside: true},
		{name: "fuzz", run: runFuzz},
	}
}

// runner is the state of one run.
type runner struct {
	tally
	fast *affected // nil: all packages
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mode := "full"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	list := chooseChecks(mode)
	if len(list) == 0 {
		fmt.Fprintln(os.Stderr, "usage: scripts/test [fast | a step: fuzz, \"reproducible build\", ...]")
		os.Exit(2)
	}
	r, start := &runner{}, time.Now()
	if mode == "fast" {
		var err error
		if r.fast, err = findAffected(ctx); err != nil {
			r.countCheck("changed packages", "", err)
			list = nil
		}
	}
	for len(list) > 0 {
		n := 1
		for list[n-1].beside && len(list) > n {
			n++
		}
		r.runTogether(ctx, list[:n])
		list = list[n:]
	}
	r.printSummary(time.Since(start))
	if r.failed > 0 {
		os.Exit(1)
	}
}

// chooseChecks returns the steps of a mode: all, those of the fast part, or the one of that name.
func chooseChecks(mode string) []check {
	return slices.DeleteFunc(listChecks(), func(c check) bool {
		return mode != "full" && (mode != "fast" || !c.fast) && mode != c.name
	})
}

// runTogether runs checks at the same time.
func (r *runner) runTogether(ctx context.Context, list []check) {
	parts := make([]runner, len(list))
	var wait sync.WaitGroup
	for i, c := range list {
		parts[i].fast = r.fast
		wait.Go(func() { parts[i].runCheck(ctx, c) })
	}
	wait.Wait()
	for i := range parts {
		r.merge(&parts[i].tally)
	}
}

func (r *runner) runCheck(ctx context.Context, c check) {
	fmt.Printf("== %s\n", c.name)
	start := time.Now()
	if ctx.Err() != nil {
		r.addFailure(c.name + ": interrupted")
		return
	}
	before := r.passed + r.failed + r.skipped
	c.run(ctx, r)
	if r.passed+r.failed+r.skipped == before {
		r.addFailure(c.name + ": nothing was run")
	}
	fmt.Printf("   %s: %s, %.0f s\n", c.name, r.String(), time.Since(start).Seconds())
}

func (r *runner) printSummary(d time.Duration) {
	fmt.Printf("\n%.0f s, %.0f s of processors\n", d.Seconds(), usedByPrograms().Seconds())
	for _, s := range r.skips {
		fmt.Println("skipped: " + s)
	}
	for _, f := range r.failures {
		fmt.Println("failed: " + f)
	}
	fmt.Println(r.String())
}

// usedByPrograms returns the processor time of all programs that have ended. It says what a run costs,
// also on a machine that does other work.
func usedByPrograms() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// newCommand makes a command. The end of ctx kills it with all its children.
func newCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// combinedOutput runs a command and returns its whole output, for people to read.
func combinedOutput(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return combinedOutputIn(ctx, "", env, name, args...)
}

// combinedOutputIn runs combinedOutput in another folder.
func combinedOutputIn(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := newCommand(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// standardOutput runs a command and returns its standard output only. The go command reports
// downloads on standard error, which are no part of the result. That text is in the error if there
// is one.
func standardOutput(ctx context.Context, name string, args ...string) (string, error) {
	cmd := newCommand(ctx, name, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(said.String()))
	}
	return out.String(), err
}

// drawTurn selects one of n by the commit, for work that is too long for each run. Without git it
// returns 0.
func drawTurn(ctx context.Context, n int) int {
	out, err := standardOutput(ctx, "git", "rev-parse", "--short=7", "HEAD")
	drawn, bad := strconv.ParseUint(strings.TrimSpace(out), 16, 64)
	if err != nil || bad != nil {
		return 0
	}
	return int(drawn % uint64(n))
}

// checkCommand counts one check that runs a command. It passes if the command succeeds.
func (r *runner) checkCommand(ctx context.Context, what string, name string, args ...string) {
	out, err := combinedOutput(ctx, nil, name, args...)
	r.countCheck(what, out, err)
}

// countCheck counts one check.
func (r *runner) countCheck(what, out string, err error) {
	if err == nil {
		r.passed++
		return
	}
	r.addFailure(what)
	fmt.Printf("--- FAILED %s: %v\n%s\n", what, err, strings.TrimRight(out, "\n"))
}

func commandCheck(args ...string) func(context.Context, *runner) {
	return func(ctx context.Context, r *runner) {
		r.checkCommand(ctx, strings.Join(args, " "), args[0], args[1:]...)
	}
}
