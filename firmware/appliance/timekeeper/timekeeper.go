// Package timekeeper sets the clock of a machine that may have none: from its real-time
// clock, from a floor that it saves, from time servers when it reaches any, and from a
// teacher's browser when it reaches none.
//
// Promises: the clock is never set behind the release's own time and what time servers ever
// agreed on; a start is never behind what the machine saw last (floor.go); a minority of time
// servers that lie changes nothing.
package timekeeper

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/supervise"
)

// Why Tell refuses.
var (
	ErrKnown = errors.New("the time servers know the time")
	ErrRange = errors.New("it cannot be this time")
)

// Config is how time is kept.
type Config struct {
	Floor   string          // file that holds the latest time that was ever seen
	Release time.Time       // no time is before it
	Servers func() []string // of time, best first; names that are there twice count once
	RTC     hal.RTC         // nil: none
	Log     *slog.Logger

	Set   func(time.Time) error // sets the kernel's clock; nil: settimeofday, which is also told when it is right
	Query func(ctx context.Context, server string) (offset time.Duration, err error)

	now  func() time.Time
	mark func() error
}

// State is how the time is known.
type State struct {
	Source string        `json:"source"`
	Offset time.Duration `json:"offset"` // by which the time servers' was corrected last, in ns
	At     time.Time     `json:"at"`     // when
}

// Keeper keeps the time. Its methods may be called from any goroutine.
type Keeper struct {
	cfg Config

	setting sync.Mutex // held while the clock is set: one at a time
	mu      sync.Mutex
	state   State // guarded by mu
}

const (
	savePeriod = 10 * time.Minute
	askPeriod  = time.Hour
	askAgain   = time.Minute // until servers have agreed
	tolerance  = 2 * time.Second
	smallest   = 200 * time.Millisecond // a smaller correction is not worth a jump
	maxServers = 8                      // that are asked
)

// New makes a keeper. It sets nothing before Start.
func New(cfg Config) *Keeper {
	if cfg.Set == nil {
		cfg.Set, cfg.mark = setClock, markRight
	}
	if cfg.mark == nil {
		cfg.mark = func() error { return nil }
	}
	if cfg.Query == nil {
		cfg.Query = query
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Keeper{cfg: cfg}
}

// String is the service's name.
func (k *Keeper) String() string { return "clock" }

// State is how the time is known.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

func (k *Keeper) setState(s State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = s
}

// Start sets the clock from what the machine itself has.
func (k *Keeper) Start() (State, error) {
	k.setting.Lock()
	defer k.setting.Unlock()
	system, rtc := k.cfg.now(), time.Time{}
	var clockErr error
	if k.cfg.RTC != nil {
		if rtc, clockErr = k.cfg.RTC.Read(); clockErr != nil {
			rtc = time.Time{}
		}
	}
	at, from := Choose(system, rtc, k.floor().seen)
	s := State{Source: from, At: at}
	k.setState(s)
	if d := at.Sub(system); d.Abs() > time.Second {
		if err := k.cfg.Set(at); err != nil {
			return s, err
		}
	}
	if errors.Is(clockErr, hal.ErrUnset) {
		return s, nil // a cell that is empty is no fault of the start
	}
	return s, clockErr
}

// Tell sets the clock to what a person's device says. It is refused with ErrKnown once time
// servers have agreed, and with ErrRange before the proven floor or when it cannot be.
func (k *Keeper) Tell(at time.Time) error {
	k.setting.Lock()
	defer k.setting.Unlock()
	if k.State().Source == FromNTP {
		return ErrKnown
	}
	if !credible(at, k.floor().proven) {
		return ErrRange
	}
	if err := k.set(at, at.Sub(k.cfg.now())); err != nil {
		return err
	}
	k.setState(State{Source: FromBrowser, At: at})
	return k.save()
}

// set sets the clock, and the real-time clock. Its caller holds setting.
func (k *Keeper) set(at time.Time, offset time.Duration) error {
	if offset.Abs() >= smallest {
		if err := k.cfg.Set(at); err != nil {
			return err
		}
	}
	if k.cfg.RTC != nil {
		if err := k.cfg.RTC.Set(at); err != nil {
			k.cfg.Log.Warn("the real-time clock is not set", "err", err)
		}
	}
	return nil
}

// Serve saves the floor, and asks time servers, until ctx ends.
func (k *Keeper) Serve(ctx context.Context) error {
	save, ask := time.NewTicker(savePeriod), time.NewTimer(0)
	defer save.Stop()
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return k.save()
		case <-save.C:
			if err := k.save(); err != nil {
				k.cfg.Log.Warn("the time is not saved", "err", err)
			}
		case <-ask.C:
			wait := askAgain
			if k.ask(ctx) {
				wait = askPeriod
			}
			ask.Reset(wait)
		}
	}
}

// ask asks the servers, and tells whether the time is known now.
func (k *Keeper) ask(ctx context.Context) bool {
	offset, ok := Agreed(k.offsets(ctx), tolerance)
	if !ok || ctx.Err() != nil {
		return false
	}
	k.setting.Lock()
	defer k.setting.Unlock()
	at := k.cfg.now().Add(offset)
	if floor := k.floor().proven; !credible(at, floor) {
		k.cfg.Log.Warn("the time servers tell a time that cannot be", "time", at, "floor", floor)
		return false
	}
	err := k.set(at, offset)
	if err == nil {
		err = k.cfg.mark()
	}
	if err != nil {
		k.cfg.Log.Warn("the clock is not set", "err", err)
		return false
	}
	if k.State().Source != FromNTP {
		k.cfg.Log.Info("the clock is set by time servers", "by", offset)
	}
	k.setState(State{Source: FromNTP, Offset: offset, At: at})
	return true
}

// offsets are what the servers tell, all asked at once.
func (k *Keeper) offsets(ctx context.Context) []time.Duration {
	var servers []string
	for _, s := range k.cfg.Servers() {
		if !slices.Contains(servers, s) && len(servers) < maxServers {
			servers = append(servers, s)
		}
	}
	told := make([]*time.Duration, len(servers)) // one writer each
	g := supervise.Group(ctx)
	for i, s := range servers {
		g.Go(func(ctx context.Context) error {
			offset, err := k.cfg.Query(ctx, s)
			if err == nil {
				told[i] = &offset
			}
			return nil // one that is away is no reason to stop the others
		})
	}
	if err := g.Wait(); err != nil {
		k.cfg.Log.Error("a time server's answer broke the client", "err", err)
	}
	var offsets []time.Duration
	for _, t := range told {
		if t != nil {
			offsets = append(offsets, *t)
		}
	}
	return offsets
}
