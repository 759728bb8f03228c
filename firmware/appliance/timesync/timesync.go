// Package timesync sets the clock of a machine that may lack a real-time clock. It uses, in this
// order, the real-time clock, a saved floor, time servers if it reaches them, and the browser of
// a teacher if it does not.
//
// Promises:
//   - The clock is never set before the release, or before a time on which time servers agreed.
//   - A start is never before the last time that the machine saw (floor.go).
//   - A minority of lying time servers has no effect.
package timesync

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

// Errors of SetFromBrowser.
var (
	ErrSynced = errors.New("the time servers have set the clock")
	ErrRange  = errors.New("the time is out of range")
)

// Config configures a Keeper.
type Config struct {
	FloorFile string          // file with the floors
	Release   time.Time       // build time of the release, the lowest floor
	Servers   func() []string // time servers, best first; duplicates count once
	RTC       hal.RTC         // nil: no real-time clock
	Log       *slog.Logger

	Set   func(time.Time) error // sets the clock of the kernel; nil: settimeofday and adjtimex
	Query func(ctx context.Context, server string) (offset time.Duration, err error)

	now        func() time.Time
	markSynced func() error
}

// State is the source of the time and its last correction.
type State struct {
	Source string        `json:"source"`
	Offset time.Duration `json:"offset"` // last correction by time servers, in ns
	At     time.Time     `json:"at"`     // time of the last setting
}

// Keeper keeps the clock right. Its methods may be called from any goroutine.
type Keeper struct {
	cfg Config

	setMu sync.Mutex // held while the clock is set
	mu    sync.Mutex
	state State // guarded by mu
}

const (
	savePeriod    = 10 * time.Minute
	queryInterval = time.Hour
	queryRetry    = time.Minute // until servers agree
	tolerance     = 2 * time.Second
	minStep       = 200 * time.Millisecond // a smaller offset is not worth a step of the clock
	maxServers    = 8                      // servers that are queried
)

// New makes a keeper. It sets nothing before Start.
func New(cfg Config) *Keeper {
	if cfg.Set == nil {
		cfg.Set, cfg.markSynced = setClock, markSynced
	}
	if cfg.markSynced == nil {
		cfg.markSynced = func() error { return nil }
	}
	if cfg.Query == nil {
		cfg.Query = queryServer
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Keeper{cfg: cfg}
}

// String returns the name of the service.
func (k *Keeper) String() string { return "clock" }

// State returns the source of the time and its last correction.
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

// Start sets the clock from the real-time clock, the kernel or the floor.
func (k *Keeper) Start() (State, error) {
	k.setMu.Lock()
	defer k.setMu.Unlock()
	system, rtc := k.cfg.now(), time.Time{}
	var clockErr error
	if k.cfg.RTC != nil {
		if rtc, clockErr = k.cfg.RTC.Read(); clockErr != nil {
			rtc = time.Time{}
		}
	}
	at, from := ChooseTime(system, rtc, k.loadFloors().seen)
	s := State{Source: from, At: at}
	k.setState(s)
	if d := at.Sub(system); d.Abs() > time.Second {
		if err := k.cfg.Set(at); err != nil {
			return s, err
		}
	}
	if errors.Is(clockErr, hal.ErrUnset) {
		return s, nil // an empty battery is not an error of the start
	}
	return s, clockErr
}

// SetFromBrowser sets the clock to the time of a person's device. It returns ErrSynced after
// time servers agreed, and ErrRange if the time is before the proven floor or not credible.
func (k *Keeper) SetFromBrowser(at time.Time) error {
	k.setMu.Lock()
	defer k.setMu.Unlock()
	if k.State().Source == FromNTP {
		return ErrSynced
	}
	if !isCredible(at, k.loadFloors().proven) {
		return ErrRange
	}
	if err := k.stepClock(at, at.Sub(k.cfg.now())); err != nil {
		return err
	}
	k.setState(State{Source: FromBrowser, At: at})
	return k.saveFloors()
}

// stepClock sets the clock and the real-time clock. The caller holds setMu.
func (k *Keeper) stepClock(at time.Time, offset time.Duration) error {
	if offset.Abs() >= minStep {
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

// Serve saves the floors and queries time servers until ctx ends.
func (k *Keeper) Serve(ctx context.Context) error {
	save, ask := time.NewTicker(savePeriod), time.NewTimer(0)
	defer save.Stop()
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return k.saveFloors()
		case <-save.C:
			if err := k.saveFloors(); err != nil {
				k.cfg.Log.Warn("the time is not saved", "err", err)
			}
		case <-ask.C:
			wait := queryRetry
			if k.queryServers(ctx) {
				wait = queryInterval
			}
			ask.Reset(wait)
		}
	}
}

// queryServers queries the servers, sets the clock if they agree, and reports whether it did.
func (k *Keeper) queryServers(ctx context.Context) bool {
	offset, ok := AgreedOffset(k.queryOffsets(ctx), tolerance)
	if !ok || ctx.Err() != nil {
		return false
	}
	k.setMu.Lock()
	defer k.setMu.Unlock()
	at := k.cfg.now().Add(offset)
	if floor := k.loadFloors().proven; !isCredible(at, floor) {
		k.cfg.Log.Warn("the time of the time servers is not credible", "time", at, "floor", floor)
		return false
	}
	err := k.stepClock(at, offset)
	if err == nil {
		err = k.cfg.markSynced()
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

// queryOffsets queries all servers at once and returns the offsets of those that answered.
func (k *Keeper) queryOffsets(ctx context.Context) []time.Duration {
	var servers []string
	for _, s := range k.cfg.Servers() {
		if !slices.Contains(servers, s) && len(servers) < maxServers {
			servers = append(servers, s)
		}
	}
	answers := make([]*time.Duration, len(servers)) // one writer for each element
	g := supervise.Group(ctx)
	for i, s := range servers {
		g.Go(func(ctx context.Context) error {
			offset, err := k.cfg.Query(ctx, s)
			if err == nil {
				answers[i] = &offset
			}
			return nil // a dead server must not stop the others
		})
	}
	if err := g.Wait(); err != nil {
		k.cfg.Log.Error("a query of a time server panicked", "err", err)
	}
	var offsets []time.Duration
	for _, t := range answers {
		if t != nil {
			offsets = append(offsets, *t)
		}
	}
	return offsets
}
