package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/livelearn/box/services/errs"
)

// Program is the process of a box.
type Program struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// After is the process whose place it took, 0 if none.
	After int `json:"after,omitempty"`
	// Attempts counts the programs that did not take its place, and Failure is why the last one did not.
	Attempts int    `json:"attempts,omitempty"`
	Failure  string `json:"failure,omitempty"`
}

// MaxWait is the longest time for which people may wait for a new program.
const MaxWait = time.Minute

// successionWait bounds the time from the start of a new program to the answer of the box.
const successionWait = 2 * time.Minute

func (c *Server) serveProgram(w http.ResponseWriter, _ *http.Request) {
	answer(w, Program{PID: os.Getpid(), Version: c.Version, After: c.After, Attempts: c.Attempts, Failure: c.Failure}, nil)
}

// serveSucceed lets a program take the place of this one.
func (c *Server) serveSucceed(w http.ResponseWriter, r *http.Request) {
	answer(w, struct{}{}, c.succeed(r.Context(), r.URL.Query()))
}

func (c *Server) succeed(ctx context.Context, q url.Values) error {
	if c.Succeed == nil {
		return errs.NewCode("control", errs.Missing, "no_succession", "this box is not replaced while it runs")
	}
	wait, err := time.ParseDuration(q.Get("wait"))
	if err != nil || wait < 0 || wait > MaxWait {
		return errs.NewField("control", "wait", "bad_duration", int64(MaxWait), "%.20q must be a duration up to %v", q.Get("wait"), MaxWait)
	}
	if err := checkProgram(q.Get("path")); err != nil {
		return err
	}
	return c.Succeed(ctx, q.Get("path"), wait)
}

// checkProgram refuses what cannot be a program, and a program that another person could have changed.
func checkProgram(path string) error {
	if !filepath.IsAbs(path) {
		return errs.NewField("control", "path", "not_absolute", 0, "%.100q is no absolute path", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return errs.New("control", errs.Invalid, err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return errs.NewField("control", "path", "no_program", 0, "%s is no program", path)
	}
	if at, ok := info.Sys().(*syscall.Stat_t); !ok || at.Uid != 0 && int(at.Uid) != os.Geteuid() {
		return errs.NewField("control", "path", "other_owner", 0, "%s must belong to root or to the user of the box", path)
	} else if mode := info.Mode(); mode&0o002 != 0 || mode&0o020 != 0 && int(at.Gid) != os.Getegid() {
		return errs.NewField("control", "path", "writable", 0, "%s can be written by other people", path)
	}
	return nil
}

// ReplaceProgram lets a program take the place of the one that runs on a data folder, and returns when
// the box answers again. People wait for the new one for at most wait, 0 means the default. The error
// says why the old one continues.
func ReplaceProgram(ctx context.Context, folder, program string, wait time.Duration) (Program, error) {
	var old, now Program
	if err := Call(ctx, folder, http.MethodGet, "/program", nil, &old); err != nil {
		return old, err
	}
	q := url.Values{"path": {program}, "wait": {wait.String()}}
	if err := Call(ctx, folder, http.MethodPost, "/program?"+q.Encode(), nil, &struct{}{}); err != nil {
		return old, err
	}
	var err error
	for end := time.Now().Add(successionWait); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		now = Program{}
		if err = Call(ctx, folder, http.MethodGet, "/program", nil, &now); err != nil {
			continue // between the two
		}
		if ended, fault := judgeSuccession(old, now); ended {
			return now, fault
		}
	}
	return now, errs.NewCode("control", errs.Down, "no_answer", "the box does not answer after %v: %v", successionWait, err)
}

// judgeSuccession reports whether a succession has ended, and why the new program did not take over.
func judgeSuccession(old, now Program) (ended bool, err error) {
	switch {
	case now.PID == old.PID && now.Attempts == old.Attempts:
		return false, nil
	case now.PID == old.PID:
		return true, fmt.Errorf("the version before continues: %s", now.Failure)
	case now.After != old.PID:
		return true, errs.NewCode("control", errs.Down, "other_program", "the given program ended: version %s serves now, as process %d", now.Version, now.PID)
	}
	return true, nil
}
