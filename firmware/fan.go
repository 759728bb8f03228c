package firmware

import (
	"errors"

	"github.com/livelearn/box/services/cooling"
	"github.com/livelearn/box/services/health"
)

// checkFan is the name of the fan's health check.
const checkFan = "fan"

// newFan builds the service that drives the fan. It is nil on a board without a fan or without a
// thermometer, where the kernel keeps the fan.
func (b *Box) newFan() *cooling.Fan {
	board := b.parts.Board
	if board.Fan == nil || board.Thermal == nil {
		return nil
	}
	log := b.loggerFor("cooling")
	return &cooling.Fan{Device: board.Fan, Thermal: board.Thermal, Report: func(err error) {
		code := "fan_not_set"
		switch {
		case err == nil:
			b.health.SetCheck(checkFan, health.OK, "", "")
			return
		case errors.Is(err, cooling.ErrNoTemperature):
			code = "temperature_unknown"
		}
		log.Warn("the fan does not follow the temperature", "err", err)
		b.health.SetCheck(checkFan, health.Warn, code, err.Error())
	}}
}
