package firmware

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/privacy"
	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/transports"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
)

// buildCloud makes the client of the school's cloud. Every box has one. It does nothing until an
// admin links the box.
func (b *Box) buildCloud(clock *event.Clock) (err error) {
	b.eventDefs = map[event.Kind]event.Def{}
	for _, d := range slices.Concat(jobs.Events(), cloud.Events(), audit.Events()) {
		b.eventDefs[d.Kind] = d
	}
	b.ledger = cloud.NewLedger(b.journal, clock, b.loggerFor("cloud"))
	b.cloud, err = cloud.New(b.cfg.cloudConfig(), cloud.Deps{
		Journal: b.journal, Ledger: b.ledger, Clock: clock, Health: b.health, Transport: transports.Transports{Version: b.cfg.Version, Proxy: b.cfg.Network.Proxy, AllowPrivate: b.cfg.Cloud.AllowPrivate}, Down: b.newDownlink(),
		Def: b.eventDef, Lists: b.classLists, Report: b.cloudReport, Version: b.cfg.Version, Log: b.loggerFor("cloud"), Metrics: b.registry,
		Box: func() (id, name string, err error) {
			box, err := b.roster.Box()
			return box.ID, box.Name, err
		},
	})
	return err
}

// eventDef returns the definition of a kind of facts, of a room or of the box.
func (b *Box) eventDef(kind event.Kind) (event.Def, bool) {
	if d, ok := b.rooms.Def(kind); ok {
		return d, true
	}
	d, ok := b.eventDefs[kind]
	return d, ok
}

// classLists returns the class lists in the form that the cloud gets.
func (b *Box) classLists() ([]cloud.Listing, error) {
	classes, err := b.roster.Classes()
	list := make([]cloud.Listing, 0, len(classes))
	for _, c := range classes {
		l := cloud.Listing{Class: c.ID, Name: c.Name, Source: c.Source, Pupils: []cloud.ListedPupil{}}
		for _, p := range c.Pupils {
			l.Pupils = append(l.Pupils, cloud.ListedPupil{ID: p.ID, Name: p.Name, Source: p.Source})
		}
		list = append(list, l)
	}
	return list, err
}

// cloudReport returns the state of the box for the cloud.
func (b *Box) cloudReport() cloud.Report {
	r := cloud.Report{
		Version: b.cfg.Version, Uptime: int64(time.Since(b.startedAt).Seconds()), Full: b.journal.Full(), Worst: health.OK.String(),
		Letters: len(b.jobs.ListDeadLetters()), Build: b.parts.Release.Build,
	}
	if b.takesUpdates() {
		r.Board = b.parts.Release.Board
	}
	if free, err := datafolder.FreeBytes(b.cfg.Data); err == nil {
		r.Free = int64(free) // no disk is that large
	}
	codes := map[string]string{}
	for _, c := range b.health.List() {
		if c.Level > health.OK {
			codes[c.Name] = c.Code
		}
	}
	if list := b.health.List(); len(list) > 0 {
		r.Worst = list[0].Level.String()
	}
	r.Checks = codes
	return r
}

// reportGrades records grades for the cloud. Grades that are too large for a fact stay on the box.
func (b *Box) reportGrades(ctx context.Context, g cloud.Grades) error {
	err := b.ledger.AppendFact(ctx, cloud.Graded, g)
	if errs.KindOf(err) == errs.Invalid && err != nil {
		b.loggerFor("cloud").Error("the grades of a lesson are too large for the cloud", "lesson", g.Lesson, "err", err)
		return nil
	}
	return err
}

// newDownlink applies the decisions that the school makes in the cloud.
func (b *Box) newDownlink() *cloud.Downlink {
	erase := func(ctx context.Context, pupil string) error {
		if _, err := b.newPrivacy().EnqueueErasure(ctx, pupil, privacy.ByCloud); err != nil {
			return err
		}
		return b.audit.Record(ctx, audit.Entry{Action: "pupil.erased", From: privacy.ByCloud, Target: pupil})
	}
	return &cloud.Downlink{Roster: b.roster, Library: b.library, Erase: erase, Update: b.followUpdate, Log: b.loggerFor("cloud")}
}

// reportErasure has the cloud forget a pupil whom the box has forgotten.
func (b *Box) reportErasure(ctx context.Context, pupil string) error {
	return b.ledger.AppendFact(ctx, cloud.Erased, cloud.Erasure{Pupil: pupil})
}

// cloudConfig is the package's Config with its place in the data folder.
func (c Config) cloudConfig() cloud.Config {
	c.Cloud.Path = filepath.Join(c.Data, datafolder.CloudFile)
	return c.Cloud
}
