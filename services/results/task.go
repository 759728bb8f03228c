package results

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// The files of a lesson's results, in its folder. CSV is made of the JSON when it is asked for. The
// JSON is written last: when it is there, so are the others.
const (
	FileJSON = "results.json"
	FileXLSX = "results.xlsx"
)

// Spec is the input of a worker: the lesson, and the folder for the files.
type Spec struct {
	Meta Meta   `json:"meta"`
	Out  string `json:"out"`
}

// Summary is the output of a worker.
type Summary struct {
	Lesson  string `json:"lesson"`
	Facts   int    `json:"facts"`
	Pupils  int    `json:"pupils"`
	Present int    `json:"present"` // of them
	Items   int    `json:"items"`
	Answers int    `json:"answers"`
}

const (
	maxLine       = 4 << 20 // bytes of one fact as JSON: the journal takes 1 MiB, and escapes may double it
	progressEvery = 10_000  // facts between two progress reports
)

// RunTask is the whole task of a worker process: spec is a Spec, rest the lesson's facts, one
// event.Event of JSON a line, oldest first. It writes the files into the folder, each at
// once or not at all, and gives a Summary.
func RunTask(ctx context.Context, spec json.RawMessage, rest io.Reader, progress func(phase string, done, total int64)) (any, error) {
	const op = "results.Work"
	var s Spec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New(op, errs.Invalid, err)
	}
	if s.Out == "" {
		return nil, errs.NewField(op, "out", "empty", 0, "must name a folder")
	}
	fold := New(s.Meta)
	facts, err := readFacts(ctx, rest, fold, progress)
	if err != nil {
		return nil, err
	}
	progress("writing", 0, 2)
	r := fold.Results()
	if err := writeFiles(s.Out, r, func(done int64) { progress("writing", done, 2) }); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return newSummary(r, facts), nil
}

func readFacts(ctx context.Context, rest io.Reader, fold *Fold, progress func(string, int64, int64)) (int, error) {
	const op = "results.Work"
	lines := bufio.NewScanner(rest)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e event.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return n, errs.Newf(op, errs.Invalid, "fact %d: %w", n+1, err)
		}
		fold.Add(e)
		if n++; n%progressEvery == 0 {
			progress("reading", int64(n), 0)
			if ctx.Err() != nil {
				return n, errs.New(op, errs.Down, context.Cause(ctx))
			}
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return n, errs.NewField(op, "facts", "too_long", maxLine, "fact %d is longer than %d bytes", n+1, maxLine)
	} else if err != nil {
		return n, errs.New(op, errs.Down, err)
	}
	return n, nil
}

func newSummary(r Results, facts int) Summary {
	s := Summary{Lesson: r.Lesson.ID, Facts: facts, Pupils: len(r.Pupils), Items: len(r.Items)}
	for _, p := range r.Pupils {
		s.Answers += p.Answered
		if !p.Absent {
			s.Present++
		}
	}
	return s
}

// writeFiles writes the files into the folder.
func writeFiles(dir string, r Results, done func(int64)) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i, f := range []struct {
		name  string
		write func(io.Writer, Results) error
	}{{FileXLSX, WriteXLSX}, {FileJSON, WriteJSON}} {
		if err := atomicfile.Write(filepath.Join(dir, f.name), 0o600, func(w io.Writer) error { return f.write(w, r) }); err != nil {
			return err
		}
		done(int64(i + 1))
	}
	return nil
}
