// Package timekeeper sets the clock of a machine that may have none: from its real-time
// clock, from a floor that it saves, and from time servers when it reaches any.
//
// Promises: the clock is never set behind the floor, which is the latest of the release's own
// time and what was saved; one time server that lies changes nothing, since two must agree.
package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/beevik/ntp"

	"github.com/livelearn/box/hal"
)

// Where the time came from.
const (
	FromFloor = "floor" // it is at least this late
	FromRTC   = "rtc"
	FromNTP   = "ntp"
)

// Last year of a clock that can be believed.
const lastYear = 2100

// Choose is the time that a machine starts with, and where it came from. system is what the
// kernel has, which may come from a clock that it read itself; rtc is zero if there is none
// or it is not set.
func Choose(system, rtc, floor time.Time) (time.Time, string) {
	for _, c := range []struct {
		at   time.Time
		from string
	}{{rtc, FromRTC}, {system, FromRTC}} {
		if !c.at.Before(floor) && c.at.Year() < lastYear {
			return c.at, c.from
		}
	}
	return floor, FromFloor
}

// Agreed is the offset that two servers tell, within tolerance of each other; ok is false if
// no two do.
func Agreed(offsets []time.Duration, tolerance time.Duration) (offset time.Duration, ok bool) {
	slices.Sort(offsets)
	for i := 1; i < len(offsets); i++ {
		if offsets[i]-offsets[i-1] <= tolerance {
			return offsets[i-1] + (offsets[i]-offsets[i-1])/2, true
		}
	}
	return 0, false
}

// Config is how time is kept.
type Config struct {
	Floor   string    // file that holds the latest time that was ever seen
	Release time.Time // no time is before it
	Servers func() []string
	RTC     hal.RTC // nil: none
	Log     *slog.Logger

	Set   func(time.Time) error // sets the kernel's clock; nil: settimeofday
	Query func(server string) (time.Duration, error)
	now   func() time.Time
}

// State is how the time is known.
type State struct {
	Source string        `json:"source"`
	Offset time.Duration `json:"offset"` // by which the time server's was corrected last
	At     time.Time     `json:"at"`     // when
}

// Keeper keeps the time.
type Keeper struct {
	cfg Config

	mu    sync.Mutex
	state State // guarded by mu
}

const (
	savePeriod = 10 * time.Minute
	askPeriod  = time.Hour
	askAgain   = time.Minute // until a server has answered
	tolerance  = 2 * time.Second
	smallest   = 200 * time.Millisecond // a smaller correction is not worth a jump
)

// New makes a keeper. It sets nothing before Start.
func New(cfg Config) *Keeper {
	if cfg.Set == nil {
		cfg.Set = setClock
	}
	if cfg.Query == nil {
		cfg.Query = query
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Keeper{cfg: cfg}
}

// query asks a server (RFC 5905), for at most 5 s.
func query(server string) (time.Duration, error) {
	r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: 5 * time.Second})
	if err != nil {
		return 0, err
	}
	return r.ClockOffset, r.Validate()
}

// String is the service's name.
func (k *Keeper) String() string { return "clock" }

// State is how the time is known.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// Start sets the clock from what the machine itself has.
func (k *Keeper) Start() (State, error) {
	system, rtc := k.cfg.now(), time.Time{}
	var clockErr error
	if k.cfg.RTC != nil {
		if rtc, clockErr = k.cfg.RTC.Read(); clockErr != nil {
			rtc = time.Time{}
		}
	}
	at, from := Choose(system, rtc, k.floor())
	k.mu.Lock()
	k.state = State{Source: from, At: at}
	s := k.state
	k.mu.Unlock()
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

// floor is the earliest time that can be.
func (k *Keeper) floor() time.Time {
	floor := k.cfg.Release
	data, err := os.ReadFile(k.cfg.Floor)
	if err != nil {
		return floor
	}
	if saved, ok := parseFloor(string(data)); ok && saved.After(floor) {
		return saved
	}
	return floor
}

// parseFloor reads seconds since 1970.
func parseFloor(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n >= time.Date(lastYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix() {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
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
			if k.ask() {
				wait = askPeriod
			}
			ask.Reset(wait)
		}
	}
}

// save keeps the time as the floor for the next start. It never goes back.
func (k *Keeper) save() error {
	now := k.cfg.now()
	if !now.After(k.floor()) || now.Year() >= lastYear {
		return nil
	}
	temp := k.cfg.Floor + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, now.Unix())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Rename(temp, k.cfg.Floor)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the folder went away with a test or a disk
	}
	return err
}

// ask asks the servers, and tells whether the time is known now.
func (k *Keeper) ask() bool {
	var offsets []time.Duration
	for _, s := range k.cfg.Servers() {
		if offset, err := k.cfg.Query(s); err == nil {
			offsets = append(offsets, offset)
		}
	}
	offset, ok := Agreed(offsets, tolerance)
	if !ok {
		return false
	}
	at := k.cfg.now().Add(offset)
	if at.Before(k.floor()) || at.Year() >= lastYear {
		k.cfg.Log.Warn("the time servers tell a time that cannot be", "time", at)
		return false
	}
	if offset.Abs() >= smallest {
		if err := k.cfg.Set(at); err != nil {
			k.cfg.Log.Warn("the clock is not set", "err", err)
			return false
		}
	}
	if k.cfg.RTC != nil {
		if err := k.cfg.RTC.Set(at); err != nil {
			k.cfg.Log.Warn("the real-time clock is not set", "err", err)
		}
	}
	k.mu.Lock()
	k.state = State{Source: FromNTP, Offset: offset, At: at}
	k.mu.Unlock()
	return true
}
