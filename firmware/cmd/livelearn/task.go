package main

import (
	"context"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/slides"
)

// workerTasks are the tasks of `livelearn task NAME`, which a jobs.Worker starts.
var workerTasks = map[string]jobs.TaskFunc{
	"capsule": firmware.RunCapsuleTask,
	"film":    firmware.RunFilmTask,
	"intake":  firmware.RunIntakeTask,
	"quiz":    firmware.RunQuizTask,
	"results": results.RunTask,
	"picture": slides.RunPictureTask,
	"slides":  slides.RunTask,
}

type taskCmd struct {
	Name string `arg:"" help:"Name of the task."`
}

// Run runs a heavy task for the box that started it. It reads a spec and writes progress and a
// result, one line of JSON each.
func (c taskCmd) Run(w environment) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run, ok := workerTasks[c.Name]
	if !ok {
		return usageError{errs.NewCode("task", errs.Missing, "unknown", "no task %q; there is %q", c.Name, slices.Sorted(maps.Keys(workerTasks)))}
	}
	return jobs.ServeWorker(ctx, os.Stdin, w.stdout, run)
}

// usageError is an invalid command line.
type usageError struct{ error }
