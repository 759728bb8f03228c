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
	duty int // guarded by mu, 0 means under control of the kernel, else the duty plus one
}

// Set implements hal.Fan.
func (f *Fan) Set(duty uint8) error { return f.setDuty(int(duty) + 1) }

// Auto implements hal.Fan.
func (f *Fan) Auto() error { return f.setDuty(0) }

func (f *Fan) setDuty(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.duty = n
	return nil
}

// LastDuty returns the last duty. ok is false while the kernel controls the fan.
func (f *Fan) LastDuty() (duty uint8, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return uint8(max(f.duty-1, 0)), f.duty > 0
}

// RTC is a real-time clock. It begins at this computer's time.
type RTC struct {
	mu    sync.Mutex
	ahead time.Duration // guarded by mu
	lost  bool          // guarded by mu
}

// Read implements hal.RTC.
func (c *RTC) Read() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return time.Time{}, hal.ErrUnset
	}
	return time.Now().Add(c.ahead).UTC().Truncate(time.Second), nil
}

// Set implements hal.RTC.
func (c *RTC) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.lost = time.Until(t), false
	return nil
}

// LosePower simulates a clock that lost its battery.
func (c *RTC) LosePower() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
}

// watchdogTimeout is the timeout of a Raspberry Pi's watchdog.
const watchdogTimeout = 15 * time.Second

// Watchdog is a watchdog that counts its feeds and never resets the machine.
type Watchdog struct {
	mu       sync.Mutex
	armed    bool      // guarded by mu
	feeds    int       // guarded by mu
	lastFeed time.Time // guarded by mu, time of the last feed, or of the start
}

// errBusy and errClosed are the errors of the kernel's watchdog.
var (
	errBusy   = errors.New("watchdog: already open")
	errClosed = errors.New("watchdog: closed")
)

func (d *Watchdog) openOnce() (hal.Watchdog, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.armed {
		return nil, errBusy
	}
	d.armed, d.lastFeed = true, time.Now()
	return d, nil
}

// Timeout implements hal.Watchdog.
func (*Watchdog) Timeout() time.Duration { return watchdogTimeout }

// Feed implements hal.Watchdog.
func (d *Watchdog) Feed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.armed {
		return errClosed
	}
	d.feeds, d.lastFeed = d.feeds+1, time.Now()
	return nil
}

// Disarm implements hal.Watchdog.
func (d *Watchdog) Disarm() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = false
	return nil
}

// FeedState returns the number of feeds, and whether a real watchdog would reset the machine now.
func (d *Watchdog) FeedState() (times int, bites bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.feeds, d.armed && time.Since(d.lastFeed) > watchdogTimeout
}

// Voltages of the supply, in thousandths of a volt. Raspberry Pis warn below 4.63 V.
const (
	normalMillivolts = 5100
	lowMillivolts    = 4630
)

// Supply is a power supply.
type Supply struct {
	mu         sync.Mutex
	millivolts int // guarded by mu
}

// SetVoltage sets the voltage, in thousandths of a volt.
func (s *Supply) SetVoltage(millivolts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.millivolts = millivolts
}

// Millivolts returns the voltage.
func (s *Supply) Millivolts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.millivolts
}

// Low implements hal.Supply.
func (s *Supply) Low() (bool, error) { return s.Millivolts() < lowMillivolts, nil }

// Radio is one Wi-Fi interface like that of a Raspberry Pi.
type Radio struct{}

// List implements hal.Radios.
func (*Radio) List() ([]hal.Radio, error) {
	return []hal.Radio{{Name: "wlan-sim", AP: true, Clients: 19}}, nil
}

// SetClimate sets the temperature of the board and the voltage of its supply.
func (b *Board) SetClimate(t hal.MilliCelsius, millivolts int) error {
	const coldest, hottest, least, most = -40_000, 120_000, 4000, 5500
	if t < coldest || t > hottest {
		return fmt.Errorf("temperature: %v is not between %v and %v", t, hal.MilliCelsius(coldest), hal.MilliCelsius(hottest))
	}
	if millivolts < least || millivolts > most {
		return fmt.Errorf("voltage: %d mV is not between %d and %d", millivolts, least, most)
	}
	b.Supply.SetVoltage(millivolts)
	was := b.Thermal.Heat()
	slow, weak := t >= throttleFrom, millivolts < lowMillivolts
	b.Thermal.SetHeat(hal.Heat{
		Zones:     []hal.Zone{{Name: "cpu", Temp: t, Hot: throttleFrom}},
		Throttled: slow, WasThrottled: was.WasThrottled || slow, UnderVoltage: was.UnderVoltage || weak,
	})
	return nil
}
