package hal

import (
	"context"
	"time"
)

// Curve is how fast a fan turns at which temperature: slowest at Low, as fast as it can at
// High, in a straight line between. Below Low it is off. The zero value is the one of
// DefaultCurve.
type Curve struct {
	Low, High MilliCelsius
	Slowest   uint8        // below it the fan does not turn, or not quietly
	Slack     MilliCelsius // how much cooler it must get before the fan slows down
}

// DefaultCurve is quiet in a classroom and at full speed 5 degrees before a Raspberry Pi
// slows itself down, at 80 (raspberrypi.com/documentation: frequency management and thermal
// control).
var DefaultCurve = Curve{Low: 50_000, High: 75_000, Slowest: 75, Slack: 5_000}

// Duty is the duty for temperature t if the fan turns at was now. It goes up at once, and
// down only where the curve does so for a temperature that is higher by Slack: a temperature
// that swings by less than that does not make the fan swing.
func (c Curve) Duty(t MilliCelsius, was uint8) uint8 {
	if c == (Curve{}) {
		c = DefaultCurve
	}
	if up := c.at(t); up >= was {
		return up
	}
	return min(was, c.at(t+max(c.Slack, 0)))
}

// at is the curve without its memory.
func (c Curve) at(t MilliCelsius) uint8 {
	switch {
	case t >= c.High:
		return 255
	case t < c.Low:
		return 0
	}
	span := int64(c.High - c.Low)
	return c.Slowest + uint8(int64(255-c.Slowest)*int64(t-c.Low)/span)
}

const coolPeriod = 2 * time.Second // a processor's sink warms by a few degrees in that time

// Cool makes the fan follow the hottest thermometer along c until ctx ends, and then gives
// it back to the kernel. Where no thermometer answers the kernel has it meanwhile. failed is
// told each error of the fan, the first of a row only.
func Cool(ctx context.Context, fan Fan, th Thermal, c Curve, failed func(error)) error {
	tick := time.NewTicker(coolPeriod)
	defer tick.Stop()
	duty, well := uint8(0), true
	for {
		var err error
		if hot, ok := th.Heat().Hottest(); ok {
			duty = c.Duty(hot.Temp, duty)
			err = fan.Set(duty)
		} else {
			err = fan.Auto()
		}
		if err != nil && well {
			failed(err)
		}
		well = err == nil
		select {
		case <-ctx.Done():
			return fan.Auto()
		case <-tick.C:
		}
	}
}
