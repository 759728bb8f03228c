package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

// States of a rollout.
const (
	RolloutRunning = "running"
	RolloutStopped = "stopped" // by itself or by an operator
	RolloutDone    = "done"    // all stages are through, or an operator ended it
)

// Rollout brings a release to boxes in stages.
type Rollout struct {
	ID      int64     `json:"id"`
	Board   string    `json:"board"`
	Version string    `json:"version"`
	Build   int64     `json:"build"`
	School  string    `json:"school,omitempty"` // empty means all
	Stages  []string  `json:"stages"`
	Stage   int       `json:"stage"` // the present one, from 1
	State   string    `json:"state"`
	Why     string    `json:"why,omitempty"` // it is stopped
	Night   bool      `json:"night"`         // boxes install it at night; else as soon as no lesson is open
	Try     int       `json:"try"`
	Started time.Time `json:"started"`
	Changed time.Time `json:"changed"`

	Boxes     int `json:"boxes"`   // of all stages
	Offered   int `json:"offered"` // boxes that may install it now
	Installed int `json:"installed"`
	Failed    int `json:"failed"` // without those that an operator went on without
	Excused   int `json:"excused"`
}

// RolloutBox is the progress of one box.
type RolloutBox struct {
	Box      string     `json:"box"`
	Name     string     `json:"name"`
	School   string     `json:"school"`
	Stage    int        `json:"stage"`
	Offered  *time.Time `json:"offered,omitempty"`
	Excused  bool       `json:"excused,omitempty"`
	State    string     `json:"state,omitempty"` // as the box reported it, empty: it reported nothing
	Code     string     `json:"code,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Reported *time.Time `json:"reported,omitempty"`
}

// RolloutPlan is what an operator decides at the start.
type RolloutPlan struct {
	Release int64
	School  string // empty means all
	Stages  []string
	Night   bool
}

// StartRollout offers a release to the boxes of the first stage. It takes the boxes of the release's
// board that report an older build.
func (s *Store) StartRollout(ctx context.Context, p RolloutPlan) (id int64, err error) {
	if _, err := ParseStages(strings.Join(p.Stages, ",")); err != nil {
		return 0, err
	}
	d := Deed{School: p.School, Action: "rollout started", Detail: strings.Join(p.Stages, ", ")}
	err = s.change(ctx, "StartRollout", d, func(tx pgx.Tx, d *Deed) error {
		// One start after the other: two at once would both find that a box is in no rollout.
		if _, err := tx.Exec(ctx, `lock table livelearn.rollouts in share row exclusive mode`); err != nil {
			return err
		}
		var board string
		var build int64
		err := tx.QueryRow(ctx, `select board, build, version from livelearn.releases where id = $1 for update`, p.Release).Scan(&board, &build, &d.Object)
		if isNoRows(err) {
			err = errs.NewField("pg.StartRollout", "release", "no_release", 0, "there is no release %d", p.Release)
		}
		if err == nil && p.School != "" {
			err = s.FindSchool(ctx, p.School)
		}
		if err != nil {
			return err
		}
		boxes, err := planRollout(ctx, tx, p, board, build)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `insert into livelearn.rollouts (release, school, stages, night) values ($1, (select id from livelearn.schools where name = $2), $3, $4) returning id`,
			p.Release, p.School, p.Stages, p.Night).Scan(&id); err != nil {
			return err
		}
		for _, b := range boxes {
			if _, err := tx.Exec(ctx, `insert into livelearn.rollout_boxes (rollout, box, stage) values ($1, $2, $3)`, id, b.box, b.stage); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `select livelearn.offer_update($1, false)`, id)
		return err
	})
	return id, err
}

// planRollout returns the boxes of a rollout with their stages.
func planRollout(ctx context.Context, tx pgx.Tx, p RolloutPlan, board string, build int64) ([]plannedBox, error) {
	rows, err := tx.Query(ctx, `select box, school from livelearn.boxes_seen where revoked is null and ($1 = '' or school = $1)
		and report ->> 'board' = $2 and livelearn.whole(report -> 'build') < $3`, p.School, board, build)
	if err != nil {
		return nil, err
	}
	boxes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b plannedBox, err error) {
		return b, row.Scan(&b.box, &b.school)
	})
	if err != nil {
		return nil, err
	}
	if len(boxes) == 0 {
		return nil, errs.NewField("pg.StartRollout", "release", "no_box", 0, "there is no box with the board %q and an older build that reports them", board)
	}
	if err := planStages(p.Stages, boxes, build); err != nil {
		return nil, err
	}
	boxes = slices.DeleteFunc(boxes, func(b plannedBox) bool { return b.stage == 0 })
	names := make([]string, len(boxes))
	for i, b := range boxes {
		names[i] = b.box
	}
	var box string
	var other int64
	err = tx.QueryRow(ctx, `select r.box, o.id from livelearn.rollout_boxes r join livelearn.rollouts o on o.id = r.rollout where o.state <> 'done' and r.box = any ($1) limit 1`, names).Scan(&box, &other)
	if isNoRows(err) {
		return boxes, nil
	}
	if err == nil {
		err = errs.NewField("pg.StartRollout", "release", "box_taken", 0, "the box %s is in rollout %d: end that first", box, other)
	}
	return nil, err
}

// rolloutSQL selects a Rollout.
const rolloutSQL = `select o.id, l.board, l.version, l.build, coalesce(s.name, ''), o.stages, o.stage, o.state, o.why, o.night, o.try, o.started, o.changed,
		count(r.box), count(r.offered), count(*) filter (where r.state = 'installed'), count(*) filter (where r.state = 'failed' and not r.excused), count(*) filter (where r.excused)
	from livelearn.rollouts o join livelearn.releases l on l.id = o.release left join livelearn.schools s on s.id = o.school
	left join livelearn.rollout_boxes r on r.rollout = o.id where `

// Rollouts returns the rollouts of a school, or all, newest first.
func (s *Store) Rollouts(ctx context.Context, school string) ([]Rollout, error) {
	rows, err := s.pool.Query(ctx, rolloutSQL+`$1 = '' or s.name = $1 group by o.id, l.id, s.id order by o.id desc limit 100`, school)
	if err != nil {
		return nil, wrapError("Rollouts", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Rollout])
	return list, wrapError("Rollouts", err)
}

// FindRollout returns a rollout of a school, or of all, and its boxes by stage.
func (s *Store) FindRollout(ctx context.Context, school string, id int64) (o Rollout, boxes []RolloutBox, err error) {
	rows, err := s.pool.Query(ctx, rolloutSQL+`o.id = $1 and ($2 = '' or s.name = $2) group by o.id, l.id, s.id`, id, school)
	if err == nil {
		o, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Rollout])
	}
	if isNoRows(err) {
		err = errNoRollout("FindRollout", id)
	}
	if err == nil {
		rows, err = s.pool.Query(ctx, `select r.box, case when b.label <> '' then b.label else b.name end, s.name, r.stage, r.offered, r.excused, r.state, r.code, r.reason, r.reported
			from livelearn.rollout_boxes r join livelearn.boxes b on b.id = r.box join livelearn.schools s on s.id = b.school
			where r.rollout = $1 order by r.stage, r.state = 'installed', s.name, r.box`, id)
	}
	if err == nil {
		boxes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RolloutBox])
	}
	return o, boxes, wrapError("FindRollout", err)
}

func errNoRollout(op string, id int64) error {
	return errs.NewCode("pg."+op, errs.Missing, "no_rollout", "there is no rollout %d", id)
}

// changeRollout locks a rollout that is in one of the states, changes it and records the deed.
func (s *Store) changeRollout(ctx context.Context, op string, id int64, action string, states []string, fn func(pgx.Tx, *Deed) error) error {
	return s.change(ctx, op, Deed{Action: action}, func(tx pgx.Tx, d *Deed) error {
		var state string
		err := tx.QueryRow(ctx, `select o.state, l.version, coalesce(s.name, '') from livelearn.rollouts o join livelearn.releases l on l.id = o.release
			left join livelearn.schools s on s.id = o.school where o.id = $1 for update of o`, id).Scan(&state, &d.Object, &d.School)
		if isNoRows(err) {
			return errNoRollout(op, id)
		}
		if err == nil && !slices.Contains(states, state) {
			err = errs.NewCode("pg."+op, errs.Stale, "rollout_state", "the rollout %d is %s", id, state)
		}
		if err != nil {
			return err
		}
		d.Detail = fmt.Sprint("rollout ", id)
		return fn(tx, d)
	})
}

// StopRollout takes the release back from all boxes that have not installed it.
func (s *Store) StopRollout(ctx context.Context, id int64) error {
	return s.changeRollout(ctx, "StopRollout", id, "rollout stopped", []string{RolloutRunning}, func(tx pgx.Tx, _ *Deed) error {
		return stopRollout(ctx, tx, id, RolloutStopped, "an operator stopped it")
	})
}

// EndRollout stops a rollout for good. Its boxes can be part of another one.
func (s *Store) EndRollout(ctx context.Context, id int64) error {
	return s.changeRollout(ctx, "EndRollout", id, "rollout ended", []string{RolloutRunning, RolloutStopped}, func(tx pgx.Tx, _ *Deed) error {
		return stopRollout(ctx, tx, id, RolloutDone, "an operator ended it")
	})
}

func stopRollout(ctx context.Context, tx pgx.Tx, id int64, state, why string) error {
	if _, err := tx.Exec(ctx, `select livelearn.offer_update($1, true)`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `update livelearn.rollouts set state = $2, why = $3, changed = now() where id = $1`, id, state, cleanText(why))
	return err
}

// ResumeRollout goes on with a stopped rollout. The boxes that failed are tried again, or left out.
func (s *Store) ResumeRollout(ctx context.Context, id int64, retry bool) error {
	action := "rollout goes on"
	if retry {
		action = "rollout tries again"
	}
	return s.changeRollout(ctx, "ResumeRollout", id, action, []string{RolloutStopped}, func(tx pgx.Tx, _ *Deed) error {
		boxes := `update livelearn.rollout_boxes set excused = true, offered = null where rollout = $1 and (state = 'failed' or state = 'installed' and code = 'health')`
		if retry {
			boxes = `update livelearn.rollout_boxes set state = case when state = 'failed' then '' else state end, code = '', reason = '',
				offered = case when state = 'failed' then null else offered end where rollout = $1 and (state = 'failed' or code = 'health')`
		}
		for _, sql := range []string{
			`update livelearn.rollouts set state = 'running', why = '', try = try + 1, changed = now() where id = $1`, boxes, `select livelearn.offer_update($1, false)`,
		} {
			if _, err := tx.Exec(ctx, sql, id); err != nil {
				return err
			}
		}
		return nil
	})
}
