package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/health"
)

// idleTime is how long a push may be due before somebody should ask whether a node runs. A node looks
// for work every few seconds, and one run takes up to half an hour.
const idleTime = time.Hour

type cloudDoctorCmd struct {
	databaseFlags
}

// Run prints the faults of the database, the boxes and the pushes, and changes nothing.
func (c cloudDoctorCmd) Run(w environment) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	store, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	return printFindings(w, checkCloudNode(ctx, store, time.Now()))
}

// checkCloudNode checks what all nodes share: the database, and in it the boxes and the pushes.
func checkCloudNode(ctx context.Context, store *pg.Store, now time.Time) []doctor.Finding {
	if err := store.CheckReady(ctx); err != nil {
		return []doctor.Finding{{Level: health.Fail, What: "the database takes no data: " + toUserError(err).Error(), Remedy: "boxes keep their facts. Mend the database; an older schema needs `livelearn cloud init`"}}
	}
	list := []doctor.Finding{{What: "the database answers and takes data"}}
	boxes, err := store.Boxes(ctx, "")
	if err != nil {
		return append(list, doctor.Finding{Level: health.Fail, What: "the boxes cannot be read: " + toUserError(err).Error()})
	}
	pushes, err := store.Pushes(ctx, "")
	if err != nil {
		return append(list, doctor.Finding{Level: health.Fail, What: "the pushes cannot be read: " + toUserError(err).Error()})
	}
	list = append(list, doctor.Finding{What: fmt.Sprintf("boxes: %d, pushes: %d", len(boxes), len(pushes))})
	for _, b := range boxes {
		list = append(list, judgeBox(b, now)...)
	}
	for _, p := range pushes {
		list = append(list, judgePush(p, now)...)
	}
	return list
}

func judgeBox(b pg.BoxState, now time.Time) (list []doctor.Finding) {
	if b.IsSilent(now) {
		list = append(list, doctor.Finding{
			Level: health.Warn, What: fmt.Sprintf("box %s of %q is silent: last heard of %s", b.Box, b.School, timeOrNever(b.Seen)),
			Remedy: "is it switched on, and in the school's network? `livelearn doctor` on the box says more. A holiday is no fault",
		})
	}
	if b.Revoked == nil && b.Dead > 0 {
		list = append(list, doctor.Finding{
			Level: health.Warn, What: fmt.Sprintf("facts of box %s of %q that were refused: %d", b.Box, b.School, b.Dead), Remedy: "`livelearn cloud dead` has the reasons",
		})
	}
	return list
}

// judgePush returns a finding for a push whose last try failed, and for one that no node runs.
func judgePush(p pg.Push, now time.Time) []doctor.Finding {
	switch name := fmt.Sprintf("push %s of %q to %s", p.Kind, p.School, p.Address); {
	case p.Failures > 0:
		return []doctor.Finding{{
			Level: health.Warn, What: fmt.Sprintf("%s: failed tries in a row: %d, last success %s: %s", name, p.Failures, timeOrNever(p.Succeeded), p.Problem),
			Remedy: fmt.Sprintf("it goes on where it was, at %s. With another address or secret set it again: livelearn cloud push %s", p.Next.Local().Format(time.DateTime), p.Kind),
		}}
	case now.Sub(p.Next) > idleTime:
		return []doctor.Finding{{
			Level: health.Warn, What: fmt.Sprintf("%s: due since %s, and no node does it", name, p.Next.Local().Format(time.DateTime)), Remedy: "start a node: livelearn cloud serve",
		}}
	}
	return nil
}

func timeOrNever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Local().Format(time.DateTime)
}
