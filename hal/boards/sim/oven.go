package sim

import (
	"sync"

	"github.com/livelearn/box/hal"
)

// slowFrom is where a Raspberry Pi slows down.
const slowFrom hal.MilliCelsius = 80_000

// Oven is a thermometer that shows what Bake was told, at first 40 degrees.
type Oven struct {
	mu   sync.Mutex
	heat *hal.Heat // guarded by mu
}

// Bake makes the board as hot as h says.
func (o *Oven) Bake(h hal.Heat) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heat = &h
}

// Heat implements hal.Thermal.
func (o *Oven) Heat() hal.Heat {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.heat == nil {
		return hal.Heat{Zones: []hal.Zone{{Name: "cpu", Temp: 40_000, Hot: slowFrom}}}
	}
	return *o.heat
}
