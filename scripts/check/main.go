// Program check runs every check and test of the project on this machine and counts
// them. It is started by scripts/test.
//
// A check (format, vet, a reproducible build) counts one; each test and subtest counts
// one. What cannot run here is counted as skipped and named with the reason. The last
// line is the count, and the exit code is 1 when anything failed.
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
	"syscall"
	"time"
)

// check is one step. It counts its own results.
type check struct {
	name string
	fast bool // part of `scripts/test fast`
	run  func(ctx context.Context, r *runner)
}

// checks is all that is run, in this order: the cheap ones first.
func checks() []check {
	return []check{
		{"packages of the pages", true, packages},
		{"format", true, format},
		{"vet", true, vet},
		{"fix", true, simple("go", "fix", "-diff", "./...")},
		{"tidy", true, simple("go", "mod", "tidy", "-diff")},
		{"staticcheck", true, simple("go", "tool", "-modfile=scripts/tools.mod", "staticcheck", "./...")},
		{"tests", true, tests},
		{"network namespace", false, namespace},
		{"machines in an emulator", false, machines},
		{"pages", false, pages},
		{"fuzz", false, fuzz},
		{"vulnerabilities", false, vulnerabilities},
		{"reproducible build", false, reproducible},
	}
}

// runner is one run.
type runner struct {
	tally
	fast bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mode := "full"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	list := chosen(mode)
	if len(list) == 0 {
		fmt.Fprintln(os.Stderr, "usage: scripts/test [fast | a step: fuzz, \"reproducible build\", ...]")
		os.Exit(2)
	}
	r := &runner{fast: mode == "fast"}
	start := time.Now()
	for _, c := range list {
		r.step(ctx, c)
	}
	r.summary(time.Since(start))
	if r.failed > 0 {
		os.Exit(1)
	}
}

// chosen are the steps of a mode: all, those of the fast part, or the one of that name.
func chosen(mode string) []check {
	return slices.DeleteFunc(checks(), func(c check) bool {
		return mode != "full" && (mode != "fast" || !c.fast) && mode != c.name
	})
}

func (r *runner) step(ctx context.Context, c check) {
	fmt.Printf("== %s\n", c.name)
	start := time.Now()
	if ctx.Err() != nil {
		r.fail(c.name + ": interrupted")
		return
	}
	before := r.passed + r.failed + r.skipped
	c.run(ctx, r)
	if r.passed+r.failed+r.skipped == before {
		r.fail(c.name + ": nothing was run")
	}
	fmt.Printf("   %s, %.0f s\n", r.String(), time.Since(start).Seconds())
}

func (r *runner) summary(d time.Duration) {
	fmt.Printf("\n%.0f s\n", d.Seconds())
	for _, s := range r.skips {
		fmt.Println("skipped: " + s)
	}
	for _, f := range r.failures {
		fmt.Println("failed: " + f)
	}
	fmt.Println(r.String())
}

// command makes a command that is killed with all its children when ctx ends.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output runs a command and gives all it said, for people to read.
func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return outputIn(ctx, "", env, name, args...)
}

// outputIn is output in another folder.
func outputIn(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := command(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// result runs a command and gives its standard output alone, for us to read: on standard
// error the go command tells of downloads, which are no result. That text is in the error,
// if there is one.
func result(ctx context.Context, name string, args ...string) (string, error) {
	cmd := command(ctx, name, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(said.String()))
	}
	return out.String(), err
}

// turn says whose turn it is among n, for what is too much for each run: the commit draws it.
// Without git it is always the first's.
func turn(ctx context.Context, n int) int {
	out, err := result(ctx, "git", "rev-parse", "--short=7", "HEAD")
	drawn, bad := strconv.ParseUint(strings.TrimSpace(out), 16, 64)
	if err != nil || bad != nil {
		return 0
	}
	return int(drawn % uint64(n))
}

// must counts one check that is a command: it passes when the command does.
func (r *runner) must(ctx context.Context, what string, name string, args ...string) {
	out, err := output(ctx, nil, name, args...)
	r.one(what, out, err)
}

// one counts one check.
func (r *runner) one(what, out string, err error) {
	if err == nil {
		r.passed++
		return
	}
	r.fail(what)
	fmt.Printf("--- FAILED %s: %v\n%s\n", what, err, strings.TrimRight(out, "\n"))
}

func simple(args ...string) func(context.Context, *runner) {
	return func(ctx context.Context, r *runner) {
		r.must(ctx, strings.Join(args, " "), args[0], args[1:]...)
	}
}
