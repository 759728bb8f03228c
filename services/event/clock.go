package event

import (
	"errors"
	"sync/atomic"
	"time"
)

// Why Clock.Set refuses.
var (
	ErrTrusted = errors.New("the box's own time is right")
	ErrRange   = errors.New("a time of the years 2026 to 2046 is asked for")
)

// The times that Clock.Set takes, in milliseconds since 1970. A box is not older than its
// program, and a clock far ahead of it is as wrong as one behind.
const (
	Earliest = int64(1_767_225_600_000) // 2026 begins
	Latest   = int64(2_429_913_599_999) // 2046 ends
)

// Clock makes stamps. Its methods may be called from any goroutine. Its zero value is not
// usable; see NewClock.
//
// The wall time is the machine's until somebody tells a better one, and the machine's
// again for good once that was set by a trusted source. What was told is kept as a
// distance to the monotonic clock: a step of the machine's clock does not move it.
type Clock struct {
	boot    uint64
	start   time.Time
	trusted func() bool

	synced atomic.Bool  // the machine's clock was found to be right
	told   atomic.Bool  // base is set
	base   atomic.Int64 // the told wall time at the start
}

// NewClock starts a clock whose stamps carry boot. It trusts the machine's clock never.
func NewClock(boot uint64) *Clock {
	return NewSyncedClock(boot, func() bool { return false })
}

// NewSyncedClock is NewClock with what tells that the machine's clock was set by a trusted
// source. It is asked for each stamp until it has said so once.
func NewSyncedClock(boot uint64, trusted func() bool) *Clock {
	return &Clock{boot: boot, start: time.Now(), trusted: trusted}
}

// Now is the present stamp.
func (c *Clock) Now() Stamp {
	now := time.Now()
	s := Stamp{Boot: c.boot, Mono: now.Sub(c.start).Milliseconds(), Wall: now.UnixMilli()}
	switch {
	case c.sync():
		s.Trusted = true
	case c.told.Load():
		s.Wall, s.Trusted = c.base.Load()+s.Mono, true
	}
	return s
}

// sync tells whether the machine's clock is right. Losing its source later makes it no
// less so for a lesson.
func (c *Clock) sync() bool {
	if !c.synced.Load() && c.trusted() {
		c.synced.Store(true)
	}
	return c.synced.Load()
}

// Set tells the time, in milliseconds since 1970, as a teacher's browser knows it. From
// then on stamps are trusted. It is refused with ErrTrusted when the machine knows better
// and with ErrRange when it cannot be. The time goes back by no more than what is told.
func (c *Clock) Set(wall int64) error {
	if c.sync() {
		return ErrTrusted
	}
	if wall < Earliest || wall > Latest {
		return ErrRange
	}
	c.base.Store(wall - time.Since(c.start).Milliseconds())
	c.told.Store(true)
	return nil
}
