package firmware

import (
	"cmp"
	"context"
	"time"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/supervise"
)

// unclaim gives the box a new claim code: somebody holds its button.
func (b *Box) unclaim(ctx context.Context) error {
	if err := b.roster.Unclaim(ctx); err != nil {
		return err
	}
	if err := b.audit.Record(ctx, audit.Entry{Action: "box.unclaimed", From: "button"}); err != nil {
		b.loggerFor("audit").Error("an act is missing in the audit log", "kind", "box.unclaimed", "err", err)
	}
	return nil
}

// auditUnclaim has the audit log of a stopped box tell of a new claim code. A failure of the log does
// not keep the owner out of the box.
func (b *Box) auditUnclaim(ctx context.Context) {
	l := audit.New(b.journal, newClock(), b.loggerFor("audit"))
	l.Queue(audit.Entry{Action: "box.unclaimed", From: "command"})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g := supervise.Group(ctx)
	g.Go(b.journal.Serve)
	g.Go(func(ctx context.Context) error {
		defer stop()
		return l.WriteQueued(ctx)
	})
	if err := g.Wait(); err != nil {
		b.loggerFor("audit").Error("an act is missing in the audit log", "kind", "box.unclaimed", "err", err)
	}
}

// auditRestore has the audit log tell of a restore. The log of the backup took the place of the
// box's own, so only the restarted box can write it there.
func (b *Box) auditRestore() {
	last := backup.ReadRestored(b.folder.Path)
	if last == nil {
		return
	}
	at := last.At.UTC().Format(time.RFC3339)
	known, _, err := b.audit.List(context.Background(), audit.Filter{Action: "box.restored", Text: at}, 1)
	if err != nil || len(known) > 0 {
		return
	}
	from := "page"
	if last.By == "" {
		from = "command"
	}
	b.audit.Queue(audit.Entry{
		Action: "box.restored", Name: last.By, From: from,
		Detail: "at " + at + ", backup of " + last.Made.UTC().Format(time.RFC3339) + ", before: " + cmp.Or(last.Aside, "nothing"),
	})
}
