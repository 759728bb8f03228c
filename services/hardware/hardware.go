// Package hardware keeps the health checks of the board's parts: the power supply, the Wi-Fi radios
// and the wear of the storage.
package hardware

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/health"
)

// interval is the time between two looks at the parts.
const interval = 10 * time.Second

// Names of the health checks of the parts.
const (
	checkSupply  = "supply"
	checkRadios  = "radios"
	checkStorage = "storage"
)

// Watch keeps the health checks of the parts.
type Watch struct {
	supply hal.Supply  // nil: the board does not measure its voltage
	radios hal.Radios  // nil: the board has no radio
	store  hal.Storage // nil: the board has no card
	health *health.Health
	log    *slog.Logger
	wasLow bool // owned by Serve's goroutine
}

// New returns the service for a board. It is nil if the board has none of the parts.
func New(board hal.Board, h *health.Health, log *slog.Logger) *Watch {
	if board.Supply == nil && board.Radios == nil && board.Storage == nil {
		return nil
	}
	return &Watch{supply: board.Supply, radios: board.Radios, store: board.Storage, health: h, log: log}
}

// String returns the name of the service.
func (w *Watch) String() string { return "hardware" }

// Serve looks at the parts now and each ten seconds until ctx ends.
func (w *Watch) Serve(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if w.supply != nil {
			w.lookAtSupply()
		}
		if w.radios != nil {
			w.lookAtRadios()
		}
		if w.store != nil {
			w.lookAtStorage()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// lookAtSupply warns while the voltage is too low.
func (w *Watch) lookAtSupply() {
	low, err := w.supply.Low()
	if low && !w.wasLow {
		w.log.Warn("the supply voltage is too low")
	}
	w.wasLow = low
	switch {
	case err != nil:
		w.health.SetCheck(checkSupply, health.Warn, "supply_unreadable", err.Error())
	case low:
		w.health.SetCheck(checkSupply, health.Warn, "voltage_low", "use the power supply that is made for this board, and a short thick cable")
	default:
		w.health.SetCheck(checkSupply, health.OK, "", "")
	}
}

// lookAtRadios names the Wi-Fi interfaces.
func (w *Watch) lookAtRadios() {
	list, err := w.radios.List()
	switch {
	case err != nil:
		w.health.SetCheck(checkRadios, health.Warn, "radios_unreadable", err.Error())
	case len(list) == 0:
		w.health.SetCheck(checkRadios, health.OK, "radios_none", "")
	default:
		w.health.SetCheck(checkRadios, health.OK, "", radioNames(list))
	}
}

// radioNames returns the interfaces in one line, such as "wlan0 (AP, 19 clients), wlan1".
func radioNames(list []hal.Radio) string {
	var names []string
	for _, r := range list {
		switch {
		case r.AP && r.Clients > 0:
			names = append(names, fmt.Sprintf("%s (AP, %d clients)", r.Name, r.Clients))
		case r.AP:
			names = append(names, r.Name+" (AP)")
		default:
			names = append(names, r.Name)
		}
	}
	return strings.Join(names, ", ")
}
