package control

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

// writeProgram writes a file with exactly this mode.
func writeProgram(t *testing.T, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "livelearn")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // free of the umask
		t.Fatal(err)
	}
	return file
}

// query is the query of a request for a new program.
func query(path, wait string) url.Values { return url.Values{"path": {path}, "wait": {wait}} }

func TestARequestForANewProgramIsChecked(t *testing.T) {
	good := writeProgram(t, 0o755)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(writeProgram(t, 0o757), link); err != nil {
		t.Fatal(err)
	}
	called := 0
	c := &Server{Succession: Succession{Succeed: func(_ context.Context, program string, wait time.Duration) error {
		if called++; program != good || wait != MaxWait {
			t.Errorf("called with %q, %v", program, wait)
		}
		return nil
	}}}
	for name, r := range map[string]struct {
		q           url.Values
		field, code string
	}{
		"no wait":             {query(good, ""), "wait", "bad_duration"},
		"a wait without unit": {query(good, "5"), "wait", "bad_duration"},
		"a negative wait":     {query(good, "-1ns"), "wait", "bad_duration"},
		"a wait too long":     {query(good, (MaxWait + 1).String()), "wait", "bad_duration"},
		"no path":             {query("", "0s"), "path", "not_absolute"},
		"a relative path":     {query("livelearn", "0s"), "path", "not_absolute"},
		"a folder":            {query(filepath.Dir(good), "0s"), "path", "no_program"},
		"a device":            {query(os.DevNull, "0s"), "path", "no_program"},
		"not executable":      {query(writeProgram(t, 0o644), "0s"), "path", "no_program"},
		"writable by all":     {query(writeProgram(t, 0o757), "0s"), "path", "writable"},
		"a link to that":      {query(link, "0s"), "path", "writable"},
		"no file":             {query(good+"-none", "0s"), "", ""},
	} {
		err := c.succeed(t.Context(), r.q)
		if b := errs.BodyOf(err); err == nil || errs.KindOf(err) != errs.Invalid || b.Field != r.field || b.Code != r.code {
			t.Errorf("%s: got %v (%+v), want %s of %s", name, err, b, r.code, r.field)
		}
	}
	if called != 0 {
		t.Errorf("%d refused programs were started", called)
	}
	if err := c.succeed(t.Context(), query(good, MaxWait.String())); err != nil || called != 1 {
		t.Errorf("a good program: %v, %d calls", err, called)
	}
	c.Succeed = nil
	if err := c.succeed(t.Context(), query(good, "0s")); errs.BodyOf(err).Code != "no_succession" {
		t.Errorf("a box without a succession: %v", err)
	}
}

func TestAProgramOfAnotherUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files to other users: run the test as root")
	}
	for name, r := range map[string]struct {
		uid, gid int
		mode     os.FileMode
		code     string
	}{
		"of another user":               {4711, 0, 0o755, "other_owner"},
		"that another group may write":  {0, 4711, 0o775, "writable"},
		"that the own group may write":  {0, os.Getegid(), 0o775, ""},
		"that another group may read":   {0, 4711, 0o755, ""},
		"that only its owner may start": {0, 4711, 0o700, ""},
	} {
		file := writeProgram(t, r.mode)
		if err := os.Chown(file, r.uid, r.gid); err != nil {
			t.Fatal(err)
		}
		if err := checkProgram(file); errs.BodyOf(err).Code != r.code || (err == nil) != (r.code == "") {
			t.Errorf("a program %s: %v", name, err)
		}
	}
}

// TestACommandHearsWhyItsProgramIsRefused asks a running server over its socket.
func TestACommandHearsWhyItsProgramIsRefused(t *testing.T) {
	folder, err := datafolder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	ctx, cancel := context.WithCancel(t.Context())
	g := supervise.Group(ctx)
	busy := errs.NewCode("succession", errs.Busy, "busy", "another program is about to take over")
	c := &Server{Folder: folder, Version: "1.2.3", Log: slog.New(slog.DiscardHandler), Succession: Succession{
		Succeed: func(context.Context, string, time.Duration) error { return busy }, Attempts: 2, Failure: "it hung",
	}}
	g.Go(c.Serve)
	defer func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}()
	var now Program
	timetest.WaitUntil(t, "the socket", func() bool { return Call(ctx, folder.Path, "GET", "/program", nil, &now) == nil })
	if want := (Program{PID: os.Getpid(), Version: "1.2.3", Attempts: 2, Failure: "it hung"}); now != want {
		t.Errorf("got %+v, want %+v", now, want)
	}
	for program, want := range map[string]string{"livelearn": "no absolute path", writeProgram(t, 0o755): "about to take over"} {
		if _, err := ReplaceProgram(ctx, folder.Path, program, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", program, err, want)
		}
	}
}

func TestACommandKnowsWhichProgramServesNow(t *testing.T) {
	old := Program{PID: 10, Version: "1.0.0", Attempts: 1, Failure: "an earlier one hung"}
	for name, c := range map[string]struct {
		now   Program
		ended bool
		fault string
	}{
		"nothing has happened yet":     {old, false, ""},
		"the new one took its place":   {Program{PID: 11, Version: "1.1.0", After: 10}, true, ""},
		"the old one continues":        {Program{PID: 10, Version: "1.0.0", Attempts: 2, Failure: "it crashed"}, true, "continues: it crashed"},
		"the manager started it anew":  {Program{PID: 12, Version: "1.0.0"}, true, "serves now, as process 12"},
		"another command came between": {Program{PID: 13, Version: "1.0.0", After: 11}, true, "serves now, as process 13"},
	} {
		ended, err := judgeSuccession(old, c.now)
		if ended != c.ended || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: got %v, %v", name, ended, err)
		}
	}
}
