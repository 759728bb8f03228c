package pg

import (
	"context"
	"encoding/json"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const (
	oldestFormat = 1    // batch format of the oldest boxes that the cloud accepts
	pageSize     = 1000 // most items of one Pull
)

// State returns the cloud's state for a box and stores what the box reports of itself. box is the
// authenticated id.
func (s *Store) State(ctx context.Context, box string, self cloud.Self) (cloud.State, error) {
	switch {
	case self.Box != box:
		return cloud.State{}, errStranger("State")
	case self.Format < oldestFormat:
		return cloud.State{}, errs.NewCode("pg.State", errs.Denied, cloud.CodeBoxOlder, "batch format %d, at least %d", self.Format, oldestFormat)
	}
	var raw []byte
	err := s.pool.QueryRow(ctx, `select livelearn.state($1, $2, $3, $4, $5, $6, $7)`,
		box, int64(self.Incarnation), cleanText(self.Name), cleanText(self.Version), self.Format, int64(self.Position), cloud.MaxDead).Scan(&raw)
	if err != nil {
		return cloud.State{}, wrapError("State", err)
	}
	return parseState(raw)
}

func errStranger(op string) error {
	return errs.NewCode("pg."+op, errs.Denied, cloud.CodeStranger, "the request names another box than the session")
}

// deadRow is a dead letter as the database returns it.
type deadRow struct {
	cloud.Dead
	Incarnation int64 `json:"incarnation"` // the bits of the uint64
}

func (l deadRow) toDead() cloud.Dead {
	d := l.Dead
	d.Incarnation = uint64(l.Incarnation)
	return d
}

func parseState(raw []byte) (cloud.State, error) {
	var in struct {
		Known  bool
		Pos    uint64
		Mark   int64
		School string
		Policy cloud.Policy
		Down   uint64
		Time   int64
		Twins  int
		Dead   []deadRow
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
		out.Dead = append(out.Dead, l.toDead())
	}
	for _, o := range in.Others {
		out.Others = append(out.Others, cloud.Past{Incarnation: uint64(o.Incarnation), Pos: o.Pos, Last: o.Last})
	}
	return out, nil
}

// Pull returns items of the box's school after item since, at most most of them. 0 and values
// above 1000 mean 1000. box is the authenticated id.
func (s *Store) Pull(ctx context.Context, box string, since uint64, most int) (cloud.Page, error) {
	if most <= 0 || most > pageSize {
		most = pageSize
	}
	rows, err := s.pool.Query(ctx, `select n, kind, id, version, gone, data from livelearn.pull($1, $2, $3)`, box, int64(since), most+1)
	if err != nil {
		return cloud.Page{}, wrapError("Pull", err)
	}
	items, err := collectItems(rows)
	if err != nil {
		return cloud.Page{}, wrapError("Pull", err)
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

// DirectSink returns the Sink of a box with its own database login. The Store was opened with it.
func (s *Store) DirectSink(box string) cloud.Sink { return directSink{s, box} }

type directSink struct {
	store *Store
	box   string
}

func (d directSink) State(ctx context.Context, self cloud.Self) (cloud.State, error) {
	state, err := d.store.State(ctx, d.box, self)
	return state, asRevoked("State", err)
}

func (d directSink) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	r, err := d.store.Ingest(ctx, d.box, b)
	return r, asRevoked("Put", err)
}

func (d directSink) Pull(ctx context.Context, since uint64, most int) (cloud.Page, error) {
	page, err := d.store.Pull(ctx, d.box, since, most)
	return page, asRevoked("Pull", err)
}

// asRevoked gives CodeRevoked to the error of a login that may not connect or call.
func asRevoked(op string, err error) error {
	if isAccessDenied(err) {
		return errs.NewCode("pg."+op, errs.Denied, cloud.CodeRevoked, "%w", err)
	}
	return err
}
