package update

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/update/bundle"
)

// trial starts the next system of a rig for the first time.
func (r *rig) trial() {
	r.t.Helper()
	u := r.updater()
	if err := u.Receive(r.t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"); err != nil {
		r.t.Fatal(err)
	}
	if err := u.Install(r.t.Context(), WhenNow); err != nil {
		r.t.Fatal(err)
	}
	if r.restarts != 1 || u.Status(r.t.Context()).State != StateRestarting {
		r.t.Fatalf("%d restarts, %+v", r.restarts, u.Status(r.t.Context()))
	}
	r.boot(hal.SlotB)
	entries := filepath.Join(r.dir, "loader/entries")
	if err := os.Rename(entries+"/livelearn-b+2.conf", entries+"/livelearn-b+1-1.conf"); err != nil {
		r.t.Fatal(err)
	}
	r.version, r.build = "1.1.0", 11
}

// runUpdater runs an updater for a while of fake time.
func runUpdater(t *testing.T, u *Updater, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Serve(ctx) }()
	time.Sleep(d)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An administrator may install a program on a system that trusts no keys.
func TestASystemWithoutKeysIsCommitted(t *testing.T) {
	r := newRig(t)
	r.trial()
	r.more = func(d *Deps) { d.Root = nil }
	synctest.Test(t, func(t *testing.T) {
		runUpdater(t, r.updater(), time.Minute)
		if st, err := r.slots.State(); err != nil || st.Trying {
			t.Errorf("it is still on trial: %+v, %v", st, err)
		}
	})
}

func TestAHealthySystemIsCommitted(t *testing.T) {
	r := newRig(t)
	r.trial()
	synctest.Test(t, func(t *testing.T) {
		u := r.updater()
		r.set(false, false)
		runUpdater(t, u, time.Minute)
		if st, _ := r.slots.State(); !st.Trying {
			t.Error("it was committed before it was healthy")
		}
		r.set(false, true)
		runUpdater(t, u, healthyFor+3*time.Second)
		if st, err := r.slots.State(); err != nil || st.Trying || st.Default != hal.SlotB {
			t.Errorf("%+v %v", st, err)
		}
		s := u.Status(t.Context())
		if s.Last == nil || s.Last.Result != ResultCommitted || s.Last.From != "1.0.0" || s.State != StateIdle || s.Kept.Version != "1.0.0" {
			t.Errorf("%+v, last %+v", s, s.Last)
		}
		if head, err := u.InstalledHead(); err != nil || !bytes.HasPrefix(r.bundle(nil), head) {
			t.Errorf("neighbours get nothing: %v", err)
		}
		if err := u.Receive(t.Context(), bytes.NewReader(r.bundle(func(m *bundle.Manifest) { m.Build, m.Version = 10, "1.0.0" })), 0, "upload"); errorCode(err) != "older" {
			t.Errorf("the version before: %v", err)
		}
	})
}

func TestAFailedTrialIsRolledBack(t *testing.T) {
	r := newRig(t)
	r.trial()
	synctest.Test(t, func(t *testing.T) {
		r.set(false, false)
		runUpdater(t, r.updater(), trialTimeout+time.Minute)
		if r.restarts < 2 {
			t.Fatal("it did not give up")
		}
		r.boot(hal.SlotA)
		r.version, r.build = "1.0.0", 10
		u := r.updater()
		runUpdater(t, u, time.Second)
		s := u.Status(t.Context())
		if s.Last == nil || s.Last.Result != ResultRolledBack || !strings.Contains(s.Last.Reason, "media is down") || s.State != StateIdle {
			t.Errorf("%+v, last %+v", s, s.Last)
		}
		// The other slot now holds the failed version.
		if err := u.Rollback(t.Context()); errorCode(err) != "nothing_kept" || s.Kept != nil {
			t.Errorf("back to what was never good: %v, kept %+v", err, s.Kept)
		}
		// The next update is accepted.
		if err := u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"); err != nil {
			t.Error(err)
		}
	})
}

