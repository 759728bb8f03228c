package firmware

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/gateway/adminapi"
)

// networkCheck looks at the network around the box when an admin asks for it: the checks of
// `livelearn doctor`, which take some seconds each. What the last look found is kept in memory.
type networkCheck struct {
	status func() display.Status
	proxy  string // the setting of the box
	// lookAround does the checks.
	lookAround func(context.Context, doctor.Surroundings, func(done, total int)) []doctor.Finding
	asked      chan struct{} // holds one look. More would find the same

	mu    sync.Mutex // guards the field below
	state adminapi.NetworkCheck
}

func (b *Box) newNetworkCheck() *networkCheck {
	return &networkCheck{status: b.Status, proxy: b.cfg.Network.Proxy, lookAround: doctor.LookAround, asked: make(chan struct{}, 1)}
}

// String is the service's name.
func (c *networkCheck) String() string { return "network check" }

// State returns how far a look is, and what the last one found.
func (c *networkCheck) State() adminapi.NetworkCheck {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Start begins a look unless one is under way, and returns at once.
func (c *networkCheck) Start() adminapi.NetworkCheck {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Running {
		c.state.Running, c.state.Done, c.state.Total = true, 0, 0
		select {
		case c.asked <- struct{}{}:
		default: // one waits already
		}
	}
	return c.state
}

// Serve looks when it is asked to, until ctx ends. A look that a crash ended begins again when an
// admin asks.
func (c *networkCheck) Serve(ctx context.Context) error {
	c.mu.Lock()
	c.state.Running = len(c.asked) > 0
	c.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.asked:
			c.look(ctx)
		}
	}
}

func (c *networkCheck) look(ctx context.Context) {
	s := c.status()
	found := c.lookAround(ctx, doctor.Surroundings{Name: s.Name, Addresses: s.HTTPAddresses, Proxy: c.proxy}, func(done, total int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.Done, c.state.Total = done, total
	})
	if ctx.Err() != nil {
		return // checks that were stopped found nothing
	}
	list := make([]adminapi.NetworkFinding, len(found))
	for i, f := range found {
		list[i] = adminapi.NetworkFinding{Level: f.Level.String(), Code: f.Code, Vars: f.Vars, Guide: f.Guide}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = adminapi.NetworkCheck{At: time.Now().UnixMilli(), Findings: list}
}
