package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// maxLine bounds a line between the box and a worker: a spec, a result.
const maxLine = 4 << 20

// Worker runs heavy work as a process of its own, at the lowest priority and within a
// bound of memory: inside the core it would hold up chat, and a fault in it would end the
// core.
//
// The box writes one line of JSON (the spec) to the process, and behind it whatever the
// work reads. The process answers in lines: {"phase","done","total"} as it goes and at
// last {"result"} or {"error"}. Work is the other side.
type Worker struct {
	Command func() *exec.Cmd // made anew for each run
	Memory  int64            // bytes; 0 is no bound
	Timeout time.Duration    // 0: as long as ctx
}

// line is what a worker writes.
type line struct {
	Phase  string          `json:"phase,omitempty"`
	Done   int64           `json:"done,omitempty"`
	Total  int64           `json:"total,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *failure        `json:"error,omitempty"`
}

// failure is an error on its way from a worker: the kind by its word.
type failure struct {
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

// Stack is the end of what the worker wrote to its error output.
func (e *WorkerError) Stack() []byte { return e.tail }

// Run does the work and reads its result into result. rest may be nil; it is closed when
// it is an io.Closer and the worker has ended.
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
			defer c.Close() //nolint:errcheck // it was read as far as it was wanted
		}
	}
	cmd := w.Command()
	a := &answer{progress: progress}
	cmd.Stdin, cmd.Stdout = in, a
	err = supervise.RunOnce(ctx, cmd, supervise.ProcessOpts{Nice: 19, MemoryMax: w.Memory, Shutdown: time.Second})
	return a.end(err, result)
}

// answer takes the lines of a worker.
type answer struct {
	progress func(string, int64, int64)
	part     []byte // of a line
	last     line
	err      error
}

// Write takes what comes and acts on each whole line.
func (a *answer) Write(b []byte) (int, error) {
	a.part = append(a.part, b...)
	for {
		i := bytes.IndexByte(a.part, '\n')
		if i < 0 {
			break
		}
		a.take(a.part[:i])
		a.part = a.part[i+1:]
	}
	if len(a.part) > maxLine && a.err == nil {
		a.err = errs.Field("worker", "line", "too_long", maxLine, "the worker wrote too long a line")
	}
	if a.err != nil {
		a.part = nil
		return 0, a.err // the worker's next write fails
	}
	return len(b), nil
}

func (a *answer) take(text []byte) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		a.err = errors.Join(a.err, errs.Newf("worker", errs.Internal, "the worker wrote what is not a line of JSON"))
		return
	}
	if l.Result != nil || l.Error != nil {
		a.last = l
	} else if a.progress != nil {
		a.progress(l.Phase, l.Done, l.Total)
	}
}

// end is the outcome: the worker's own word if it gave one, else how it ended.
func (a *answer) end(err error, result any) error {
	switch {
	case a.last.Error != nil:
		return a.last.Error.restore()
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

// restore makes the worker's error ours again.
func (f *failure) restore() error {
	kind, ok := errs.KindNamed(f.Reason)
	if !ok {
		kind = errs.Internal
	}
	e := errs.Field("worker", f.Field, f.Code, f.Limit, "%s", f.Text)
	e.Kind = kind
	return e
}

// Do is the worker's side: it reads the spec from in, runs fn on it and on what follows,
// and answers on out. The error is of in or out; fn's own is part of the answer.
func Do(ctx context.Context, in io.Reader, out io.Writer,
	fn func(ctx context.Context, spec json.RawMessage, rest io.Reader, progress func(phase string, done, total int64)) (any, error),
) error {
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
			_ = enc.Encode(line{Phase: phase, Done: done, Total: total}) // whoever reads is gone: the end tells
		}
	})
	if err != nil {
		text := err.Error()
		if e, ok := errors.AsType[*errs.Error](err); ok && e.Err != nil {
			text = e.Err.Error()
		}
		return enc.Encode(line{Error: &failure{Body: errs.BodyOf(err), Text: clip(text)}})
	}
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return enc.Encode(line{Result: data})
}

// readLine is the first line of r, at most maxLine long.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, errs.Field("worker", "spec", "too_long", maxLine, "the spec is too long")
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, errs.New("worker", errs.Invalid, err)
		default:
			return line, nil
		}
	}
}
