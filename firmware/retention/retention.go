// Package retention deletes personal data when its time is over. Package firmware starts one Service
// for each box. Event.Def.Keep and the settings of the admin decide how long a fact is kept.
//
// A clock that was not set deletes nothing.
package retention

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

const (
	firstSweepAfter = 5 * time.Minute // after the start: boxes are switched off at night
	sweepInterval   = 24 * time.Hour
	maxClockLeap    = 120 * 24 * time.Hour // a clock so far ahead of the last fact may be wrong
)

// Service removes expired data, once soon after the start and then each day. A fact keeps its
// place and loses its payload. Event.Def.Keep and the admin's settings set the time. Lessons and
// the files of their results are deleted as a whole.
//
// A clock that is not set deletes nothing. A clock that has jumped by months since the last
// fact is trusted after a day.
type Service struct {
	Journal    *journal.Journal
	Roster     *roster.Roster
	EventDef   func(event.Kind) (event.Def, bool)
	Results    string // the folder with the results
	Recordings string // the folder with the recordings
	Health     *health.Health
	Log        *slog.Logger
}

// String is the service's name.
func (r *Service) String() string { return "retention" }

// Serve sweeps until ctx ends.
func (r *Service) Serve(ctx context.Context) error {
	started := time.Now()
	for pause := firstSweepAfter; ; pause = sweepInterval {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if !r.isClockTrusted(time.Since(started)) {
			continue
		}
		if err := r.sweepExpired(ctx); ctx.Err() == nil && err != nil {
			r.Health.SetCheck("retention", health.Warn, "not_swept", "what has been kept long enough could not all be emptied")
			r.Log.Error("retention did not finish", "err", err)
			continue
		}
		r.Health.SetCheck("retention", health.OK, "", "")
	}
}

// isClockTrusted says whether retention may use the clock.
func (r *Service) isClockTrusted(up time.Duration) bool {
	now := time.Now()
	if !IsPlausibleTime(now) {
		return false
	}
	return up >= sweepInterval || now.Sub(r.lastFact()) < maxClockLeap
}

// IsPlausibleTime says whether at comes from a clock that was set.
func IsPlausibleTime(at time.Time) bool { return doctor.CheckClock(at).Level == health.OK }

// lastFact returns the time of the last fact of the box, or the zero time.
func (r *Service) lastFact() (at time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	last := r.Journal.Position()
	if last == 0 {
		return time.Now()
	}
	for e, err := range r.Journal.Follow(ctx, last-1) {
		if err == nil {
			at = time.UnixMilli(e.Stamp.Wall)
		}
		break
	}
	return at
}

// sweepExpired empties and deletes what has been kept long enough.
func (r *Service) sweepExpired(ctx context.Context) error {
	set, err := r.Roster.Settings() // of the admin
	if err != nil {
		return err
	}
	now := time.Now()
	cut := cutoffs{
		event.KeepChat:  now.AddDate(0, 0, -set.ChatDays).UnixMilli(),
		event.KeepYear:  now.AddDate(0, 0, -set.ResultsDays).UnixMilli(),
		event.KeepAudit: now.AddDate(-1, 0, 0).UnixMilli(), // no admin shortens it
	}
	streams, err := r.Journal.Streams()
	if err != nil {
		return err
	}
	emptied := 0
	for _, stream := range streams {
		n, err := r.redactStream(ctx, stream, cut)
		if emptied += n; err != nil {
			return err
		}
	}
	ids, err := r.Roster.ForgetLessons(cut[event.KeepYear])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := errors.Join(os.RemoveAll(filepath.Join(r.Results, id)), os.RemoveAll(filepath.Join(r.Recordings, id))); err != nil {
			return errs.New("retention", errs.Down, err)
		}
	}
	if emptied+len(ids) > 0 {
		r.Log.Info("what has been kept long enough is gone", "facts", emptied, "lessons", len(ids))
	}
	return nil
}

// cutoffs are the times before which facts have been kept long enough.
type cutoffs map[event.Keep]int64

// redactStream removes the payloads of a stream's expired facts. The title and the times of a
// lesson stay, because rooms are rebuilt from them and they are not about a person.
func (r *Service) redactStream(ctx context.Context, stream string, cut cutoffs) (int, error) {
	times, err := r.readTimes(ctx, stream)
	if err != nil {
		return 0, err
	}
	return r.Journal.Rewrite(ctx, stream, room.LessonStarted, func(e *event.Event) bool {
		if IsRedacted(*e) || e.Kind == room.LessonStarted || e.Kind == room.LessonEnded || times.timeOf(*e) >= cut[r.keepClass(*e)] {
			return false
		}
		e.Data = json.RawMessage("null")
		return true
	})
}

// IsRedacted says whether the payload of a fact was removed.
func IsRedacted(e event.Event) bool { return len(e.Data) == 0 || string(e.Data) == "null" }

// keepClass returns how long a fact is kept. A fact of an unknown kind is kept for long.
func (r *Service) keepClass(e event.Event) event.Keep {
	d, _ := r.EventDef(e.Kind) // the zero Def is kept for long
	return d.Keep
}

// neverExpires is a time that no cut reaches.
const neverExpires = int64(1) << 62

// factTimes gives a time to facts from before the clock was set. It is the time of the next fact
// from a clock that was set.
type factTimes struct{ clockGaps []clockGap }

type clockGap struct {
	from, to uint64 // seqs
	at       int64  // of the next fact with a time
}

func (r *Service) readTimes(ctx context.Context, stream string) (t factTimes, err error) {
	open := false
	for e, err := range r.Journal.Replay(stream, 0) {
		switch {
		case ctx.Err() != nil:
			return t, context.Cause(ctx)
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return t, err
		case err != nil:
			continue
		case IsPlausibleTime(time.UnixMilli(e.Stamp.Wall)):
			if open {
				t.clockGaps[len(t.clockGaps)-1].at, open = e.Stamp.Wall, false
			}
		case open:
			t.clockGaps[len(t.clockGaps)-1].to = e.Seq
		default:
			t.clockGaps, open = append(t.clockGaps, clockGap{e.Seq, e.Seq, neverExpires}), true
		}
	}
	return t, nil
}

func (t factTimes) timeOf(e event.Event) int64 {
	for _, g := range t.clockGaps {
		if g.from <= e.Seq && e.Seq <= g.to {
			return g.at
		}
	}
	return e.Stamp.Wall
}
