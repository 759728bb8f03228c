package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/timetest"
)

// playWorker runs the test program as a worker.
func playWorker(role string) int {
	err := jobs.ServeWorker(context.Background(), os.Stdin, os.Stdout, func(_ context.Context, spec json.RawMessage, rest io.Reader, progress func(string, int64, int64)) (any, error) {
		switch role {
		case "count":
			n, err := io.Copy(io.Discard, rest)
			progress("counted", n, n)
			return map[string]any{"spec": spec, "rest": n}, err
		case "refuse":
			return nil, errs.NewField("slides", "file", "broken_file", 7, "not a PDF")
		case "panic":
			panic("worker fell over")
		case "eat":
			var all [][]byte
			for {
				b := make([]byte, 16<<20)
				for i := range b {
					b[i] = 1
				}
				all = append(all, b)
				if len(all) > 1000 {
					return len(all), nil
				}
			}
		case "hang":
			time.Sleep(time.Hour) // until it is ended
		case "garbage":
			fmt.Println("this is no JSON")
			time.Sleep(time.Hour) // until it is ended
		case "flood":
			os.Stdout.Write(bytes.Repeat([]byte("x"), 8<<20))
			time.Sleep(time.Hour) // until it is ended
		}
		return nil, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func newWorker(role string) jobs.Worker {
	return jobs.Worker{Timeout: timetest.Patience, Command: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "JOBS_TEST_ROLE="+role)
		return cmd
	}}
}

func TestAWorkerGetsItsWorkAndAnswers(t *testing.T) {
	var got struct {
		Spec map[string]int
		Rest int
	}
	var phase string
	err := newWorker("count").Run(t.Context(), map[string]int{"a": 1}, strings.NewReader(strings.Repeat("y", 300_000)), func(p string, done, _ int64) { phase = fmt.Sprint(p, done) }, &got)
	if err != nil || got.Spec["a"] != 1 || got.Rest != 300_000 || phase != "counted300000" {
		t.Fatalf("%+v %q: %v", got, phase, err)
	}
}

func TestAWorkersFaultIsToldAsItWas(t *testing.T) {
	err := newWorker("refuse").Run(t.Context(), nil, nil, nil, nil)
	if b := errs.BodyOf(err); b.Reason != "invalid" || b.Code != "broken_file" || b.Field != "file" || b.Limit != 7 || b.Message != "not a PDF" {
		t.Fatalf("%+v", b)
	}
}

func TestAWorkerThatFallsOverIsAnErrorWithItsStack(t *testing.T) {
	for role, want := range map[string]string{"panic": "worker fell over", "eat": "runtime"} {
		w := newWorker(role)
		if w.Memory = 256 << 20; race {
			if role == "eat" {
				continue
			}
			w.Memory = 0
		}
		err := w.Run(t.Context(), nil, nil, nil, nil)
		e, ok := errors.AsType[*jobs.WorkerError](err)
		if !ok || !strings.Contains(string(e.Stack()), want) {
			t.Errorf("%s: %v\n%s", role, err, stackOf(e))
		}
	}
}

func stackOf(e *jobs.WorkerError) []byte {
	if e == nil {
		return nil
	}
	return e.Stack()
}

func TestAWorkerThatDoesNotAnswerIsEnded(t *testing.T) {
	for _, role := range []string{"hang", "garbage", "flood"} {
		w := newWorker(role)
		w.Timeout = 2 * time.Second
		began := time.Now()
		if err := w.Run(t.Context(), nil, nil, nil, nil); err == nil {
			t.Errorf("%s: no error", role)
		}
		timetest.CheckBudget(t, role, time.Since(began), 10*time.Second)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the teacher changed their mind")
	time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
	if err := newWorker("hang").Run(ctx, nil, nil, nil, nil); err == nil {
		t.Error("cancelled and no error")
	}
}

func FuzzDo(f *testing.F) {
	f.Add([]byte("{}\nrest"))
	f.Add([]byte("no line"))
	f.Add([]byte("[1,2]\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		err := jobs.ServeWorker(context.Background(), bytes.NewReader(in), &out, func(_ context.Context, spec json.RawMessage, rest io.Reader, _ func(string, int64, int64)) (any, error) {
			_, err := io.Copy(io.Discard, rest)
			return len(spec), err
		})
		if err == nil && !json.Valid(out.Bytes()) {
			t.Fatalf("%q gives %q", in, out.Bytes())
		}
	})
}
