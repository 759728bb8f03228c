package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// tally counts results and keeps the texts for failures and skips.
type tally struct {
	passed, failed, skipped int
	failures                []string
	skips                   []string
}

func (t *tally) addFailure(what string) {
	t.failed++
	t.failures = append(t.failures, what)
}

func (t *tally) addSkip(what, why string) {
	t.skipped++
	t.skips = append(t.skips, what+": "+why)
}

// merge adds the results of other.
func (t *tally) merge(other *tally) {
	t.passed, t.failed, t.skipped = t.passed+other.passed, t.failed+other.failed, t.skipped+other.skipped
	t.failures = append(t.failures, other.failures...)
	t.skips = append(t.skips, other.skips...)
}

// String returns the last line of a run.
func (t *tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, t.skipped)
}

// testEvent is one line of `go test -json` (see `go doc test2json`).
type testEvent struct {
	Time        time.Time
	Action      string
	Package     string
	ImportPath  string // only in build events
	Test        string
	Output      string
	FailedBuild string
	Elapsed     float64 // seconds
}

// test names one running test or subtest.
type test struct{ pkg, name string }

// counter reads `go test -json`. Each test and subtest counts once. A package that fails without a
// failed test counts once too: it does not build, its TestMain fails, or it dies. A test without an
// end has failed.
type counter struct {
	tally   *tally
	out     io.Writer
	running map[test]bool
	output  map[test][]string
	failed  map[string]bool // packages with a failed test
	slow    map[test]float64
}

func newCounter(t *tally, out io.Writer) *counter {
	return &counter{tally: t, out: out, running: map[test]bool{}, output: map[test][]string{}, failed: map[string]bool{}, slow: map[test]float64{}}
}

// readEvents counts all events of r. It prints other lines unchanged.
func (c *counter) readEvents(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e testEvent
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				c.handleEvent(e)
			} else {
				fmt.Fprintln(c.out, strings.TrimRight(line, "\n"))
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *counter) handleEvent(e testEvent) {
	if e.Package == "" {
		e.Package = e.ImportPath
	}
	k := test{e.Package, e.Test}
	switch e.Action {
	case "run":
		c.running[k] = true
	case "output", "build-output":
		c.output[k] = append(c.output[k], e.Output)
	case "pass", "fail", "skip":
		if e.Elapsed >= slowTest && !strings.Contains(e.Test, "/") {
			c.slow[k] = e.Elapsed
		}
		if e.Test == "" {
			c.endPackage(e)
		} else {
			c.countResult(k, e.Action)
		}
	}
}

func (c *counter) countResult(k test, action string) {
	delete(c.running, k)
	switch action {
	case "pass":
		c.tally.passed++
	case "skip":
		c.tally.addSkip(k.pkg+" "+k.name, skipReason(c.output[k]))
	case "fail":
		c.failed[k.pkg] = true
		c.tally.addFailure(k.pkg + " " + k.name)
		fmt.Fprintf(c.out, "--- FAILED %s %s\n%s", k.pkg, k.name, strings.Join(c.output[k], ""))
	}
	delete(c.output, k)
}

// endPackage counts the end of a package.
func (c *counter) endPackage(e testEvent) {
	k := test{pkg: e.Package}
	if e.Action == "fail" {
		c.failAbandoned(e.Package)
		if !c.failed[e.Package] {
			c.failed[e.Package] = true
			c.tally.addFailure(e.Package)
			lines := slices.Concat(c.output[test{pkg: e.FailedBuild}], c.output[k])
			fmt.Fprintf(c.out, "--- FAILED %s\n%s", e.Package, strings.Join(lines, ""))
		}
	}
	delete(c.output, k)
}

// failAbandoned fails the running tests of a package that was killed or panicked.
func (c *counter) failAbandoned(pkg string) {
	for _, k := range slices.SortedFunc(maps.Keys(c.running), func(a, b test) int { return strings.Compare(a.name, b.name) }) {
		if k.pkg == pkg {
			c.countResult(k, "fail")
		}
	}
}

// endRun handles the end of `go test` with err. Tests that are still running have failed. An error
// that no test explains is a failure of its own.
func (c *counter) endRun(what string, err error) {
	pkgs := map[string]bool{}
	for k := range c.running {
		pkgs[k.pkg] = true
	}
	for _, p := range slices.Sorted(maps.Keys(pkgs)) {
		c.failAbandoned(p)
	}
	if len(pkgs) > 0 {
		fmt.Fprintf(c.out, "%s ended early: %v\n", what, err)
	}
	if err != nil && len(c.failed) == 0 {
		c.tally.addFailure(fmt.Sprintf("%s: %v", what, err))
		for _, k := range slices.SortedFunc(maps.Keys(c.output), func(a, b test) int { return strings.Compare(a.pkg, b.pkg) }) {
			fmt.Fprint(c.out, strings.Join(c.output[k], ""))
		}
	}
}

// slowTest is the number of seconds from which tests and packages are listed, the slowest first.
const (
	slowTest  = 10
	slowNamed = 30
)

// printSlowest prints the slowest tests and packages.
func (c *counter) printSlowest() {
	keys := slices.SortedFunc(maps.Keys(c.slow), func(a, b test) int {
		return cmp.Or(cmp.Compare(c.slow[b], c.slow[a]), strings.Compare(a.pkg+a.name, b.pkg+b.name))
	})
	for _, k := range keys[:min(len(keys), slowNamed)] {
		fmt.Fprintf(c.out, "   %4.0f s %s %s\n", c.slow[k], k.pkg, k.name)
	}
}

// skipReason returns the reason that a test gave for its skip.
func skipReason(output []string) string {
	var said []string
	for _, o := range output {
		if o = strings.TrimSpace(o); o != "" && !strings.HasPrefix(o, "===") && !strings.HasPrefix(o, "---") {
			said = append(said, o)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
