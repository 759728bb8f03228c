package sim

import (
	"sync"

	"github.com/livelearn/box/hal"
)

// throttleFrom is the temperature at which a Raspberry Pi throttles.
const throttleFrom hal.MilliCelsius = 80_000

// Thermal is a thermometer that shows the heat of SetHeat, and 40 degrees before the first call.
type Thermal struct {
	mu   sync.Mutex
	heat *hal.Heat // guarded by mu
}

// SetHeat sets the heat of the board.
func (o *Thermal) SetHeat(h hal.Heat) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heat = &h
}

// Heat implements hal.Thermal.
func (o *Thermal) Heat() hal.Heat {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.heat == nil {
		return hal.Heat{Zones: []hal.Zone{{Name: "cpu", Temp: 40_000, Hot: throttleFrom}}}
	}
	return *o.heat
}
