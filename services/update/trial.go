package update

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// installedFile is the head of the running bundle, which neighbours fetch.
const installedFile = "installed"

// settleTrial records the result of the last trial at the start.
func (u *Updater) settleTrial(st hal.SlotState) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.state.Trial
	switch {
	case t == nil || st.Trying:
		return nil
	case st.Booted == t.Slot: // the power went after the commit and before the note
		return u.markCommitted(t)
	}
	reason := t.Reason
	if at, why := u.lastFailure(); reason == "" && !at.Equal(t.Failed) {
		reason = why
	}
	reason = cmp.Or(reason, "it did not start: it hung, or the power went")
	u.state.Trial, u.state.Failed = nil, max(u.state.Failed, t.Build)
	u.state.Last = &Result{Version: t.Version, From: t.From, At: u.deps.Now(), Result: ResultRolledBack, Reason: reason}
	u.metrics.countResult(ResultRolledBack)
	u.deps.Log.Error("the update was rolled back", "version", t.Version, "reason", reason)
	return u.forgetReceived()
}

// lastFailure returns the last failure of the other slot, as reported by the first process.
func (u *Updater) lastFailure() (time.Time, string) {
	if u.deps.Failure == nil {
		return time.Time{}, ""
	}
	return u.deps.Failure()
}

