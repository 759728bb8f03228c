package server

import (
	"context"
	"time"

	"github.com/livelearn/box/services/supervise"
)

const (
	retentionPeriod = 24 * time.Hour
	retryMin        = time.Second
	retryMax        = time.Minute
)

// runMaintenance migrates the schema, and then applies the retention once a day. It retries if
// the database is down.
func (s *Server) runMaintenance(ctx context.Context) error {
	pause := retryMin
	for ctx.Err() == nil {
		err := s.store.Migrate(ctx)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			s.log.Warn("the database is not ready", "err", err)
		}
		supervise.Sleep(ctx, pause)
		pause = min(2*pause, retryMax)
	}
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
