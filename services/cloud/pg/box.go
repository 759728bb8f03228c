package pg

import (
	"context"
	"encoding/json"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const (
	oldest   = 1    // batch format of the oldest boxes that are taken
	pageSize = 1000 // items at once at most
)

// State tells a box where its facts stand here, and notes what it says of itself. box is
// who is authenticated.
func (s *Store) State(ctx context.Context, box string, self cloud.Self) (cloud.State, error) {
	switch {
	case self.Box != box:
		return cloud.State{}, stranger("State")
	case self.Format < oldest:
		return cloud.State{}, errs.Code("pg.State", errs.Denied, cloud.CodeBoxOlder, "batch format %d, at least %d", self.Format, oldest)
	}
	var raw []byte
	err := s.pool.QueryRow(ctx, `select livelearn.state($1, $2, $3, $4, $5, $6, $7)`,
		box, int64(self.Incarnation), clean(self.Name), clean(self.Version), self.Format, int64(self.Position), cloud.MaxDead).Scan(&raw)
	if err != nil {
		return cloud.State{}, fault("State", err)
	}
	return stateOf(raw)
}

func stranger(op string) error {
	return errs.Code("pg."+op, errs.Denied, cloud.CodeStranger, "it says to be another box than it is")
}

// letter is a dead letter as the database tells it.
type letter struct {
	cloud.Dead
	Incarnation int64 `json:"incarnation"` // the bits
}

func (l letter) dead() cloud.Dead {
	d := l.Dead
	d.Incarnation = uint64(l.Incarnation)
	return d
}

func stateOf(raw []byte) (cloud.State, error) {
	var in struct {
		Known  bool
		Pos    uint64
		Mark   int64
		School string
		Policy cloud.Policy
		Down   uint64
		Time   int64
		Twins  int
		Dead   []letter
		Others []struct {
			Incarnation int64
			Pos         uint64
			Last        int64
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return cloud.State{}, errs.New("pg.State", errs.Internal, err)
	}
	out := cloud.State{
		Twins: in.Twins,
		Known: in.Known, Pos: in.Pos, Mark: in.Mark, Format: batch.Format, School: in.School, Time: in.Time,
		Down: in.Down, Policy: in.Policy,
	}
	for _, l := range in.Dead {
		out.Dead = append(out.Dead, l.dead())
	}
	for _, o := range in.Others {
		out.Others = append(out.Others, cloud.Past{Incarnation: uint64(o.Incarnation), Pos: o.Pos, Last: o.Last})
	}
	return out, nil
}

// Pull gives what was decided for box's school after item since, at most most items
// (0 or more than 1000: 1000). box is who is authenticated.
func (s *Store) Pull(ctx context.Context, box string, since uint64, most int) (cloud.Page, error) {
	if most <= 0 || most > pageSize {
		most = pageSize
	}
	rows, err := s.pool.Query(ctx, `select n, kind, id, version, gone, data from livelearn.pull($1, $2, $3)`, box, int64(since), most+1)
	if err != nil {
		return cloud.Page{}, fault("Pull", err)
	}
	items, err := itemsOf(rows)
	if err != nil {
		return cloud.Page{}, fault("Pull", err)
	}
	page := cloud.Page{Items: items, Next: since}
	if len(items) > most {
		page.Items, page.More = items[:most], true
	}
	if n := len(page.Items); n > 0 {
		page.Next = page.Items[n-1].N
	}
	return page, nil
}

// Direct is a way out for a box that has a login of its own; the Store was opened with it.
func (s *Store) Direct(box string) cloud.Sink { return direct{s, box} }

type direct struct {
	store *Store
	box   string
}

func (d direct) State(ctx context.Context, self cloud.Self) (cloud.State, error) {
	state, err := d.store.State(ctx, d.box, self)
	return state, shut("State", err)
}

func (d direct) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	r, err := d.store.Ingest(ctx, d.box, b)
	return r, shut("Put", err)
}

func (d direct) Pull(ctx context.Context, since uint64, most int) (cloud.Page, error) {
	page, err := d.store.Pull(ctx, d.box, since, most)
	return page, shut("Pull", err)
}

// shut tells a box whose login was closed that it was revoked.
func shut(op string, err error) error {
	if barred(err) {
		return errs.Code("pg."+op, errs.Denied, cloud.CodeRevoked, "%w", err)
	}
	return err
}
