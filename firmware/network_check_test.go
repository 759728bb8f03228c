package firmware

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/health"
)

// TestALookAtTheNetworkTellsHowFarItIsAndKeepsWhatItFound looks twice. A second request during a look
// starts no other one, and a look that a stop ends leaves the findings of the one before.
func TestALookAtTheNetworkTellsHowFarItIsAndKeepsWhatItFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		check := &networkCheck{
			status: func() display.Status { return display.Status{Name: "Room 12"} }, proxy: "http://proxy.example:3128",
			asked: make(chan struct{}, 1),
			lookAround: func(ctx context.Context, box doctor.Surroundings, progress func(int, int)) []doctor.Finding {
				looks++
				if box.Name != "Room 12" || box.Proxy != "http://proxy.example:3128" {
					t.Errorf("looked around %+v", box)
				}
				progress(1, 3)
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
				return []doctor.Finding{{Level: health.Warn, What: "x", Code: "no_address", Vars: map[string]string{"port": "eth0"}, Guide: "no-address"}}
			},
		}
		serve := func() (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- check.Serve(ctx) }()
			synctest.Wait()
			return func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		stop := serve()
		if diff := cmp.Diff(adminapi.NetworkCheck{}, check.State()); diff != "" {
			t.Error(diff)
		}
		check.Start()
		synctest.Wait()
		if diff := cmp.Diff(adminapi.NetworkCheck{Running: true, Done: 1, Total: 3}, check.Start()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(2 * time.Second)
		found := adminapi.NetworkCheck{
			At:       time.Now().Add(-time.Second).UnixMilli(),
			Findings: []adminapi.NetworkFinding{{Level: "warn", Code: "no_address", Vars: map[string]string{"port": "eth0"}, Guide: "no-address"}},
		}
		if diff := cmp.Diff(found, check.State()); diff != "" || looks != 1 {
			t.Errorf("%d looks: %s", looks, diff)
		}
		check.Start()
		synctest.Wait()
		stop()
		stop = serve()
		defer stop()
		if got := check.State(); got.Running || got.At != found.At || looks != 2 {
			t.Errorf("%d looks: %+v", looks, got)
		}
	})
}
