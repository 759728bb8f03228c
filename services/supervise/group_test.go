package supervise

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestGroupFirstErrorStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func() error{
			"error":  func() error { return errBoom },
			"panic":  func() error { panic(errBoom) },
			"goexit": func() error { runtime.Goexit(); return nil },
		} {
			g := Group(t.Context())
			var ended atomic.Int32
			for range 2 {
				g.Go(func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); ended.Add(1); return ctx.Err() })
			}
			g.Go(func(context.Context) error { time.Sleep(time.Minute); return end() })
			g.Go(func(context.Context) error { return nil })
			err := g.Wait()
			if want := map[string]error{"goexit": ErrExited}[name]; want != nil && !errors.Is(err, want) || want == nil && !errors.Is(err, errBoom) {
				t.Errorf("%s: %v", name, err)
			}
			if _, panicked := errors.AsType[*PanicError](err); panicked != (name != "error") {
				t.Errorf("%s: %T", name, err)
			}
			if ended.Load() != 2 {
				t.Errorf("%s: Wait returned before all had ended", name)
			}
		}
	})
}

func TestGroupWithoutErrors(t *testing.T) {
	g := Group(t.Context())
	g.Go(func(context.Context) error { return nil })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// A panic in a group is a crash of its child, with the stack of its origin.
func TestTaskPanicIsContained(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		first := true
		w.run(Spec{Children: []Child{Run("g", serve(func(ctx context.Context) error {
			g := Group(ctx)
			g.Go(func(ctx context.Context) error {
				if first {
					first = false
					panic("in a task")
				}
				<-ctx.Done()
				return nil
			})
			return g.Wait()
		}))}})
		r := w.reports[0]
		if r.Panic != "in a task" || !bytes.Contains(r.Stack, []byte("TestTaskPanicIsContained")) || r.Decision != Restarted {
			t.Fatalf("%+v\n%s", r, r.Stack)
		}
		w.stop()
	})
}

func TestSpawnReportsAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Report
		observe := func(r Report) { got = append(got, r); panic("observer") }
		Spawn(observe, "queue", func() { panic("boom") })
		synctest.Wait()
		Spawn(observe, "queue", func() { runtime.Goexit() })
		synctest.Wait()
		Spawn(nil, "queue", func() { panic("boom") })
		Spawn(observe, "queue", func() {})
		synctest.Wait()
		if len(got) != 2 || got[0].Panic != "boom" || got[0].Child != "queue" || !errors.Is(got[1].Err, ErrExited) || len(got[0].Stack) == 0 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestStackIsBounded(t *testing.T) {
	var deep func(n int) int
	deep = func(n int) int {
		if n == 0 {
			panic("deep")
		}
		return deep(n-1) + 1
	}
	err := runRecovering(func() error { deep(10_000); return nil }, nil)
	if got := len(stackOf(err)); got == 0 || got > maxStack {
		t.Fatalf("%d bytes", got)
	}
}

func TestReportsKeepLogAndCount(t *testing.T) {
	var text strings.Builder
	reg := prometheus.NewRegistry()
	r := NewReports(slog.New(slog.NewTextHandler(&text, nil)), reg)
	at := time.Unix(1000, 0)
	for n := range 400 {
		r.Add(Report{Path: "box", Child: "x", Err: errBoom, Stack: []byte("stack"), Restarts: n, At: at, Decision: Restarted, Last: "chat.say"})
	}
	list := r.List()
	if len(list) != maxReports || list[0].Restarts != 399 || list[maxReports-1].Restarts != 400-maxReports {
		t.Fatalf("%d kept, first %d", len(list), list[0].Restarts)
	}
	if lines, stacks := strings.Count(text.String(), "\n"), strings.Count(text.String(), "stack="); lines != linesPerSpan || stacks != stacksPerSpan {
		t.Fatalf("%d lines, %d stacks", lines, stacks)
	}
	text.Reset()
	r.Add(Report{Path: "box", Child: "x", Err: errBoom, At: at.Add(logSpan), Decision: Escalated, Dropped: 5})
	if got := text.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "unlogged=345") {
		t.Fatal(got)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var name strings.Builder
			name.WriteString(f.GetName())
			for _, l := range m.GetLabel() {
				name.WriteString(" " + l.GetValue())
			}
			got[name.String()] = m.GetCounter().GetValue()
		}
	}
	if got["livelearn_supervise_restarts_total restarted"] != 400 || got["livelearn_supervise_reports_dropped_total"] != 5 {
		t.Fatalf("%v", got)
	}
}

func TestReportsListIsNewestFirstWhenShort(t *testing.T) {
	r := NewReports(slog.New(slog.DiscardHandler), nil)
	for n := range 3 {
		r.Add(Report{Restarts: n})
	}
	if l := r.List(); len(l) != 3 || l[0].Restarts != 2 || l[2].Restarts != 0 {
		t.Fatalf("%+v", l)
	}
}

// A supervisor's own slow observer delays no restart, and delays the stop only a little.
func TestSlowObserverOfASupervisor(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		gate := make(chan struct{})
		w.run(Spec{MaxRestarts: 1000, Children: []Child{w.child("x", Permanent)}, Observe: func(Report) { <-gate }})
		begun := time.Now()
		for range 600 {
			w.crash("x")
		}
		w.stop()
		if got := time.Since(begun); got > flushTime {
			t.Fatalf("took %v", got)
		}
		close(gate)
	})
}
