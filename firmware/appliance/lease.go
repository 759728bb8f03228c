package appliance

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
)

// What each step is given before the hardware watchdog takes the machine back.
const (
	bootLease  = 5 * time.Minute  // from the kernel's start to the program's: formatting a large card is in it
	startLease = 2 * time.Minute  // from the program's start to its first sign of life: opening large databases
	aliveLease = 60 * time.Second // between signs of life
	stopLease  = 2 * time.Minute  // for an orderly end
)

// lease is for how long the machine is believed to be well. Who does something for which it
// knows a bound renews it; when nobody does, the watchdog goes hungry and the machine is
// started anew by its hardware.
type lease struct {
	mu    sync.Mutex
	until time.Time // guarded by mu; of the monotonic clock
}

// renew makes the lease last at least d from now, and no longer than that.
func (l *lease) renew(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Now().Add(d)
}

func (l *lease) valid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until)
}

// feed feeds the watchdog while the lease is valid, until ctx ends. It never stops the dog:
// a machine that goes down is still watched, and what comes after is faster than the dog.
func (l *lease) feed(ctx context.Context, dog hal.Watchdog, failed func(error)) error {
	tick := time.NewTicker(max(dog.Timeout()/4, 100*time.Millisecond))
	defer tick.Stop()
	for {
		if l.valid() {
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
