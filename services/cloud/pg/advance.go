package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

// stageState is what the boxes of the stages so far report.
type stageState struct {
	open    int    // boxes of the present stage that are not through
	failing string // a box that failed, empty if there is none
	why     string
}

// AdvanceRollouts begins the next stage of rollouts whose boxes are all through, and stops those that
// have a failing box. Any node may call it. It returns the number of changes.
//
// A box is through when it reports that the release runs and its next report of itself has no check
// that fails, or when it was revoked. A box that is silent holds its stage.
func (s *Store) AdvanceRollouts(ctx context.Context) (n int, err error) {
	rows, err := s.pool.Query(ctx, `select id from livelearn.rollouts where state = 'running' order by id`)
	if err != nil {
		return 0, wrapError("AdvanceRollouts", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, wrapError("AdvanceRollouts", err)
	}
	for _, id := range ids {
		changed := false
		fault := s.inTx(ctx, "AdvanceRollouts", func(tx pgx.Tx) (err error) {
			changed, err = advanceRollout(ctx, tx, id)
			return err
		})
		if fault == nil && changed {
			n++
		}
		err = errors.Join(err, fault) // a rollout that cannot go on holds no other
	}
	return n, err
}

func advanceRollout(ctx context.Context, tx pgx.Tx, id int64) (changed bool, err error) {
	var stage, stages int
	var build int64
	d := Deed{Detail: fmt.Sprint("rollout ", id)}
	err = tx.QueryRow(ctx, `select o.stage, cardinality(o.stages), l.build, l.version, coalesce(s.name, '') from livelearn.rollouts o join livelearn.releases l on l.id = o.release
		left join livelearn.schools s on s.id = o.school where o.id = $1 and o.state = 'running' for update of o skip locked`, id).Scan(&stage, &stages, &build, &d.Object, &d.School)
	if isNoRows(err) {
		return false, nil // another node does it
	}
	if err != nil {
		return false, err
	}
	st, err := readStage(ctx, tx, id, build)
	switch {
	case err != nil:
		return false, err
	case st.failing != "":
		d.Action = "rollout stopped by itself"
		d.Detail += ": " + st.failing + ": " + st.why
		err = stopRollout(ctx, tx, id, RolloutStopped, st.failing+": "+st.why)
	case st.open > 0:
		return false, nil
	case stage < stages:
		d.Action = fmt.Sprint("rollout stage ", stage+1, " begins")
		err = beginNextStage(ctx, tx, id)
	default:
		d.Action = "rollout finished"
		_, err = tx.Exec(ctx, `update livelearn.rollouts set state = 'done', changed = now() where id = $1`, id)
	}
	if err != nil {
		return false, err
	}
	return true, record(ctx, tx, "AdvanceRollouts", d)
}

func beginNextStage(ctx context.Context, tx pgx.Tx, id int64) error {
	if _, err := tx.Exec(ctx, `update livelearn.rollouts set stage = stage + 1, changed = now() where id = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `select livelearn.offer_update($1, false)`, id)
	return err
}

// SkipStage begins the next stage now. The boxes that the present one waits for keep their offer, and
// hold nothing up any more.
func (s *Store) SkipStage(ctx context.Context, id int64) error {
	return s.changeRollout(ctx, "SkipStage", id, "rollout stage skipped", []string{RolloutRunning}, func(tx pgx.Tx, _ *Deed) error {
		var last bool
		if err := tx.QueryRow(ctx, `select stage = cardinality(stages) from livelearn.rollouts where id = $1`, id).Scan(&last); err != nil {
			return err
		}
		if last {
			return errs.NewCode("pg.SkipStage", errs.Stale, "last_stage", "the rollout %d is in its last stage", id)
		}
		return beginNextStage(ctx, tx, id)
	})
}

// readStage reads what the boxes report. A box whose health fails with the new build is failing too.
func readStage(ctx context.Context, tx pgx.Tx, id, build int64) (st stageState, err error) {
	if _, err := tx.Exec(ctx, `update livelearn.rollout_boxes r set code = 'health', reason = 'its health fails with the new version' from livelearn.boxes_seen b
		where r.rollout = $1 and b.box = r.box and r.state = 'installed' and not r.excused and r.code = ''
			and livelearn.whole(b.report -> 'build') >= $2 and b.report ->> 'worst' = 'fail'`, id, build); err != nil {
		return st, err
	}
	err = tx.QueryRow(ctx, `select count(*) filter (where r.stage = o.stage and b.revoked is null and not r.excused and not (r.state = 'installed' and coalesce(livelearn.whole(b.report -> 'build'), 0) >= $2)),
			coalesce(min(r.box) filter (where r.fails), ''),
			coalesce((array_agg(coalesce(nullif(r.reason, ''), nullif(r.code, ''), 'it failed') order by r.box) filter (where r.fails))[1], '')
		from livelearn.rollouts o join (select *, not excused and (state = 'failed' or code = 'health' and state = 'installed') as fails from livelearn.rollout_boxes) r on r.rollout = o.id
		join livelearn.boxes_seen b on b.box = r.box where o.id = $1 and r.stage <= o.stage`, id, build).Scan(&st.open, &st.failing, &st.why)
	return st, err
}
