// Package cooling drives the fan of the board by its temperature.
//
// The supervision tree runs one Fan on a board that has a fan and a thermometer. The fan follows
// a curve of the hottest thermometer. It turns at full speed whenever the temperature cannot be
// read, and when the service stops. After the stop the kernel controls the fan again.
package cooling

import (
	"context"
	"errors"
	"time"

	"github.com/livelearn/box/hal"
)

// interval is the time between two readings. A heat sink warms by a few degrees in this time.
const interval = 2 * time.Second

// ErrNoTemperature means that no thermometer answered. The fan turns at full speed meanwhile.
var ErrNoTemperature = errors.New("fan: the temperature cannot be read")

// Fan is the service. Its fields are set before Serve.
type Fan struct {
	Device  hal.Fan
	Thermal hal.Thermal
	Curve   Curve
	Report  func(error) // gets each change of the state: nil if all works, else the fault

	duty uint8 // owned by Serve's goroutine. The last duty of the curve
}

// String returns the name of the service.
func (*Fan) String() string { return "fan" }

// Serve sets the fan by the temperature until ctx ends. At the end, and after a panic too, it sets
// full speed and gives the fan back to the kernel. Full speed comes first because the kernel acts
// at its next change of temperature only. An error means that the fan did not obey at the end.
func (f *Fan) Serve(ctx context.Context) (err error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	defer func() { err = errors.Join(f.Device.Set(fullSpeed), f.Device.Auto()) }()
	last := "not adjusted yet"
	for {
		err := f.adjust()
		if now := textOf(err); now != last {
			f.Report(err)
			last = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// textOf returns the text of err, empty if it is nil.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// adjust reads the temperature and sets the fan once.
func (f *Fan) adjust() error {
	hot, ok := f.Thermal.Heat().Hottest()
	if !ok {
		f.duty = fullSpeed
		return errors.Join(f.Device.Set(fullSpeed), ErrNoTemperature)
	}
	f.duty = f.Curve.Duty(hot.Temp, f.duty)
	return f.Device.Set(f.duty)
}
