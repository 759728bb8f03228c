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

// installedFile is the head of the bundle that runs: neighbours ask for it.
const installedFile = "installed"

// settle decides what became of the last trial, at the start.
func (u *Updater) settle(st hal.SlotState) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.state.Trial
	switch {
	case t == nil || st.Trying:
		return nil
	case st.Booted == t.Slot: // committed, and then the power went before it was noted
		return u.committed(t)
	}
	reason := t.Reason
	if at, why := u.failure(); reason == "" && !at.Equal(t.Failed) {
		reason = why
	}
	reason = cmp.Or(reason, "it did not start: it hung, or the power went")
	u.state.Trial = nil
	u.state.Last = &Result{Version: t.Version, From: t.From, At: u.deps.Now(), Result: RolledBack, Reason: reason}
	u.metrics.ended(RolledBack)
	u.deps.Log.Error("the update was taken back", "version", t.Version, "reason", reason)
	return u.forget()
}

// failure is how the other slot failed last, as the first process tells.
func (u *Updater) failure() (time.Time, string) {
	if u.deps.Failure == nil {
		return time.Time{}, ""
	}
	return u.deps.Failure()
}

// committed notes that a trial was good. Called with mu held.
func (u *Updater) committed(t *trial) error {
	u.state.Trial, u.state.Other = nil, t.From
	u.state.Newest = max(u.state.Newest, t.Build)
	u.state.Last = &Result{Version: t.Version, From: t.From, At: u.deps.Now(), Result: Committed}
	u.metrics.ended(Committed)
	u.deps.Log.Info("the update stays", "version", t.Version, "build", t.Build)
	if !t.Back {
		err := os.Rename(filepath.Join(u.deps.Dir, headFile), filepath.Join(u.deps.Dir, installedFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			u.deps.Log.Warn("neighbours will not get this version from here", "err", err)
		}
	}
	return u.forget()
}

// judge watches a system on trial until it was healthy for a while, and commits it, or until
// its time is over, and goes back.
func (u *Updater) judge(ctx context.Context) error {
	u.set(Trying)
	began, since := time.Now(), time.Time{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		ok, why := u.deps.Healthy()
		switch now := time.Now(); {
		case !ok && now.Sub(began) > trialTime:
			return u.giveUp(ctx, why)
		case !ok:
			since = time.Time{}
		case since.IsZero():
			since = now
		case now.Sub(since) >= healthyFor:
			return u.commit()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (u *Updater) commit() error {
	if err := u.deps.Slots.Commit(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.state.Trial
	if t == nil { // the state was lost, the slot was not
		t = &trial{Version: u.deps.Version, Build: u.deps.Build}
	}
	return u.committed(t)
}

// giveUp notes why, where the system before finds it, and goes back to that.
func (u *Updater) giveUp(ctx context.Context, why string) error {
	u.mu.Lock()
	if u.state.Trial != nil {
		u.state.Trial.Reason = "it was not ready within " + trialTime.String() + ": " + why
	}
	err := u.save()
	u.mu.Unlock()
	u.deps.Log.Error("the new version is given up", "why", why, "err", err)
	return u.deps.Slots.Restart(ctx)
}

// Install has the update that was received tried: at once, when no lesson is open, or at
// night. errs.Stale (lesson_open): now cannot be while a lesson runs; errs.Missing
// (nothing_received).
func (u *Updater) Install(ctx context.Context, when string) error {
	if when != Now && when != WhenIdle && when != Night {
		return errs.Field(op, "when", "unknown", 0, `must be "now", "idle" or "night"`)
	}
	if why := u.unsupported(); why != "" {
		return refuse(errs.Missing, why, "this machine cannot be updated")
	}
	u.mu.Lock()
	if u.head == nil || !u.state.Whole {
		u.mu.Unlock()
		return refuse(errs.Missing, "nothing_received", "no update was received as a whole")
	}
	if when != Now {
		defer u.mu.Unlock()
		u.state.When, u.now = when, Scheduled
		u.look()
		return u.save()
	}
	u.mu.Unlock()
	return u.install(ctx)
}

// look has the schedule looked at.
func (u *Updater) look() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// install asks for the trial and restarts the machine.
func (u *Updater) install(ctx context.Context) error {
	if u.deps.Lesson() {
		return refuse(errs.Stale, "lesson_open", "a lesson is open: the box restarts when it has ended, or at night")
	}
	end, err := u.begin("install")
	if err != nil {
		return err
	}
	defer end()
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.head
	if h == nil || !u.state.Whole {
		return refuse(errs.Missing, "nothing_received", "no update was received as a whole")
	}
	return u.try(ctx, &trial{Version: h.Version, Build: h.Build}, h.Version, h.Options)
}

// Rollback goes back to the system in the other slot. The same gates hold for it as for an
// update. errs.Missing (nothing_kept): what is there was never good here, or is in pieces.
func (u *Updater) Rollback(ctx context.Context) error {
	if u.deps.Lesson() {
		return refuse(errs.Stale, "lesson_open", "a lesson is open: the box restarts when it has ended")
	}
	end, err := u.begin("rollback")
	if err != nil {
		return err
	}
	defer end()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.head != nil {
		return refuse(errs.Stale, "overwritten", "the other slot holds an update that is being received")
	}
	if u.state.Other == "" {
		return refuse(errs.Missing, "nothing_kept", "the other slot holds no version that was good on this box")
	}
	return u.try(ctx, &trial{Version: u.state.Other, Back: true}, "", "")
}

// try has the spare slot started. Called with mu held.
func (u *Updater) try(ctx context.Context, t *trial, version, options string) error {
	st, err := u.deps.Slots.State()
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	t.From, t.Slot, t.At = u.deps.Version, st.Spare(), u.deps.Now()
	t.Failed, _ = u.failure()
	// Noted first: a start that goes wrong must be told from one that nobody asked for.
	u.state.Trial, u.state.When = t, ""
	if err := u.save(); err != nil {
		return err
	}
	if err := u.deps.Slots.Try(version, options); err != nil {
		u.state.Trial = nil
		return errors.Join(errs.New(op, errs.Down, err), u.save())
	}
	u.now = Restarting
	u.deps.Log.Info("the machine restarts into the other slot", "version", t.Version)
	return u.deps.Slots.Restart(ctx)
}

// Forget drops what was received.
func (u *Updater) Forget(context.Context) error {
	end, err := u.begin("forget")
	if err != nil {
		return err
	}
	defer end()
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.forget()
}

// Head is the head of the bundle that runs, for neighbours. errs.Missing (no_head): this
// system did not come by a bundle.
func (u *Updater) Head() ([]byte, error) {
	f, err := os.Open(filepath.Join(u.deps.Dir, installedFile))
	if err != nil {
		return nil, refuse(errs.Missing, "no_head", "this box cannot hand its version on")
	}
	defer func() { _ = f.Close() }()
	u.mu.Lock()
	root := u.deps.Root
	u.mu.Unlock()
	h, err := bundle.ReadHead(f, root)
	if err != nil || h.Build != u.deps.Build {
		return nil, refuse(errs.Missing, "no_head", "this box cannot hand its version on")
	}
	return h.Raw, nil
}

// Part is a part of the running slot, for neighbours. The caller closes it.
func (u *Updater) Part(name string) (io.ReadSeekCloser, error) {
	if u.unsupported() != "" || name != hal.PartBoot && name != hal.PartRoot {
		return nil, refuse(errs.Missing, "no_part", "no such part")
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
