package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/services/supervise"
)

type mediaCmd struct{}

// Run carries pictures and sound for a box that started it, until the box closes the
// control connection or tells it to stop.
func (mediaCmd) Run(w world) error {
	spec, conn, err := firmware.TakeMedia()
	if err != nil {
		return usageError{err}
	}
	log, _ := firmware.NewLog(spec.Log, w.stderr, terminal(w.stderr))
	limits(log)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return firmware.ServeMedia(ctx, spec, conn, log.With("pkg", "media"), supervise.NotifyReady)
}
