package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// tally counts results, and keeps what to say about those that did not pass.
type tally struct {
	passed, failed, skipped int
	failures                []string
	skips                   []string
}

func (t *tally) fail(what string) {
	t.failed++
	t.failures = append(t.failures, what)
}

func (t *tally) skip(what, why string) {
	t.skipped++
	t.skips = append(t.skips, what+": "+why)
}

// String is the line that a run ends with.
func (t *tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, t.skipped)
}

// testEvent is one line of `go test -json` (see `go doc test2json`).
type testEvent struct {
	Time        time.Time
	Action      string
	Package     string
	ImportPath  string // of build events
	Test        string
	Output      string
	FailedBuild string
	Elapsed     float64 // seconds
}

// test is one test or subtest under way.
type test struct{ pkg, name string }

// counter reads `go test -json`. Each test and subtest counts once, and so does a package
// that fails without a test of it failing: one that does not build, whose TestMain fails
// or that dies. A test that began and never ended has failed.
type counter struct {
	tally   *tally
	out     io.Writer
	running map[test]bool
	output  map[test][]string
	failed  map[string]bool // packages of which a test failed
	slow    map[test]float64
}

func newCounter(t *tally, out io.Writer) *counter {
	return &counter{tally: t, out: out, running: map[test]bool{}, output: map[test][]string{}, failed: map[string]bool{}, slow: map[test]float64{}}
}

// read counts all events of r. A line that is no event is shown as it is.
func (c *counter) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e testEvent
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				c.event(e)
			} else {
				fmt.Fprintln(c.out, strings.TrimRight(line, "\n"))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *counter) event(e testEvent) {
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
			c.pack(e)
		} else {
			c.result(k, e.Action)
		}
	}
}

func (c *counter) result(k test, action string) {
	delete(c.running, k)
	switch action {
	case "pass":
		c.tally.passed++
	case "skip":
		c.tally.skip(k.pkg+" "+k.name, reason(c.output[k]))
	case "fail":
		c.failed[k.pkg] = true
		c.tally.fail(k.pkg + " " + k.name)
		fmt.Fprintf(c.out, "--- FAILED %s %s\n%s", k.pkg, k.name, strings.Join(c.output[k], ""))
	}
	delete(c.output, k)
}

// pack is the end of a package.
func (c *counter) pack(e testEvent) {
	k := test{pkg: e.Package}
	if e.Action == "fail" {
		c.abandoned(e.Package)
		if !c.failed[e.Package] {
			c.failed[e.Package] = true
			c.tally.fail(e.Package)
			lines := slices.Concat(c.output[test{pkg: e.FailedBuild}], c.output[k])
			fmt.Fprintf(c.out, "--- FAILED %s\n%s", e.Package, strings.Join(lines, ""))
		}
	}
	delete(c.output, k)
}

// abandoned fails the tests of a package that never ended: it was killed, or panicked.
func (c *counter) abandoned(pkg string) {
	for _, k := range slices.SortedFunc(maps.Keys(c.running), func(a, b test) int { return strings.Compare(a.name, b.name) }) {
		if k.pkg == pkg {
			c.result(k, "fail")
		}
	}
}

// end is called when `go test` has ended with err. What still runs then has failed, and
// an error that no test explains is a failure of its own.
func (c *counter) end(what string, err error) {
	pkgs := map[string]bool{}
	for k := range c.running {
		pkgs[k.pkg] = true
	}
	for _, p := range slices.Sorted(maps.Keys(pkgs)) {
		c.abandoned(p)
	}
	if len(pkgs) > 0 {
		fmt.Fprintf(c.out, "%s ended early: %v\n", what, err)
	}
	if err != nil && len(c.failed) == 0 {
		c.tally.fail(fmt.Sprintf("%s: %v", what, err))
		for _, k := range slices.SortedFunc(maps.Keys(c.output), func(a, b test) int { return strings.Compare(a.pkg, b.pkg) }) {
			fmt.Fprint(c.out, strings.Join(c.output[k], ""))
		}
	}
}

// Tests and packages that take longer than this many seconds are named, the slowest first.
const (
	slowTest  = 10
	slowNamed = 12
)

// slowest says where the time goes.
func (c *counter) slowest() {
	keys := slices.SortedFunc(maps.Keys(c.slow), func(a, b test) int {
		return cmp.Or(cmp.Compare(c.slow[b], c.slow[a]), strings.Compare(a.pkg+a.name, b.pkg+b.name))
	})
	for _, k := range keys[:min(len(keys), slowNamed)] {
		fmt.Fprintf(c.out, "   %4.0f s %s %s\n", c.slow[k], k.pkg, k.name)
	}
}

// reason is what a test said when it skipped.
func reason(output []string) string {
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
