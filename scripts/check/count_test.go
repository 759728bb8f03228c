package main

import (
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func countLines(t *testing.T, err error, lines ...string) *tally {
	t.Helper()
	var got tally
	c := newCounter(&got, io.Discard)
	if err := c.readEvents(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	c.endRun("go test", err)
	return &got
}

func TestEachTestAndSubtestCountsOnce(t *testing.T) {
	got := countLines(t, errors.New("exit status 1"),
		`{"Action":"start","Package":"p"}`,
		`{"Action":"run","Package":"p","Test":"A"}`,
		`{"Action":"run","Package":"p","Test":"A/x"}`,
		`{"Action":"output","Package":"p","Test":"A/x","Output":"    a_test.go:3: no browser\n"}`,
		`{"Action":"skip","Package":"p","Test":"A/x"}`,
		`{"Action":"pass","Package":"p","Test":"A"}`,
		`{"Action":"run","Package":"p","Test":"B"}`,
		`{"Action":"fail","Package":"p","Test":"B"}`,
		`{"Action":"fail","Package":"p"}`,
		`{"Action":"skip","Package":"no-tests"}`,
		`{"Action":"pass","Package":"q"}`)
	if got.String() != "1 passed, 1 failed, 1 skipped" {
		t.Errorf("got %s, %q", got, got.failures)
	}
	if want := []string{"p A/x: a_test.go:3: no browser"}; !slices.Equal(got.skips, want) {
		t.Errorf("got %q, want %q", got.skips, want)
	}
}

func TestWhatDiesCountsAsFailed(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		lines []string
		want  string
	}{
		"a test that panics and takes others with it": {
			errors.New("exit status 1"),
			[]string{
				`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"run","Package":"p","Test":"B"}`,
				`{"Action":"output","Package":"p","Test":"B","Output":"panic: x\n"}`, `{"Action":"fail","Package":"p"}`,
			},
			"0 passed, 2 failed, 0 skipped",
		},
		"a package that does not build": {
			errors.New("exit status 1"),
			[]string{
				`{"ImportPath":"p","Action":"build-output","Output":"p.go:1: bad\n"}`, `{"ImportPath":"p","Action":"build-fail"}`,
				`{"Action":"start","Package":"p"}`, `{"Action":"fail","Package":"p","FailedBuild":"p"}`,
			},
			"0 passed, 1 failed, 0 skipped",
		},
		"a TestMain that fails after tests that passed": {
			errors.New("exit status 1"),
			[]string{
				`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"pass","Package":"p","Test":"A"}`,
				`{"Action":"output","Package":"p","Output":"goleak: found a goroutine\n"}`, `{"Action":"fail","Package":"p"}`,
			},
			"1 passed, 1 failed, 0 skipped",
		},
		"a go command that says nothing": {errors.New("exit status 2"), nil, "0 passed, 1 failed, 0 skipped"},
		"a go command that was killed": {
			errors.New("signal: killed"),
			[]string{`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"pass","Package":"p","Test":"A"}`, `{"Action":"run","Package":"p","Test":"B"}`},
			"1 passed, 1 failed, 0 skipped",
		},
		"output that looks like a result": {
			nil,
			[]string{
				`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"output","Package":"p","Test":"A","Output":"--- FAIL: B\n"}`,
				`{"Action":"pass","Package":"p","Test":"A"}`, `FAIL p`, `{"not":"an event"}`,
			},
			"1 passed, 0 failed, 0 skipped",
		},
	} {
		if got := countLines(t, c.err, c.lines...); got.String() != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestSlowTestsAreNamedTheSlowestFirst(t *testing.T) {
	var out strings.Builder
	c := newCounter(new(tally), &out)
	in := `{"Action":"pass","Package":"p","Test":"A","Elapsed":11}
{"Action":"pass","Package":"p","Test":"B/x","Elapsed":30}
{"Action":"fail","Package":"p","Test":"B","Elapsed":30}
{"Action":"pass","Package":"p","Test":"C","Elapsed":2}
{"Action":"fail","Package":"p","Elapsed":42}`
	if err := c.readEvents(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	c.printSlowest()
	if want := "     42 s p \n     30 s p B\n     11 s p A\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// TestRealGoTestIsCounted compares the reader with the installed go command.
func TestRealGoTestIsCounted(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-run=^TestPagesThatDifferAreFound$", ".", "./nothing-here")
	out, err := cmd.Output()
	if err == nil {
		t.Fatal("a package that is not there passed")
	}
	got := countLines(t, err, string(out))
	if got.passed != 1 || got.failed != 1 {
		t.Errorf("got %s, want 1 passed, 1 failed:\n%s", got, out)
	}
}

func TestFuzzTargetsAreFound(t *testing.T) {
	p := &fuzzPackage{path: "github.com/livelearn/box/scripts/check", dir: "."}
	if p.buildTests(t.Context(), t.TempDir()); p.err != nil || !slices.Equal(p.targets, []string{"FuzzCount"}) {
		t.Errorf("got %q, %v", p.targets, p.err)
	}
}

func FuzzCount(f *testing.F) {
	f.Add("{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"A\"}\n{\"Action\":\"fail\",\"Package\":\"p\"}\n")
	f.Add("not json\n\n{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"A\"}")
	f.Fuzz(func(t *testing.T, in string) {
		var got tally
		c := newCounter(&got, io.Discard)
		if err := c.readEvents(strings.NewReader(in)); err != nil {
			t.Fatal(err)
		}
		c.endRun("x", nil)
		if len(c.running) > 0 || got.failed != len(got.failures) || got.skipped != len(got.skips) {
			t.Errorf("got %s, running %v", &got, c.running)
		}
	})
}
