package appliance

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
)

// Lease lengths. The hardware watchdog restarts the machine after a lease has run out.
const (
	bootLease  = 5 * time.Minute  // for a phase of the start, and between two of its progress steps
	startLease = 2 * time.Minute  // from the start of a program to its first heartbeat: large databases take time to open
	aliveLease = 60 * time.Second // between two heartbeats
	stopLease  = 2 * time.Minute  // to stop the programs in order, and then to flush the kernel's cache
)

// lease is the time for which the machine counts as healthy. Code that starts work of a known
// maximum length renews it. When it runs out, the watchdog is not fed and the hardware restarts
// the machine.
type lease struct {
	mu    sync.Mutex
	until time.Time // guarded by mu; on the monotonic clock
}

// renew sets the lease to end d from now, even if it would have lasted longer.
func (l *lease) renew(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Now().Add(d)
}

func (l *lease) isValid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until)
}

// feedWatchdog feeds the watchdog while the lease is valid, until ctx ends. It never stops the
// watchdog: it must still guard a machine that shuts down, and the next kernel starts before
// it runs out.
func (l *lease) feedWatchdog(ctx context.Context, dog hal.Watchdog, failed func(error)) error {
	tick := time.NewTicker(max(dog.Timeout()/4, 100*time.Millisecond))
	defer tick.Stop()
	for {
		if l.isValid() {
			if err := dog.Feed(); err != nil {
				failed(err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
