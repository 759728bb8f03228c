package sim

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
)

// Fan is a fan that remembers its speed.
type Fan struct {
	mu   sync.Mutex
	duty int // guarded by mu; 0: the kernel has it, else one more than the duty
}

// Set implements hal.Fan.
func (f *Fan) Set(duty uint8) error { return f.to(int(duty) + 1) }

// Auto implements hal.Fan.
func (f *Fan) Auto() error { return f.to(0) }

func (f *Fan) to(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.duty = n
	return nil
}

// Duty is what the fan was set to; ok is false while the kernel has it.
func (f *Fan) Duty() (duty uint8, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return uint8(max(f.duty-1, 0)), f.duty > 0
}

// Clock is a real-time clock. It begins at this computer's time.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration // guarded by mu
	lost  bool          // guarded by mu
}

// Read implements hal.RTC.
func (c *Clock) Read() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return time.Time{}, hal.ErrUnset
	}
	return time.Now().Add(c.ahead).UTC().Truncate(time.Second), nil
}

// Set implements hal.RTC.
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.lost = time.Until(t), false
	return nil
}

// Lose takes the clock's battery out for a moment.
func (c *Clock) Lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
}

// dogTime is that of the watchdog of a Raspberry Pi.
const dogTime = 15 * time.Second

// Dog is a watchdog that remembers its feeds, and does not bite.
type Dog struct {
	mu   sync.Mutex
	up   bool      // guarded by mu
	fed  int       // guarded by mu
	last time.Time // guarded by mu; of the last feed, or of the start
}

// errBusy and errClosed are what the kernel's says.
var (
	errBusy   = errors.New("watchdog: it is open already")
	errClosed = errors.New("watchdog: it is closed")
)

func (d *Dog) open() (hal.Watchdog, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.up {
		return nil, errBusy
	}
	d.up, d.last = true, time.Now()
	return d, nil
}

// Timeout implements hal.Watchdog.
func (*Dog) Timeout() time.Duration { return dogTime }

// Feed implements hal.Watchdog.
func (d *Dog) Feed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.up {
		return errClosed
	}
	d.fed, d.last = d.fed+1, time.Now()
	return nil
}

// Disarm implements hal.Watchdog.
func (d *Dog) Disarm() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.up = false
	return nil
}

// Fed is how often it was fed, and whether it would bite now.
func (d *Dog) Fed() (times int, bites bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fed, d.up && time.Since(d.last) > dogTime
}

// The supply's voltages, in thousandths of a volt. Raspberry Pis call less than 4.63 V low.
const (
	good = 5100
	low  = 4630
)

// Supply is a power supply.
type Supply struct {
	mu         sync.Mutex
	millivolts int // guarded by mu
}

// Give sets the voltage, in thousandths of a volt.
func (s *Supply) Give(millivolts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.millivolts = millivolts
}

// Millivolts is the voltage.
func (s *Supply) Millivolts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.millivolts
}

// Low implements hal.Supply.
func (s *Supply) Low() (bool, error) { return s.Millivolts() < low, nil }

// Radio is one Wi-Fi interface, that of a Raspberry Pi with its own firmware.
type Radio struct{}

// List implements hal.Radios.
func (*Radio) List() ([]hal.Radio, error) {
	return []hal.Radio{{Name: "wlan-sim", AP: true, Clients: 19}}, nil
}

// Climate sets how warm the board is, and what its supply gives.
func (b *Board) Climate(t hal.MilliCelsius, millivolts int) error {
	const coldest, hottest, least, most = -40_000, 120_000, 4000, 5500
	if t < coldest || t > hottest {
		return fmt.Errorf("temperature: %v is not between %v and %v", t, hal.MilliCelsius(coldest), hal.MilliCelsius(hottest))
	}
	if millivolts < least || millivolts > most {
		return fmt.Errorf("voltage: %d mV is not between %d and %d", millivolts, least, most)
	}
	b.Supply.Give(millivolts)
	was := b.Oven.Heat()
	slow, weak := t >= slowFrom, millivolts < low
	b.Oven.Bake(hal.Heat{
		Zones: []hal.Zone{{Name: "cpu", Temp: t, Hot: slowFrom}},
		Slow:  slow, Was: was.Was || slow, Weak: was.Weak || weak,
	})
	return nil
}
