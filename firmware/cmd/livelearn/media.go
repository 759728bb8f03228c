package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/livelearn/box/firmware/logging"
	"github.com/livelearn/box/firmware/medianode"
	"github.com/livelearn/box/services/supervise"
)

type mediaCmd struct{}

// Run forwards media for the box that started it, until the box closes the control connection or
// sends a signal.
func (mediaCmd) Run(w environment) error {
	spec, conn, err := medianode.Inherit()
	if err != nil {
		return usageError{err}
	}
	log, _ := logging.New(spec.Log, w.stderr, isTerminal(w.stderr))
	raiseLimits(log)
	calmRuntime(log)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		defer stop()
		return medianode.Serve(ctx, spec, conn, log.With("pkg", "media"), supervise.NotifyReady)
	})
	g.Go(func(ctx context.Context) error { tendRuntime(ctx, log); return nil })
	return g.Wait()
}
