package server

import (
	"context"
	"time"
)

const (
	retentionPeriod = 24 * time.Hour
	retryMin        = time.Second
	retryMax        = time.Minute
)

// keep brings the schema up to date and then, once a day, empties what is older than the
// schools keep. A database that is away is asked again.
func (s *Server) keep(ctx context.Context) error {
	pause := retryMin
	for ctx.Err() == nil {
		err := s.store.Migrate(ctx)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			s.log.Warn("the database is not ready", "err", err)
		}
		wait(ctx, pause)
		pause = min(2*pause, retryMax)
	}
	for ctx.Err() == nil {
		began := time.Now()
		n, err := s.store.Retain(ctx, s.now())
		next := retentionPeriod
		switch {
		case err == nil:
			s.log.Info("what is too old was emptied", "n", n, "dur", time.Since(began))
		case ctx.Err() == nil:
			s.log.Warn("what is too old was not emptied", "err", err)
			next = time.Hour
		}
		wait(ctx, next)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
