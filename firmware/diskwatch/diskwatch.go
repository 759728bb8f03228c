// Package diskwatch reports a full disk and a lost owner to health. Package firmware starts one
// Watch for each box.
package diskwatch

import (
	"context"
	"time"

	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
)

// Watch checks the free space and the owner.
type Watch struct {
	Data    string
	Journal *journal.Journal
	Locked  func() (bool, error)
	Health  *health.Health
}

// String is the service's name.
func (w *Watch) String() string { return "watch" }

// Serve checks now and every 30 s until ctx ends.
func (w *Watch) Serve(ctx context.Context) error {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		f := doctor.CheckSpace(w.Data)
		code := map[health.Level]string{health.Warn: "disk_nearly_full", health.Fail: "disk_full"}[f.Level]
		text := f.What
		if f.Remedy != "" {
			text += ": " + f.Remedy
		}
		if w.Journal.Full() {
			f.Level, code = health.Fail, "disk_full"
			text = "chat is off and answers are still kept: " + text
		}
		w.Health.SetCheck("disk", f.Level, code, text)
		w.CheckOwner()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// CheckOwner fails in health when no admin can sign in.
func (w *Watch) CheckOwner() {
	if locked, err := w.Locked(); err != nil || !locked {
		w.Health.SetCheck("owner", health.OK, "", "")
		return
	}
	w.Health.SetCheck("owner", health.Fail, "owner_lost", "nobody can sign in, as the record of who owns this box was lost: "+doctor.OwnerRemedy)
}
