package appliance

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/kernel"
	"github.com/livelearn/box/services/supervise"
)

const (
	pressLifetime = 30 * time.Second // a press waits this long for a program, which may be starting
	pollTimeout   = 3 * time.Second  // a request for the next press is answered after this time at most
	scanPeriod    = 2 * time.Second  // between two scans for buttons that were plugged in
	maxPresses    = 16               // presses in the queue; the oldest are dropped
)

// powerButtons reads the power buttons for as long as the machine runs. The kernel delivers events only
// to open devices, so a press while the program starts would be lost if the program read the
// button itself. Here a press waits until a program takes it. A long press that no program takes
// switches the machine off.
//
//	device -> Presses -> queue --GET /press--> program (its next request confirms the press)
type powerButtons struct {
	m    *Machine
	find func() map[string]hal.Button // the present buttons by a stable name

	mu             sync.Mutex
	reading        map[string]hal.Button // guarded by mu: buttons that are being read
	heldSinceStart bool                  // guarded by mu: a button has been down since the start of the machine
	queue          []queuedPress         // guarded by mu: presses, the oldest first
	lastID         int                   // guarded by mu: number of the newest press
	arrived        chan struct{}         // guarded by mu: closed when a press arrives
}

type queuedPress struct {
	initctl.Press
	at time.Time
}

func newPowerButtons(m *Machine) *powerButtons {
	pb := &powerButtons{m: m, reading: map[string]hal.Button{}, arrived: make(chan struct{})}
	pb.find = pb.findButtons
	return pb
}

// findButtons returns the power keys that the kernel reports, or the button of the board if the
// kernel reports none.
func (pb *powerButtons) findButtons() map[string]hal.Button {
	if found := kernel.FindKeys(os.DirFS("/")); found != nil {
		return found.Each()
	}
	if _, key := pb.m.board.Button.(*kernel.Keys); key || pb.m.board.Button == nil {
		return nil
	}
	return map[string]hal.Button{"board": pb.m.board.Button}
}

// String returns the name of the service.
func (pb *powerButtons) String() string { return "power button" }

// Serve reads the buttons until ctx ends.
func (pb *powerButtons) Serve(ctx context.Context) error {
	pb.mu.Lock()
	clear(pb.reading) // entries of a crashed run
	pb.mu.Unlock()
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		tick := time.NewTicker(scanPeriod)
		defer tick.Stop()
		for first := true; ; first = false {
			for name, b := range pb.find() {
				pb.startReading(g, name, b, first)
			}
			pb.dropExpired()
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	return g.Wait()
}

// startReading starts to read a button that is not being read yet. It drops the end of a hold that began
// before the machine could read.
func (pb *powerButtons) startReading(g *supervise.Tasks, name string, b hal.Button, first bool) {
	pb.mu.Lock()
	defer pb.mu.Unlock()
	if pb.reading[name] != nil {
		return
	}
	pb.reading[name] = b
	down, err := b.Down()
	down = down && err == nil
	pb.heldSinceStart = pb.heldSinceStart || first && down
	_, key := b.(*kernel.Keys)
	skip := down && !key // the reader of a key ignores such a press itself
	g.Go(func(ctx context.Context) error {
		for p := range b.Presses(ctx) {
			if skip {
				skip = false
				continue
			}
			pb.queuePress(p)
		}
		pb.mu.Lock()
		defer pb.mu.Unlock()
		delete(pb.reading, name) // unplugged; the next scan opens it if it is back
		return nil
	})
}

// queuePress queues a press. In safe mode no program takes presses, so a long one acts at once.
func (pb *powerButtons) queuePress(p hal.Press) {
	if pb.m.BootReport().Safe && p.Held >= hal.LongPress {
		pb.powerOff()
		return
	}
	pb.mu.Lock()
	defer pb.mu.Unlock()
	pb.lastID++
	pb.queue = append(pb.queue, queuedPress{initctl.Press{ID: pb.lastID, Held: p.Held}, time.Now()})
	pb.queue = pb.queue[max(0, len(pb.queue)-maxPresses):]
	close(pb.arrived)
	pb.arrived = make(chan struct{})
}

// dropExpired drops presses that waited too long. A dropped long press switches the machine off.
func (pb *powerButtons) dropExpired() {
	pb.mu.Lock()
	defer pb.mu.Unlock()
	pb.queue = slices.DeleteFunc(pb.queue, func(p queuedPress) bool {
		old := time.Since(p.at) >= pressLifetime
		if old && p.Held >= hal.LongPress {
			pb.powerOff()
		}
		return old
	})
}

func (pb *powerButtons) powerOff() {
	pb.m.log.Info("the power button switches the machine off: no program takes the press")
	pb.m.PowerOff()
}

// waitForPress drops the presses up to number after, which the program has handled, and returns the
// oldest of the rest. It waits for one, and returns the zero value after a timeout.
func (pb *powerButtons) waitForPress(ctx context.Context, after int) initctl.Press {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	for {
		pb.mu.Lock()
		pb.queue = slices.DeleteFunc(pb.queue, func(p queuedPress) bool { return p.ID <= after })
		more := pb.arrived
		if len(pb.queue) > 0 {
			defer pb.mu.Unlock()
			return pb.queue[0].Press
		}
		pb.mu.Unlock()
		select {
		case <-ctx.Done():
			return initctl.Press{}
		case <-more:
		}
	}
}

// isHeld reports whether a button has been held since the start of the machine. Such a hold
// requests a new claim code.
func (pb *powerButtons) isHeld() bool {
	pb.mu.Lock()
	defer pb.mu.Unlock()
	now := false
	for _, b := range pb.reading {
		down, err := b.Down()
		now = now || down && err == nil
	}
	pb.heldSinceStart = pb.heldSinceStart && now
	return pb.heldSinceStart
}
