package firmware

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

const (
	firstSweep = 5 * time.Minute // after the start: boxes are switched off at night
	eachSweep  = 24 * time.Hour
	leap       = 120 * 24 * time.Hour // a clock so far ahead of the last fact may be wrong
)

// retention empties what has been kept long enough: once soon after the start and then
// each day. A fact keeps its place and loses its payload; event.Def.Keep and the admin's
// settings say after how long. Lessons and the files of their results go whole.
//
// A clock that is not set deletes nothing, and one that has leapt by months since the last
// fact must show the same for a day first.
type retention struct {
	journal *journal.Journal
	roster  *roster.Roster
	def     func(event.Kind) (event.Def, bool)
	results string // the folder with the results
	records string // the folder with the recordings
	health  *health.Health
	log     *slog.Logger
}

func (b *Box) retention() *retention {
	return &retention{
		journal: b.journal, roster: b.roster, def: b.def, results: b.folder.Name(resultsDir), records: b.folder.Name(recordsDir),
		health: b.health, log: b.log("retention"),
	}
}

// String is the service's name.
func (r *retention) String() string { return "retention" }

// Serve sweeps until ctx ends.
func (r *retention) Serve(ctx context.Context) error {
	started := time.Now()
	for pause := firstSweep; ; pause = eachSweep {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if !r.clockIsRight(time.Since(started)) {
			continue
		}
		if err := r.sweep(ctx); ctx.Err() == nil && err != nil {
			r.health.Set("retention", health.Warn, "not_swept", "what has been kept long enough could not all be emptied")
			r.log.Error("retention did not finish", "err", err)
			continue
		}
		r.health.Set("retention", health.OK, "", "")
	}
}

// clockIsRight tells whether the clock may decide what goes.
func (r *retention) clockIsRight(up time.Duration) bool {
	now := time.Now()
	if !plausible(now) {
		return false
	}
	return up >= eachSweep || now.Sub(r.lastFact()) < leap
}

// plausible tells a clock that was set from one that was not.
func plausible(at time.Time) bool { return checkClock(at).Level == health.OK }

// lastFact is when the last fact of the box happened; the zero time when there is none.
func (r *retention) lastFact() (at time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	last := r.journal.Position()
	if last == 0 {
		return time.Now()
	}
	for e, err := range r.journal.Follow(ctx, last-1) {
		if err == nil {
			at = time.UnixMilli(e.Stamp.Wall)
		}
		break
	}
	return at
}

// sweep empties and deletes what has been kept long enough.
func (r *retention) sweep(ctx context.Context) error {
	set, err := r.roster.Settings() // of the admin
	if err != nil {
		return err
	}
	now := time.Now()
	cut := cuts{
		event.KeepChat: now.AddDate(0, 0, -set.ChatDays).UnixMilli(),
		event.KeepYear: now.AddDate(0, 0, -set.ResultsDays).UnixMilli(),
	}
	streams, err := r.journal.Streams()
	if err != nil {
		return err
	}
	emptied := 0
	for _, stream := range streams {
		n, err := r.empty(ctx, stream, cut)
		if emptied += n; err != nil {
			return err
		}
	}
	ids, err := r.roster.ForgetLessons(cut[event.KeepYear])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := errors.Join(os.RemoveAll(filepath.Join(r.results, id)), os.RemoveAll(filepath.Join(r.records, id))); err != nil {
			return errs.New("retention", errs.Down, err)
		}
	}
	if emptied+len(ids) > 0 {
		r.log.Info("what has been kept long enough is gone", "facts", emptied, "lessons", len(ids))
	}
	return nil
}

// cuts are the times before which facts have been kept long enough.
type cuts map[event.Keep]int64

// empty takes the payloads out of a stream's facts whose time has come. What a lesson was
// called, and when it was, stays: rooms are rebuilt by it, and it is about nobody.
func (r *retention) empty(ctx context.Context, stream string, cut cuts) (int, error) {
	times, err := r.times(ctx, stream)
	if err != nil {
		return 0, err
	}
	return r.journal.Rewrite(ctx, stream, room.LessonStarted, func(e *event.Event) bool {
		if gone(*e) || e.Kind == room.LessonStarted || e.Kind == room.LessonEnded || times.of(*e) >= cut[r.keep(*e)] {
			return false
		}
		e.Data = json.RawMessage("null")
		return true
	})
}

// gone tells that a fact was emptied before.
func gone(e event.Event) bool { return len(e.Data) == 0 || string(e.Data) == "null" }

// keep is how long a fact is kept. A kind that nobody knows is kept for long.
func (r *retention) keep(e event.Event) event.Keep {
	d, _ := r.def(e.Kind) // the zero Def is kept for long
	return d.Keep
}

// never is a time that no cut reaches.
const never = int64(1) << 62

// times tell when facts happened that were recorded while the clock was not set: no later
// than the next one that was recorded by a clock that was.
type times struct{ gaps []gap }

type gap struct {
	from, to uint64 // seqs
	at       int64  // of the next fact with a time
}

func (r *retention) times(ctx context.Context, stream string) (t times, err error) {
	open := false
	for e, err := range r.journal.Replay(stream, 0) {
		switch {
		case ctx.Err() != nil:
			return t, context.Cause(ctx)
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return t, err
		case err != nil:
			continue
		case plausible(time.UnixMilli(e.Stamp.Wall)):
			if open {
				t.gaps[len(t.gaps)-1].at, open = e.Stamp.Wall, false
			}
		case open:
			t.gaps[len(t.gaps)-1].to = e.Seq
		default:
			t.gaps, open = append(t.gaps, gap{e.Seq, e.Seq, never}), true
		}
	}
	return t, nil
}

func (t times) of(e event.Event) int64 {
	for _, g := range t.gaps {
		if g.from <= e.Seq && e.Seq <= g.to {
			return g.at
		}
	}
	return e.Stamp.Wall
}
