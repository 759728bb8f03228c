package firmware

import (
	"context"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/heartbeat"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/update"
	"github.com/livelearn/box/services/update/neighbours"
)

// DataFormat is the format of the data folder. An update that only knows an older format is refused.
const DataFormat = datafolder.Format

// Release is the system that the program is part of, as its image says.
type Release struct {
	Board string // "pc", "pi": what an update must be for
	Build int    // rises with each release
	Root  []byte // root.json: the keys whose updates it accepts; nil: it accepts none
}

// UpdatesDir is where the data folder has what updates keep.
const UpdatesDir = "updates"

// reportAlive returns how the box says that it answers, nil where no manager listens.
func (b *Box) reportAlive() func(context.Context, initctl.Alive) error {
	if d := b.parts.PID1; d != nil {
		return d.ReportAlive
	}
	return b.parts.ReportAlive
}

// buildUpdate makes the updater. A machine with two slots has one.
func (b *Box) buildUpdate() error {
	if b.parts.Board.Slots == nil {
		return nil
	}
	box, err := b.roster.Box()
	if err != nil {
		return err
	}
	b.neighbours = &neighbours.Watcher{OwnID: box.ID, Version: b.cfg.Version}
	b.updater, err = update.New(b.cfg.Update, update.Deps{
		Slots: b.parts.Board.Slots, Board: b.parts.Release.Board, Version: b.cfg.Version, Build: b.parts.Release.Build,
		Data: DataFormat, ID: box.ID, Root: b.parts.Release.Root, Dir: b.folder.PathOf(UpdatesDir),
		Healthy: b.checkHealthy, LessonOpen: b.isLessonOpen, FallsBack: b.checkFirmware, Failure: b.lastFailure, Sticks: b.parts.Sticks, Peers: b.neighbours.List, Progress: b.reportUpdate,
		Proxy: proxyFunc(b.cfg.Network.Proxy), Now: b.schoolTime, Log: b.loggerFor("update"), Metrics: b.registry,
	})
	return err
}

// takesUpdates reports whether the machine has two slots and trusts keys.
func (b *Box) takesUpdates() bool { return b.updater != nil && len(b.parts.Release.Root) > 0 }

// followUpdate hands an update of the school's cloud to the updater. Nil takes an earlier one back.
func (b *Box) followUpdate(ctx context.Context, u *cloud.Update) error {
	switch {
	case u == nil && b.updater == nil:
		return nil
	case u == nil:
		return b.updater.SetOffer(ctx, nil)
	case !b.takesUpdates():
		return b.reportUpdate(ctx, update.Progress{Build: u.Build, Try: u.Try, Version: b.cfg.Version, State: update.OfferFailed, Code: "unsupported", Reason: "this machine cannot be updated"})
	}
	return b.updater.SetOffer(ctx, new(update.Offer(*u)))
}

// reportUpdate reports to the cloud what became of an update.
func (b *Box) reportUpdate(ctx context.Context, p update.Progress) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return b.ledger.AppendFact(ctx, cloud.Progressed, cloud.UpdateProgress(p))
}

// checkFirmware returns why the firmware of the board could not go back from an update that does not
// start.
func (b *Box) checkFirmware() error {
	f := b.parts.Board.Firmware
	if f.CanFallBack() {
		return nil
	}
	return errs.NewCode("update", errs.Missing, "old_firmware",
		"the EEPROM of this board is older than %s: it could not go back from an update that does not start", f.Needs.Format(time.DateOnly))
}

// schoolTime returns the time in the time zone of the school.
func (b *Box) schoolTime() time.Time { return time.Now().In(b.roster.Zone()) }

// reportMachine reports what the machine lacks to recover by itself.
func (b *Box) reportMachine() {
	if err := b.checkFirmware(); err != nil {
		b.health.SetCheck("firmware", health.Warn, "old_firmware", err.Error())
	}
	if b.parts.PID1 != nil {
		b.health.SetCheck("watchdog", health.OK, map[bool]string{true: "no_watchdog"}[b.parts.Board.Watchdog == nil], "")
		b.reportRepair()
	}
}

// repairNews is for how long health warns of a repair: a card that was damaged once may fail soon.
const repairNews = 7 * 24 * time.Hour

// reportRepair reports the last repair of the file system with the data.
func (b *Box) reportRepair() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	boot, err := b.parts.PID1.BootReport(ctx)
	if err != nil || len(boot.Repairs) == 0 {
		return
	}
	r, level := boot.Repairs[len(boot.Repairs)-1], health.OK
	if time.Since(r.At) < repairNews {
		level = health.Warn
	}
	b.health.SetCheck("repair", level, "disk_repaired", r.At.UTC().Format("2006-01-02 15:04 UTC")+": "+r.What)
}

// isLessonOpen says whether a lesson is open. If the roster fails, the answer is yes, so that no
// lesson is interrupted.
func (b *Box) isLessonOpen() bool {
	open, err := b.roster.OpenLessons()
	return err != nil || len(open) > 0
}

// checkHealthy says whether a lesson can be held. Every part must be ready, the box must answer
// HTTP, and a media node must be active.
func (b *Box) checkHealthy() (bool, string) {
	if ok, list := b.health.Ready(); !ok {
		for _, c := range list {
			if c.Level == health.Fail {
				return false, c.Name + ": " + c.Code + " " + c.Text
			}
		}
		return false, "not ready"
	}
	h := &heartbeat.Heartbeat{Health: b.health, Port: b.httpPort}
	if _, err := h.ProbeSelf(context.Background()); err != nil {
		return false, err.Error()
	}
	if b.nodes != nil && !b.nodes.HasActive() {
		return false, "no media node is up"
	}
	return true, ""
}

// lastFailure returns when and why the other slot failed last, if the first process saw it.
func (b *Box) lastFailure() (at time.Time, why string) {
	if b.parts.PID1 == nil {
		return at, ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	boot, err := b.parts.PID1.BootReport(ctx)
	if err != nil {
		return at, ""
	}
	other := string(hal.Slot(boot.Slot).Other())
	for i := len(boot.Failures) - 1; i >= 0; i-- {
		if f := boot.Failures[i]; f.Slot == other {
			return f.At, f.Why
		}
	}
	return at, ""
}
