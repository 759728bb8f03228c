package medianode

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
)

func TestMediaIsConfiguredWithinReason(t *testing.T) {
	for _, c := range []struct {
		m    Config
		want string
	}{
		{Config{}, ""},
		{Config{UDP: "192.168.1.5:0"}, ""},
		{Config{UDP: "nowhere"}, "media.udp"},
		{Config{UDP: ":65535"}, "media.udp"},
		{Config{UDP: ":http"}, "media.udp"},
		{Config{Memory: 1}, "media.memory"},
		{Config{Capacity: -1}, "media.capacity"},
	} {
		got := ""
		if e, ok := errors.AsType[*errs.Error](c.m.Validate()); ok {
			got = e.Field
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.m, got, c.want)
		}
	}
	for at, want := range map[string][2]string{":7443": {":7443", ":7444"}, "10.0.0.1:0": {"10.0.0.1:0", "10.0.0.1:0"}} {
		if got := [2]string{Config{UDP: at}.nodeAddress(0), Config{UDP: at}.nodeAddress(1)}; got != want {
			t.Errorf("%s: got %q", at, got)
		}
	}
}

// silentNode is a node that is up and carries nothing.
type silentNode struct{ media.Node }

func (silentNode) Load(context.Context) (media.Load, error) { return media.Load{}, nil }

func (silentNode) Events() <-chan media.Event { return nil }

func TestMonitorCountsTheNodesThatAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := media.NewFailover(slog.New(slog.DiscardHandler))
		if level, code, _ := (&monitor{nodes: nodes, wantedNodes: 2}).checkNodes(); level != health.Fail || code != "no_node" {
			t.Errorf("got %v %s", level, code)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			wg.Go(func() { _ = nodes.Attach(ctx, name, silentNode{}, nil) })
		}
		synctest.Wait()
		if level, code, _ := (&monitor{nodes: nodes, wantedNodes: 2}).checkNodes(); level != health.OK {
			t.Errorf("got %v %s", level, code)
		}
		if level, code, _ := (&monitor{nodes: nodes, wantedNodes: 3}).checkNodes(); level != health.Warn || code != "standby_only" {
			t.Errorf("got %v %s", level, code)
		}
		cancel()
		wg.Wait()
	})
}
