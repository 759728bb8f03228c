package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// maxLine bounds a line between the box and a worker: a spec, a result.
const maxLine = 4 << 20

// workerScore makes the kernel kill a worker first when memory runs out: its work is tried
// again or refused.
const workerScore = 900

// Worker runs heavy work as a process of its own, at the lowest priority and within a bound of
// memory. Inside the core it would delay chat, and a fault in it would end the core.
//
// The box writes one line of JSON (the spec) to the process, followed by the data that the work
// reads. The process answers in lines: {"phase","done","total"} during the work and at last
// {"result"} or {"error"}. ServeWorker is the other side.
type Worker struct {
	Command func() *exec.Cmd // makes a new command for each run
	Memory  int64            // bytes, 0 means no bound
	Timeout time.Duration    // 0: until ctx ends
}

// NewWorker returns a worker that runs a task in a process of program. An empty program is the one
// that runs.
func NewWorker(program, task string, memory int64, timeout time.Duration) Worker {
	return Worker{Memory: memory, Timeout: timeout, Command: func() *exec.Cmd {
		path, err := program, error(nil)
		if program == "" {
			path, err = os.Executable()
		}
		if err != nil {
			path = os.Args[0]
		}
		cmd := exec.Command(path, "task", task) // our own program
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		return cmd
	}}
}

// workerLine is one line of a worker's output.
type workerLine struct {
	Phase  string          `json:"phase,omitempty"`
	Done   int64           `json:"done,omitempty"`
	Total  int64           `json:"total,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *workerFailure  `json:"error,omitempty"`
}

// workerFailure carries an error from a worker: the kind by its name.
type workerFailure struct {
	errs.Body
	Text string `json:"text"`
}

// WorkerError is the end of a worker that did not answer.
type WorkerError struct {
	Err  error
	tail []byte
}

// Error implements error.
func (e *WorkerError) Error() string { return "worker: " + e.Err.Error() }

// Unwrap is the cause.
func (e *WorkerError) Unwrap() error { return e.Err }

// Stack is the end of the worker's error output.
func (e *WorkerError) Stack() []byte { return e.tail }

// Run does the work and reads its result into result. rest may be nil. It is closed when it is
// an io.Closer and the worker has ended.
func (w Worker) Run(ctx context.Context, spec any, rest io.Reader, progress func(phase string, done, total int64), result any) error {
	head, err := json.Marshal(spec)
	if err != nil {
		return errs.New("worker", errs.Internal, err)
	}
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.Timeout, errTimeout)
		defer cancel()
	}
	in := io.Reader(bytes.NewReader(append(head, '\n')))
	if rest != nil {
		in = io.MultiReader(in, rest)
		if c, ok := rest.(io.Closer); ok {
			defer func() { _ = c.Close() }() // it was read as far as it was wanted
		}
	}
	cmd := w.Command()
	// Nice 10 leaves a worker a tenth of a core that others want. At nice 19 it has a seventieth, and a
	// deck is not ready before the end of the lesson.
	a := &workerAnswer{progress: progress}
	cmd.Stdin, cmd.Stdout = in, a
	err = supervise.RunOnce(ctx, cmd, supervise.ProcessOpts{
		Nice: 10, MemoryMax: w.Memory, OOMScore: workerScore, Shutdown: time.Second,
	})
	return a.readResult(err, result)
}

// workerAnswer collects the lines of a worker.
type workerAnswer struct {
	progress func(string, int64, int64)
	part     []byte // of a line
	last     workerLine
	err      error
}

// Write collects output and acts on each whole line.
func (a *workerAnswer) Write(b []byte) (int, error) {
	a.part = append(a.part, b...)
	for {
		i := bytes.IndexByte(a.part, '\n')
		if i < 0 {
			break
		}
		a.handleLine(a.part[:i])
		a.part = a.part[i+1:]
	}
	if len(a.part) > maxLine && a.err == nil {
		a.err = errs.NewField("worker", "line", "too_long", maxLine, "the worker wrote too long a line")
	}
	if a.err != nil {
		a.part = nil
		return 0, a.err // the worker's next write fails
	}
	return len(b), nil
}

func (a *workerAnswer) handleLine(text []byte) {
	var l workerLine
	if err := json.Unmarshal(text, &l); err != nil {
		a.err = errors.Join(a.err, errs.Newf("worker", errs.Internal, "the worker wrote a line that is not JSON"))
		return
	}
	if l.Result != nil || l.Error != nil {
		a.last = l
	} else if a.progress != nil {
		a.progress(l.Phase, l.Done, l.Total)
	}
}

// readResult is the outcome: the worker's own answer if there is one, else the way it ended.
func (a *workerAnswer) readResult(err error, result any) error {
	switch {
	case a.last.Error != nil:
		return a.last.Error.toError()
	case err == nil && a.err != nil:
		return errs.New("worker", errs.Internal, a.err)
	case err == nil && a.last.Result != nil:
		if result == nil {
			return nil
		}
		if err := json.Unmarshal(a.last.Result, result); err != nil {
			return errs.New("worker", errs.Internal, err)
		}
		return nil
	case err == nil:
		err = errors.New("it ended without an answer")
	}
	if errors.Is(err, errTimeout) || errors.Is(err, context.Canceled) {
		return err
	}
	w := &WorkerError{Err: errors.Join(err, a.err)}
	if p, ok := errors.AsType[*supervise.ProcessError](err); ok {
		w.tail = p.Tail
	}
	return errs.New("worker", errs.Internal, w)
}

// toError restores the worker's error.
func (f *workerFailure) toError() error {
	kind, ok := errs.KindNamed(f.Reason)
	if !ok {
		kind = errs.Internal
	}
	e := errs.NewField("worker", f.Field, f.Code, f.Limit, "%s", f.Text)
	e.Kind = kind
	return e
}

// TaskFunc is heavy work for a worker process. It gets the spec, the data after the spec and a
// function that reports progress.
type TaskFunc func(ctx context.Context, spec json.RawMessage, rest io.Reader, progress func(phase string, done, total int64)) (any, error)

// ServeWorker is the worker's side: it reads the spec from in, runs fn on it and on the rest of
// in, and answers on out. The error is of in or out. An error of fn is part of the answer.
func ServeWorker(ctx context.Context, in io.Reader, out io.Writer, fn TaskFunc) error {
	r := bufio.NewReaderSize(in, 64<<10)
	spec, err := readLine(r)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	var last time.Time
	result, err := fn(ctx, spec, r, func(phase string, done, total int64) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond || done == total {
			last = now
			_ = enc.Encode(workerLine{Phase: phase, Done: done, Total: total}) // the reader is gone, and the end of this run shows it
		}
	})
	if err != nil {
		text := err.Error()
		if e, ok := errors.AsType[*errs.Error](err); ok && e.Err != nil {
			text = e.Err.Error()
		}
		return enc.Encode(workerLine{Error: &workerFailure{Body: errs.BodyOf(err), Text: truncateText(text)}})
	}
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return enc.Encode(workerLine{Result: data})
}

// readLine is the first line of r, at most maxLine long.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, errs.NewField("worker", "spec", "too_long", maxLine, "the spec is too long")
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, errs.New("worker", errs.Invalid, err)
		default:
			return line, nil
		}
	}
}
