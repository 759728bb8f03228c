package firmware

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

const (
	alivePeriod = 3 * time.Second  // between signs of life
	answerTime  = 10 * time.Second // for the box to answer itself
)

// heartbeat tells the first process of an appliance that this program lives: that it answers at
// its own door, as a browser would find it. A program that is only not ready, because a disk
// is full, is alive; one that is stuck says nothing, and is started anew.
type heartbeat struct {
	door   *door.Client
	health *health.Health
	port   func() int
}

// String is the service's name.
func (h *heartbeat) String() string { return "heartbeat" }

// Serve tells until ctx ends.
func (h *heartbeat) Serve(ctx context.Context) error {
	tick := time.NewTicker(alivePeriod)
	defer tick.Stop()
	for {
		sign, err := h.look(ctx)
		if err == nil {
			err = h.door.Alive(ctx, sign)
		}
		if err != nil && ctx.Err() == nil {
			h.health.Set("heartbeat", health.Warn, "not_answering", "the box does not answer itself: "+err.Error())
		} else {
			h.health.Clear("heartbeat")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look asks the box as a browser would.
func (h *heartbeat) look(ctx context.Context) (door.Alive, error) {
	port := h.port()
	if port == 0 {
		return door.Alive{}, errs.New("heartbeat", errs.Down, errors.New("no listener"))
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(port))+"/readyz", nil)
	if err != nil {
		return door.Alive{}, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return door.Alive{}, errs.New("heartbeat", errs.Down, err)
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return door.Alive{Ready: true}, nil
	case http.StatusServiceUnavailable:
		return door.Alive{Why: h.why()}, nil
	}
	return door.Alive{}, errs.New("heartbeat", errs.Down, fmt.Errorf("/readyz answers %s", resp.Status))
}

func (h *heartbeat) why() string {
	_, list := h.health.Ready()
	for _, c := range list {
		if c.Level == health.Fail {
			return c.Name + ": " + c.Code
		}
	}
	return ""
}
