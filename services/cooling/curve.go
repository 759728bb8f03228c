package cooling

import "github.com/livelearn/box/hal"

// fullSpeed is the duty at which a fan turns as fast as it can.
const fullSpeed = 255

// Curve maps a temperature to the speed of a fan. Below Low the fan is off. At Low it turns at
// MinDuty and at High at full speed, with a straight line between the two. The zero value is
// DefaultCurve.
type Curve struct {
	Low, High  hal.MilliCelsius
	MinDuty    uint8            // below this duty the fan stops or is noisy
	Hysteresis hal.MilliCelsius // the fan slows down when the board is this much cooler
}

// DefaultCurve is quiet in a classroom. It reaches full speed at 75 °C, 5 degrees before a
// Raspberry Pi throttles itself (raspberrypi.com/documentation, frequency management and
// thermal control).
var DefaultCurve = Curve{Low: 50_000, High: 75_000, MinDuty: 75, Hysteresis: 5_000}

// Duty returns the duty for temperature t when the fan turns at was now. The duty rises at once.
// It falls when the curve gives a lower duty even for t plus Hysteresis, so the fan does not
// follow a temperature that swings by less than that.
func (c Curve) Duty(t hal.MilliCelsius, was uint8) uint8 {
	if c == (Curve{}) {
		c = DefaultCurve
	}
	if up := c.dutyAt(t); up >= was {
		return up
	}
	return min(was, c.dutyAt(t+max(c.Hysteresis, 0)))
}

// dutyAt returns the duty for t without hysteresis.
func (c Curve) dutyAt(t hal.MilliCelsius) uint8 {
	switch {
	case t >= c.High:
		return fullSpeed
	case t < c.Low:
		return 0
	}
	span := int64(c.High - c.Low)
	return c.MinDuty + uint8(int64(fullSpeed-c.MinDuty)*int64(t-c.Low)/span)
}
