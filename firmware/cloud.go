package firmware

import (
	"context"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/stick"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
)

const cloudFile = "cloud.db"

// buildCloud makes the link to the school's database elsewhere. It is there on every box and
// does nothing until an admin links the box.
func (b *Box) buildCloud(clock *event.Clock) (err error) {
	b.defs = map[event.Kind]event.Def{}
	for _, d := range slices.Concat(jobs.Events(), cloud.Events()) {
		b.defs[d.Kind] = d
	}
	b.ledger = cloud.NewLedger(b.journal, clock, b.log("cloud"))
	b.cloud, err = cloud.New(b.cfg.cloud(), cloud.Deps{
		Journal: b.journal, Ledger: b.ledger, Clock: clock, Health: b.health, Way: ways{b.cfg.Version}, Down: b.downlink(),
		Def: b.def, Lists: b.lists, Report: b.report, Version: b.cfg.Version, Log: b.log("cloud"), Metrics: b.registry,
		Box: func() (id, name string, err error) {
			box, err := b.roster.Box()
			return box.ID, box.Name, err
		},
	})
	return err
}

// def is how facts of a kind are treated, whoever records them.
func (b *Box) def(kind event.Kind) (event.Def, bool) {
	if d, ok := b.rooms.Def(kind); ok {
		return d, true
	}
	d, ok := b.defs[kind]
	return d, ok
}

// lists are the class lists as the cloud is told of them.
func (b *Box) lists() ([]cloud.Listing, error) {
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

// report is how the box is.
func (b *Box) report() cloud.Report {
	r := cloud.Report{
		Version: b.cfg.Version, Uptime: int64(time.Since(b.began).Seconds()), Full: b.journal.Full(), Worst: health.OK.String(),
		Letters: len(b.letters.List()),
	}
	if free, err := freeBytes(b.cfg.Data); err == nil {
		r.Free = int64(free) //nolint:gosec // no disk is that large
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

// downlink brings down what the school decides in the cloud.
func (b *Box) downlink() *cloud.Downlink {
	return &cloud.Downlink{Roster: b.roster, Library: b.library, Erase: b.eraseFor, Log: b.log("cloud")}
}

// tellErasure has the cloud forget a pupil whom the box has forgotten.
func (b *Box) tellErasure(ctx context.Context, pupil string) error {
	return b.ledger.Tell(ctx, cloud.Erased, cloud.Erasure{Pupil: pupil})
}

// eraseFor adds the job that forgets a pupil whom the school wants forgotten.
func (b *Box) eraseFor(ctx context.Context, pupil string) error {
	_, err := b.letters.Add(ctx, jobs.NewJob{
		Kind: gateway.EraseKind, By: byCloud, Input: gateway.EraseInput{Pupil: pupil}, Key: gateway.EraseKind + " " + pupil,
	})
	return err
}

// ways are the ways out of a box.
type ways struct{ version string }

// Join lets the box in at a cloud, or looks whether a database takes it.
func (w ways) Join(ctx context.Context, link string, self cloud.Self) (cloud.Link, error) {
	if !strings.HasPrefix(link, cloud.WayPostgres) {
		return https.Enrol(ctx, link, self)
	}
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return cloud.Link{}, errs.Field("cloud.Link", "link", "bad_address", 0, "must be like postgres://user:password@host/database")
	}
	l := cloud.Link{Way: cloud.WayPostgres, Where: u.Host, URL: link}
	sink, done, err := w.Open(ctx, l)
	if err != nil {
		return l, err
	}
	defer done()
	state, err := sink.State(ctx, self)
	l.School = state.School
	return l, err
}

// Open gives the way out of a link.
func (w ways) Open(ctx context.Context, l cloud.Link) (cloud.Sink, func(), error) {
	switch l.Way {
	case cloud.WayPostgres:
		store, err := pg.Open(ctx, l.URL)
		if err != nil {
			return nil, nil, err
		}
		return store.Direct(l.Box), store.Close, nil
	default:
		c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key, Version: w.version})
		if err != nil {
			return nil, nil, err
		}
		return c, c.Close, nil
	}
}

// Pack begins a file for a stick.
func (ways) Pack(w io.Writer, self cloud.Self) (cloud.Packer, error) { return stick.NewWriter(w, self) }

// cloud is the package's Config with its place in the data folder.
func (c Config) cloud() cloud.Config {
	c.Cloud.Path = filepath.Join(c.Data, cloudFile)
	return c.Cloud
}
