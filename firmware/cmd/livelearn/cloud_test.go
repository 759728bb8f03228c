package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/timetest"
)

// TestCloudCommandLine runs the scripts in testdata/cloud, each with its own database.
func TestCloudCommandLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a Postgres")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cloud",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("LIVELEARN_DATA", filepath.Join(env.WorkDir, "data"))
			env.Setenv("LIVELEARN_CLOUD_DB", cloudtest.EmptyPostgres(t))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready": waitReady, "bring": enrolBox, "carry": writeStick, "look": fetchPage,
			"appears": waitFile, "updatable": enrolUpdatable,
			"link":  keepMatch("LINK", `https://\S+`),
			"token": keepMatch("TOKEN", `llt_\S+`),
		},
	})
}

// keepMatch is a command that sets a variable to the matching part of the last output.
func keepMatch(name, pattern string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Setenv(name, regexp.MustCompile(pattern).FindString(ts.ReadFile("stdout")))
	}
}

// enrolBox BOX LINK N enrols a box, which then sends N facts. Postgres refuses the first of them.
// With ! the link must be refused.
func enrolBox(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	self := cloudtest.NewSelf(args[0], 1, uint64(n))
	l, err := https.Enrol(ctx, args[1], self, https.Config{})
	if neg != (err != nil) {
		ts.Fatalf("got error %v", err)
	}
	if err != nil {
		return
	}
	c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key})
	ts.Check(err)
	defer c.Close()
	_, err = c.State(ctx, self)
	ts.Check(err)
	b := cloudtest.LessonFacts(args[0], 1, 0, n)
	b.Facts[0].Data = json.RawMessage(`"\u0000"`)
	_, err = c.Put(ctx, b)
	ts.Check(err)
}

// enrolUpdatable BOX LINK enrols a box, which says that it is a pc with the build 1.
func enrolUpdatable(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	l, err := https.Enrol(ctx, args[1], cloudtest.NewSelf(args[0], 1, 1), https.Config{})
	ts.Check(err)
	c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key})
	ts.Check(err)
	defer c.Close()
	b := cloudtest.LessonFacts(args[0], 1, 0, 1)
	b.Facts[0].Stream, b.Facts[0].Kind, b.Facts[0].Data = "report@"+args[0], cloud.Reported, json.RawMessage(`{"board":"pc","build":1,"worst":"ok"}`)
	_, err = c.Put(ctx, b)
	ts.Check(err)
}

// writeStick BOX FILE [SIGNER] writes the facts of a box to a stick.
func writeStick(ts *testscript.TestScript, _ bool, args []string) {
	signer := args[0]
	if len(args) > 2 {
		signer = args[2]
	}
	var file bytes.Buffer
	w, err := usbfile.NewWriter(&file, cloudtest.NewSelf(args[0], 1, 30), cloudtest.StickKey(signer))
	ts.Check(err)
	ts.Check(w.Add(cloudtest.LessonFacts(args[0], 1, 0, 20)))
	ts.Check(w.Add(cloudtest.LessonFacts(args[0], 1, 20, 10)))
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), file.Bytes(), 0o600))
}

// waitFile PATH waits for a file that the node writes.
func waitFile(ts *testscript.TestScript, _ bool, args []string) {
	for began := time.Now(); time.Since(began) < timetest.Patience; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("there is no %s", args[0])
}

// fetchPage PATH prints a page of the node at $HTTPS for $TOKEN. With ! the node must refuse.
func fetchPage(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ts.Getenv("HTTPS")+args[0], nil)
	ts.Check(err)
	req.SetBasicAuth("any", ts.Getenv("TOKEN"))
	req.Header.Set("X-Experience-API-Version", "1.0.3")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.Do(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	if neg != (resp.StatusCode != http.StatusOK) {
		ts.Fatalf("got %s", resp.Status)
	}
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
}