func TestAMissingStartIsReported(t *testing.T) {
	const hung, ended = "it hung, or the power went", "the program ended 4 times"
	for name, c := range map[string]struct{ before, after, want string }{
		"it hung":                         {"", "", hung},
		"it ended":                        {"", ended, ended},
		"it hung, and the last one ended": {ended, ended, hung},
	} {
		t.Logf("%s", name)
		r := newRig(t)
		if c.before != "" {
			r.failure, r.failedAt = c.before, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		}
		r.trial()
		if r.failure = c.after; c.before == "" && c.after != "" {
			r.failedAt = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
		}
		want := c.want
		synctest.Test(t, func(t *testing.T) {
			r.boot(hal.SlotA)
			r.version, r.build = "1.0.0", 10
			u := r.updater()
			runUpdater(t, u, time.Second)
			if s := u.Status(t.Context()); s.Last == nil || s.Last.Result != ResultRolledBack || !strings.Contains(s.Last.Reason, want) {
				t.Errorf("last %+v", s.Last)
			}
		})
	}
}

func TestALessonIsNeverInterrupted(t *testing.T) {
	r := newRig(t)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return noon }
	u := r.updater()
	if err := u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"); err != nil {
		t.Fatal(err)
	}
	r.set(true, true)
	if err := u.Install(t.Context(), WhenNow); errorCode(err) != "lesson_open" || r.restarts != 0 {
		t.Errorf("%v, %d restarts", err, r.restarts)
	}
	if err := u.Rollback(t.Context()); errorCode(err) != "lesson_open" {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) {
		u := r.updater()
		if err := u.Install(t.Context(), WhenNight); err != nil {
			t.Fatal(err)
		}
		runUpdater(t, u, time.Hour)
		r.now = func() time.Time { return noon.Add(15 * time.Hour) } // three in the morning
		runUpdater(t, u, time.Hour)
		if r.restarts != 0 {
			t.Fatal("it restarted in a lesson")
		}
		r.set(false, true)
		r.now = func() time.Time { return noon }
		runUpdater(t, u, time.Hour)
		if r.restarts != 0 {
			t.Fatal("it restarted by day")
		}
		r.now = func() time.Time { return noon.Add(15 * time.Hour) }
		runUpdater(t, u, time.Hour)
		if r.restarts != 1 {
			t.Errorf("%d restarts at night", r.restarts)
		}
	})
	again := newRig(t)
	again.set(true, true)
	synctest.Test(t, func(t *testing.T) {
		u := again.updater()
		if err := u.Receive(t.Context(), bytes.NewReader(again.bundle(nil)), 0, "upload"); err != nil {
			t.Fatal(err)
		}
		if err := u.Install(t.Context(), WhenIdle); err != nil {
			t.Fatal(err)
		}
		runUpdater(t, u, time.Hour)
		again.set(false, true)
		runUpdater(t, u, time.Minute)
		if again.restarts != 1 {
			t.Errorf("%d restarts when the lesson had ended", again.restarts)
		}
	})
}

func TestAPersonMayRollBack(t *testing.T) {
	r := newRig(t)
	r.trial()
	synctest.Test(t, func(t *testing.T) {
		u := r.updater()
		runUpdater(t, u, healthyFor+3*time.Second)
		if err := u.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st, err := r.slots.State(); err != nil || !st.Pending || r.restarts != 2 {
			t.Errorf("%+v %v, %d restarts", st, err, r.restarts)
		}
	})
}

func TestADamagedVersionIsNotRolledBackTo(t *testing.T) {
	r := newRig(t)
	r.trial()
	var u *Updater
	synctest.Test(t, func(t *testing.T) {
		u = r.updater()
		runUpdater(t, u, healthyFor+3*time.Second)
	})
	r.version, r.build = "1.1.0", 11
	file := r.bundle(func(m *bundle.Manifest) { m.Build, m.Version = 12, "1.2.0" })
	if err := u.Receive(t.Context(), &cutReader{bytes.NewReader(file), 300_000}, 0, "upload"); !errors.Is(err, errDropped) {
		t.Fatal(err)
	}
	if s := u.Status(t.Context()); s.Kept == nil || s.Kept.Version != "1.1.0" {
		t.Errorf("while an update comes, the running version stays: %+v", s.Kept)
	}
	if err := u.DiscardReceived(t.Context()); err != nil {
		t.Fatal(err)
	}
	u = r.updater()
	if err := u.Rollback(t.Context()); errorCode(err) != "nothing_kept" || u.Status(t.Context()).Kept != nil {
		t.Errorf("%v, kept %+v", err, u.Status(t.Context()).Kept)
	}
}
