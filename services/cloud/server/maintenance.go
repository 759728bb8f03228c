package server

import (
	"context"
	"io"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/push"
	"github.com/livelearn/box/services/supervise"
)

const (
	retentionPeriod = 24 * time.Hour
	retryMin        = time.Second
	retryMax        = time.Minute
)

// runMaintenance migrates the schema, and then applies the retention once a day, pushes results and
// leads updates through their stages.
// It retries if the database is down.
func (s *Server) runMaintenance(ctx context.Context) error {
	s.migrate(ctx)
	g := supervise.Group(ctx)
	g.Go(s.runRetention)
	g.Go(s.runRollouts)
	g.Go((&push.Pusher{Store: s.store, Log: s.log, OneRoster: func(ctx context.Context, w io.Writer, school string) error {
		return s.oneRoster(ctx, s.store.Reader(ctx, time.Time{}), w, pg.Period{School: school})
	}}).Serve)
	return g.Wait()
}

// migrate returns when the schema is up to date, or ctx has ended.
func (s *Server) migrate(ctx context.Context) {
	pause := retryMin
	for ctx.Err() == nil {
		err := s.store.Migrate(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			s.log.Warn("the database is not ready", "err", err)
		}
		supervise.Sleep(ctx, pause)
		pause = min(2*pause, retryMax)
	}
}

func (s *Server) runRetention(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		n, err := s.store.Retain(ctx, s.now())
		next := retentionPeriod
		switch {
		case err == nil:
			s.log.Info("expired facts were emptied", "n", n, "dur", time.Since(began))
		case ctx.Err() == nil:
			s.log.Warn("expired facts were not emptied", "err", err)
			next = time.Hour
		}
		supervise.Sleep(ctx, next)
	}
	return nil
}
