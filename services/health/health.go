// Package health knows how the box is doing and says it in words that people act on.
//
// Each part of the box sets its own check and clears it; the admin page lists them,
// /readyz answers from them, and a metric carries them. A check has a fixed code that
// the pages translate and a text in English for whoever reads the log.
//
// Promises: setting, clearing and listing never block on anything but a short lock. A
// check that is set again at the same level keeps the time since when it stands.
package health

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Level is how bad a check is.
type Level uint8

const (
	OK   Level = iota // all is well
	Warn              // the box copes; somebody should look
	Fail              // a part of the box does not work
)

var levels = [...]string{"ok", "warn", "fail"}

// String is the level's word.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return levels[Fail]
}

// MarshalText writes the level's word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Check is what one part of the box says of itself.
type Check struct {
	Name  string    `json:"name"`           // the part: "journal", "network"; from a small fixed set
	Level Level     `json:"level"`          // ok, warn or fail
	Code  string    `json:"code,omitempty"` // what the pages translate: "disk_full"
	Text  string    `json:"text,omitempty"` // for the log and the admin, in English; holds no names of people
	Since time.Time `json:"since"`          // when the level last changed
}

// Health is every check of the box. Its methods may be called from any goroutine.
type Health struct {
	gauge *prometheus.GaugeVec

	mu     sync.Mutex // guards checks
	checks map[string]Check
}

// New makes an empty list. reg gets livelearn_health_level{check} (0 ok, 1 warn, 2 fail)
// and may be nil.
func New(reg prometheus.Registerer) *Health {
	h := &Health{checks: map[string]Check{}, gauge: newGauge()}
	if reg != nil {
		reg.MustRegister(h.gauge)
	}
	return h
}

// Set says how the part called name is doing.
func (h *Health) Set(name string, level Level, code, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := time.Now()
	if old, ok := h.checks[name]; ok && old.Level == level {
		since = old.Since
	}
	h.checks[name] = Check{Name: name, Level: level, Code: code, Text: text, Since: since}
	h.gauge.WithLabelValues(name).Set(float64(level))
}

// Clear forgets the part: it is not there any more and says nothing.
func (h *Health) Clear(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.checks, name)
	h.gauge.DeleteLabelValues(name)
}

// List is all checks, the worst first, then by name.
func (h *Health) List() []Check {
	h.mu.Lock()
	list := slices.Collect(maps.Values(h.checks))
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b Check) int {
		if a.Level != b.Level {
			return int(b.Level) - int(a.Level)
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

// Ready tells whether a lesson can be held: no check fails. The list says why.
func (h *Health) Ready() (bool, []Check) {
	list := h.List()
	return len(list) == 0 || list[0].Level < Fail, list
}
