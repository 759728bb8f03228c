package event

import (
	"errors"
	"sync/atomic"
	"time"
)

// Errors of Clock.SetTime.
var (
	ErrTrusted = errors.New("the box's own time is right")
	ErrRange   = errors.New("a time of the years 2026 to 2046 is asked for")
)

// The range of times that Clock.SetTime accepts, in milliseconds since 1970. A box is not older
// than its program, and a clock far ahead of it is as wrong as one behind.
const (
	Earliest = int64(1_767_225_600_000) // 2026 begins
	Latest   = int64(2_429_913_599_999) // 2046 ends
)

// Clock makes stamps. Its methods may be called from any goroutine. Its zero value is not
// usable; see NewClock.
//
// The wall time is that of the machine, until SetTime gives a better one. Once a trusted source
// has set the machine's clock, the wall time is that of the machine for good. The time of
// SetTime is kept as a distance to the monotonic clock, so a step of the machine's clock does
// not move it.
type Clock struct {
	boot    uint64
	start   time.Time
	trusted func() bool

	synced  atomic.Bool  // the machine's clock was found to be right
	wasSet  atomic.Bool  // base is set
	setBase atomic.Int64 // the wall time of SetTime, at the start
}

// NewClock starts a clock whose stamps carry boot. It never trusts the machine's clock.
func NewClock(boot uint64) *Clock {
	return NewSyncedClock(boot, func() bool { return false })
}

// NewSyncedClock is NewClock with a function that reports whether a trusted source has set the
// machine's clock. The clock calls it for each stamp until it returns true.
func NewSyncedClock(boot uint64, trusted func() bool) *Clock {
	return &Clock{boot: boot, start: time.Now(), trusted: trusted}
}

// Now is the present stamp.
func (c *Clock) Now() Stamp {
	now := time.Now()
	s := Stamp{Boot: c.boot, Mono: now.Sub(c.start).Milliseconds(), Wall: now.UnixMilli()}
	switch {
	case c.isSynced():
		s.Trusted = true
	case c.wasSet.Load():
		s.Wall, s.Trusted = c.setBase.Load()+s.Mono, true
	}
	return s
}

// isSynced reports whether the machine's clock is right. It stays right for a lesson
// when the source is lost later.
func (c *Clock) isSynced() bool {
	if !c.synced.Load() && c.trusted() {
		c.synced.Store(true)
	}
	return c.synced.Load()
}

// SetTime sets the time, in milliseconds since 1970, as a teacher's browser knows it. From
// then on stamps are trusted. It returns ErrTrusted when the machine's own time is right, and
// ErrRange when the time is not possible. Stamps never go back below the time that was set.
func (c *Clock) SetTime(wall int64) error {
	if c.isSynced() {
		return ErrTrusted
	}
	if wall < Earliest || wall > Latest {
		return ErrRange
	}
	c.setBase.Store(wall - time.Since(c.start).Milliseconds())
	c.wasSet.Store(true)
	return nil
}
