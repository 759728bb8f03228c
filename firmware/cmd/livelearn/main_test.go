package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/livelearn/box/services/timetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"livelearn": main})
}

// TestCommandLine runs the scripts in testdata against the program.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("LIVELEARN_DATA", filepath.Join(env.WorkDir, "data"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": waitReady, "get": getURL},
	})
}

// waitReady FILE waits for a ready file and sets $HTTP, $ADDR, $HTTPS, $CLAIM and $CODE from it.
func waitReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FILE")
	}
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err != nil {
			time.Sleep(50 * time.Millisecond) // another process writes the file
			continue
		}
		var r struct{ HTTP, HTTPS, Claim, Code string }
		ts.Check(json.Unmarshal(data, &r))
		ts.Setenv("HTTP", r.HTTP)
		ts.Setenv("ADDR", strings.TrimPrefix(r.HTTP, "http://"))
		ts.Setenv("HTTPS", r.HTTPS)
		ts.Setenv("CLAIM", r.Claim)
		ts.Setenv("CODE", r.Code)
		return
	}
	ts.Fatalf("%s did not appear in %v", args[0], timetest.Patience)
}

// getURL URL prints the answer of a server. With ! there must be no server.
func getURL(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), timetest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
	ts.Check(err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if neg != (err != nil) {
		ts.Fatalf("got error %v", err)
	}
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, body)
	ts.Check(err)
}

func TestMemoryLimitIsThatOfTheControlGroup(t *testing.T) {
	for name, c := range map[string]struct {
		cgroup, file, limit string
		want                int64
	}{
		"version 2":           {"0::/a\n", "sys/fs/cgroup/a/memory.max", "536870912\n", 512 << 20},
		"version 2, none":     {"0::/a\n", "sys/fs/cgroup/a/memory.max", "max\n", 0},
		"version 1":           {"4:memory:/b\n3:cpu:/\n", "sys/fs/cgroup/memory/b/memory.limit_in_bytes", "1048576\n", 1 << 20},
		"version 1, none":     {"4:memory:/b\n", "sys/fs/cgroup/memory/b/memory.limit_in_bytes", fmt.Sprint(int64(math.MaxInt64 - 4095)), 0},
		"no control group":    {"", "x", "", 0},
		"a line that is none": {"nonsense\n", "x", "", 0},
	} {
		root := t.TempDir()
		for path, text := range map[string]string{"proc/self/cgroup": c.cgroup, c.file: c.limit} {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := memoryLimit(root); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestDataFolderIsTheSystemsOnABoard(t *testing.T) {
	root := t.TempDir()
	if got := defaultData(root); !strings.HasSuffix(got, "/.livelearn") {
		t.Errorf("on a laptop: got %s", got)
	}
	model := filepath.Join(root, "sys/firmware/devicetree/base/model")
	if err := os.MkdirAll(filepath.Dir(model), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(model, []byte("A Board\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := defaultData(root); got != "/var/lib/livelearn" {
		t.Errorf("on a board: got %s", got)
	}
}

// No server of the program can serve the pages of net/http/pprof, which a library registers.
func TestThePagesForDebuggingAreRemoved(t *testing.T) {
	before := http.DefaultServeMux
	t.Cleanup(func() { http.DefaultServeMux = before })
	asked := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/", nil)
	if _, pattern := http.DefaultServeMux.Handler(asked); pattern == "" {
		t.Fatal("no library registers them any more: removeDebugPages can go")
	}
	removeDebugPages()
	if _, pattern := http.DefaultServeMux.Handler(asked); pattern != "" {
		t.Errorf("%s is still served", pattern)
	}
}
