package firmware

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
)

// work is heavy work that a process of its own does: jobs.Do gives it the spec, what
// follows it, and a way to tell how far it is.
type work func(ctx context.Context, spec json.RawMessage, rest io.Reader, progress func(phase string, done, total int64)) (any, error)

// works is what `livelearn work NAME` can do.
var works = map[string]work{
	"capsule": encapsulate,
	"intake":  takeIn,
	"results": results.Work,
	"slides":  rasterise,
}

// kinds is what the queue can do.
func (b *Box) kinds() []jobs.Kind {
	return []jobs.Kind{b.slidesKind(), b.outcomes().kind(), b.privacy().kind()}
}

// DoWork is the process that a jobs.Worker starts. errs.Missing: there is no such work.
func DoWork(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	w, ok := works[name]
	if !ok {
		return errs.Code("work", errs.Missing, "unknown", "no work %q; there is %q", name, slices.Sorted(maps.Keys(works)))
	}
	return jobs.Do(ctx, in, out, w)
}

// worker runs one of the works as a low-priority process of this program.
func (b *Box) worker(name string, memory int64, timeout time.Duration) jobs.Worker {
	return jobs.Worker{Memory: memory, Timeout: timeout, Command: func() *exec.Cmd {
		program, err := os.Executable()
		if b.parts.Program != "" {
			program, err = b.parts.Program, nil
		}
		if err != nil {
			program = os.Args[0]
		}
		cmd := exec.Command(program, "work", name) //nolint:gosec // our own program
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		return cmd
	}}
}
