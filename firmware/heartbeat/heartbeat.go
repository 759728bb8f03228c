// Package heartbeat reports that this program answers HTTP. On an appliance the first process gets the
// reports, on an installed system the service manager. Package firmware starts one Heartbeat there, and
// asks it before it confirms an update.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

const (
	heartbeatInterval = 3 * time.Second  // between signs of life
	probeTimeout      = 10 * time.Second // for the box to answer itself
)

// Heartbeat reports that this program answers HTTP as a browser sees it. A program that is not ready,
// because a disk is full, still reports. A program that hangs does not report and is restarted.
type Heartbeat struct {
	Report func(context.Context, initctl.Alive) error
	Health *health.Health
	Port   func() int
}

// String is the service's name.
func (h *Heartbeat) String() string { return "heartbeat" }

// Serve reports until ctx ends.
func (h *Heartbeat) Serve(ctx context.Context) error {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for {
		sign, err := h.ProbeSelf(ctx)
		if err == nil {
			err = h.Report(ctx, sign)
		}
		if err != nil && ctx.Err() == nil {
			h.Health.SetCheck("heartbeat", health.Warn, "not_answering", "the box does not answer itself: "+err.Error())
		} else {
			h.Health.ClearCheck("heartbeat")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ProbeSelf asks the box for /readyz over HTTP.
func (h *Heartbeat) ProbeSelf(ctx context.Context) (initctl.Alive, error) {
	port := h.Port()
	if port == 0 {
		return initctl.Alive{}, errs.New("heartbeat", errs.Down, errors.New("no listener"))
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(port))+"/readyz", nil)
	if err != nil {
		return initctl.Alive{}, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return initctl.Alive{}, errs.New("heartbeat", errs.Down, err)
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return initctl.Alive{Ready: true}, nil
	case http.StatusServiceUnavailable:
		return initctl.Alive{Why: h.failingCheck()}, nil
	}
	return initctl.Alive{}, errs.New("heartbeat", errs.Down, fmt.Errorf("/readyz answers %s", resp.Status))
}

func (h *Heartbeat) failingCheck() string {
	_, list := h.Health.Ready()
	for _, c := range list {
		if c.Level == health.Fail {
			return c.Name + ": " + c.Code
		}
	}
	return ""
}
