package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livelearn/box/services/supervise"
)

// serveFunc makes a Service of a function.
type serveFunc func(ctx context.Context) error

// Serve calls f.
func (f serveFunc) Serve(ctx context.Context) error { return f(ctx) }

// A tree with two children. The clock crashes once and is started again. The store runs
// on and does not notice.
func Example() {
	store := serveFunc(func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
	starts := 0
	recovered := make(chan struct{})
	clock := serveFunc(func(ctx context.Context) error {
		if starts++; starts == 1 {
			return errors.New("the clock stopped")
		}
		close(recovered)
		<-ctx.Done()
		return nil
	})
	reports := make(chan supervise.Report, 1)
	box := supervise.New(supervise.Spec{
		Name:     "box",
		Strategy: supervise.OneForOne,
		Children: []supervise.Child{
			supervise.Run("store", store), // starts first and stops last
			{
				ID:       "clock",
				Start:    func(ctx context.Context, ready func()) error { ready(); return clock(ctx) },
				Restart:  supervise.Transient,
				Shutdown: time.Second,
			},
		},
		Observe: func(r supervise.Report) { reports <- r },
	})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- box.Serve(ctx) }()
	<-recovered
	crash := <-reports
	fmt.Println(crash.Child, crash.Decision+":", crash.Err)
	for _, child := range box.Tree().Children {
		fmt.Println(child.Name, child.State, child.Restarts)
	}
	cancel()
	fmt.Println(<-served)
	// Output:
	// clock restarted: the clock stopped
	// store running 0
	// clock running 1
	// <nil>
}