// markCommitted records a successful trial. The caller holds mu.
func (u *Updater) markCommitted(t *trial) error {
	u.state.Trial, u.state.Other = nil, t.From
	u.state.Newest = max(u.state.Newest, t.Build)
	u.state.Last = &Result{Version: t.Version, From: t.From, At: u.deps.Now(), Result: ResultCommitted}
	u.metrics.countResult(ResultCommitted)
	u.deps.Log.Info("the update is committed", "version", t.Version, "build", t.Build)
	if !t.IsRollback {
		err := os.Rename(filepath.Join(u.deps.Dir, headFile), filepath.Join(u.deps.Dir, installedFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			u.deps.Log.Warn("neighbours cannot fetch this version from here", "err", err)
		}
	}
	return u.forgetReceived()
}

// watchTrial watches a system on trial. It commits it after it was healthy for a while, and rolls
// it back after trialTimeout.
func (u *Updater) watchTrial(ctx context.Context) error {
	u.setState(StateTrying)
	began, since := time.Now(), time.Time{}
	tick := time.NewTicker(healthInterval)
	defer tick.Stop()
	for {
		ok, why := u.deps.Healthy()
		switch now := time.Now(); {
		case !ok && now.Sub(began) > trialTimeout:
			return u.rollBackTrial(ctx, why)
		case !ok:
			since = time.Time{}
		case since.IsZero():
			since = now
		case now.Sub(since) >= healthyFor:
			return u.commitTrial()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (u *Updater) commitTrial() error {
	if err := u.deps.Slots.Commit(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.state.Trial
	if t == nil { // the state file was lost, but not the slot
		t = &trial{Version: u.deps.Version, Build: u.deps.Build}
	}
	return u.markCommitted(t)
}

// rollBackTrial saves the reason for the previous system and restarts into that system.
func (u *Updater) rollBackTrial(ctx context.Context, why string) error {
	u.mu.Lock()
	if u.state.Trial != nil {
		u.state.Trial.Reason = "it was not ready within " + trialTimeout.String() + ": " + why
	}
	err := u.saveState()
	u.mu.Unlock()
	u.deps.Log.Error("the new version failed its trial", "why", why, "err", err)
	return u.deps.Slots.Restart(ctx)
}

// Install installs the received update: now, when no lesson is open, or at night. Errors:
// errs.Stale (lesson_open) means that a lesson prevents now. errs.Missing (nothing_received) means
// that no complete update is there.
func (u *Updater) Install(ctx context.Context, when string) error {
	if when != WhenNow && when != WhenIdle && when != WhenNight {
		return errs.NewField(op, "when", "unknown", 0, `must be "now", "idle" or "night"`)
	}
	if why := u.unsupported(); why != "" {
		return newRefusal(errs.Missing, why, "this machine cannot be updated")
	}
	u.mu.Lock()
	if u.head == nil || !u.state.Whole {
		u.mu.Unlock()
		return newRefusal(errs.Missing, "nothing_received", "no update was received as a whole")
	}
	if when != WhenNow {
		defer u.mu.Unlock()
		u.state.When, u.phase = when, StateScheduled
		u.wakeScheduler()
		return u.saveState()
	}
	u.mu.Unlock()
	return u.startInstall(ctx)
}

// wakeScheduler makes Serve check the schedule at once.
func (u *Updater) wakeScheduler() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// startInstall starts the trial of the received update and restarts the machine.
func (u *Updater) startInstall(ctx context.Context) error {
	if u.deps.LessonOpen() {
		return newRefusal(errs.Stale, "lesson_open", "a lesson is open: the box restarts when it has ended, or at night")
	}
	end, err := u.acquireReceive("install")
	if err != nil {
		return err
	}
	defer end()
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.head
	if h == nil || !u.state.Whole {
		return newRefusal(errs.Missing, "nothing_received", "no update was received as a whole")
	}
	return u.startTrial(ctx, &trial{Version: h.Version, Build: h.Build}, h.Version, h.Options)
}

// Rollback restarts into the system of the other slot, with the same checks as an update. Error:
// errs.Missing (nothing_kept) means that the other slot holds no version that was good here.
func (u *Updater) Rollback(ctx context.Context) error {
	if u.deps.LessonOpen() {
		return newRefusal(errs.Stale, "lesson_open", "a lesson is open: the box restarts when it has ended")
	}
	end, err := u.acquireReceive("rollback")
	if err != nil {
		return err
	}
	defer end()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.head != nil {
		return newRefusal(errs.Stale, "overwritten", "the other slot holds an update that is being received")
	}
	if u.state.Other == "" {
		return newRefusal(errs.Missing, "nothing_kept", "the other slot holds no version that was good on this box")
	}
	return u.startTrial(ctx, &trial{Version: u.state.Other, IsRollback: true}, "", "")
}

// startTrial restarts the machine into the spare slot. The caller holds mu.
func (u *Updater) startTrial(ctx context.Context, t *trial, version, options string) error {
	st, err := u.deps.Slots.State()
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	t.From, t.Slot, t.At = u.deps.Version, st.SpareSlot(), u.deps.Now()
	t.Failed, _ = u.lastFailure()
	// Save first, so that the next start can tell a failed trial from an unrequested restart.
	u.state.Trial, u.state.When = t, ""
	if err := u.saveState(); err != nil {
		return err
	}
	if err := u.deps.Slots.Try(version, options); err != nil {
		u.state.Trial = nil
		return errors.Join(errs.New(op, errs.Down, err), u.saveState())
	}
	u.phase = StateRestarting
	u.deps.Log.Info("the machine restarts into the other slot", "version", t.Version)
	return u.deps.Slots.Restart(ctx)
}

// DiscardReceived drops the received bundle.
func (u *Updater) DiscardReceived(context.Context) error {
	end, err := u.acquireReceive("forget")
	if err != nil {
		return err
	}
	defer end()
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.forgetReceived()
}

// InstalledHead returns the head of the running bundle, for neighbours. Error: errs.Missing
// (no_head) means that this system was not installed from a bundle.
func (u *Updater) InstalledHead() ([]byte, error) {
	f, err := os.Open(filepath.Join(u.deps.Dir, installedFile))
	if err != nil {
		return nil, newRefusal(errs.Missing, "no_head", "this box cannot hand its version on")
	}
	defer func() { _ = f.Close() }()
	u.mu.Lock()
	root := u.deps.Root
	u.mu.Unlock()
	h, err := bundle.ReadHead(f, root)
	if err != nil || h.Build != u.deps.Build {
		return nil, newRefusal(errs.Missing, "no_head", "this box cannot hand its version on")
	}
	return h.Raw, nil
}

// OpenPart opens a part of the running slot, for neighbours. The caller closes it.
func (u *Updater) OpenPart(name string) (io.ReadSeekCloser, error) {
	if u.unsupported() != "" || name != hal.PartBoot && name != hal.PartRoot {
		return nil, newRefusal(errs.Missing, "no_part", "no such part")
	}
	st, err := u.deps.Slots.State()
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	p, err := u.deps.Slots.Open(st.Booted, name, false)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{io.NewSectionReader(p, 0, p.Size()), p}, nil
}
