// Package health collects how the box is doing, in words that people can act on.
//
// Each part of the box sets its own check and clears it. The admin page lists them, /readyz
// answers from them, and a metric carries them. A check has a fixed code that the pages
// translate and an English text for readers of the log.
//
// Promises: setting, clearing and listing block only on a short lock. A check that is set again
// at the same level keeps its Since.
package health

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Level is the severity of a check.
type Level uint8

const (
	OK   Level = iota // everything works
	Warn              // the box copes, a person should look
	Fail              // a part of the box does not work
)

var levelNames = [...]string{"ok", "warn", "fail"}

// String is the level's name.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return levelNames[Fail]
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Check is the state of one part of the box.
type Check struct {
	Name  string    `json:"name"`           // the part: "journal", "network", from a small fixed set
	Level Level     `json:"level"`          // ok, warn or fail
	Code  string    `json:"code,omitempty"` // the pages translate it: "disk_full"
	Text  string    `json:"text,omitempty"` // for the log and the admin, in English, without names of people
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

// SetCheck sets the state of the part called name.
func (h *Health) SetCheck(name string, level Level, code, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := time.Now()
	if old, ok := h.checks[name]; ok && old.Level == level {
		since = old.Since
	}
	h.checks[name] = Check{Name: name, Level: level, Code: code, Text: text, Since: since}
	h.gauge.WithLabelValues(name).Set(float64(level))
}

// ClearCheck removes the check of a part.
func (h *Health) ClearCheck(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.checks, name)
	h.gauge.DeleteLabelValues(name)
}

// List returns all checks, the worst first, then by name.
func (h *Health) List() []Check {
	h.mu.Lock()
	list := slices.AppendSeq([]Check{}, maps.Values(h.checks))
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

// Ready reports whether a lesson can be held: no check fails. The list shows the reason.
func (h *Health) Ready() (bool, []Check) {
	list := h.List()
	return len(list) == 0 || list[0].Level < Fail, list
}
