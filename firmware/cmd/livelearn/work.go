package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/services/errs"
)

type workCmd struct {
	Name string `arg:"" help:"What to do."`
}

// Run does heavy work for a box that started it: a spec comes in, progress and a result go
// out, one line of JSON each.
func (c workCmd) Run(w world) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := firmware.DoWork(ctx, c.Name, os.Stdin, w.stdout)
	if errs.KindOf(err) == errs.Missing && err != nil {
		return usageError{err}
	}
	return err
}

// usageError is a command line that makes no sense.
type usageError struct{ error }
