package supervise

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxReports    = 256         // reports in memory
	linesPerSpan  = 60          // log lines, of which
	stacksPerSpan = 10          // carry a stack
	logSpan       = time.Minute // a crash storm must not wear out the card
)

// Reports keeps the last 256 reports for the admin page, writes each to the log and counts it
// in livelearn_supervise_restarts_total{decision}. A crash storm is logged at 60 lines a
// minute, 10 of them with a stack. The count and the list are complete.
type Reports struct {
	log   *slog.Logger
	total *prometheus.CounterVec
	lost  prometheus.Counter

	mu     sync.Mutex // guards the fields below
	ring   []Report
	next   int
	span   time.Time
	lines  int
	hidden int
}

// NewReports makes an empty list. reg may be nil.
func NewReports(log *slog.Logger, reg prometheus.Registerer) *Reports {
	r := &Reports{
		log: log,
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_supervise_restarts_total",
			Help: "Crashes of children and entities, by what was done about them.",
		}, []string{"decision"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_supervise_reports_dropped_total",
			Help: "Crash reports that were dropped because too many came at once.",
		}),
	}
	if reg != nil {
		reg.MustRegister(r.total, r.lost)
	}
	return r
}

// Add records one report. It fits Spec.Observe and Kind.Observe.
func (r *Reports) Add(rep Report) {
	r.total.WithLabelValues(rep.Decision).Inc()
	r.lost.Add(float64(rep.Dropped))
	r.mu.Lock()
	if len(r.ring) < maxReports {
		r.ring = append(r.ring, rep)
	} else {
		r.ring[r.next] = rep
	}
	r.next = (r.next + 1) % maxReports
	line, stack, hidden := r.allowLog(rep.At)
	r.mu.Unlock()
	if line {
		r.writeLog(rep, stack, hidden)
	}
}

// allowLog reports whether a report at now is written, and with its stack. The caller holds mu.
func (r *Reports) allowLog(now time.Time) (line, stack bool, hidden int) {
	if now.Sub(r.span) >= logSpan {
		r.span, r.lines, hidden, r.hidden = now, 0, r.hidden, 0
	}
	r.lines++
	if r.lines > linesPerSpan {
		r.hidden++
		return false, false, 0
	}
	return true, r.lines <= stacksPerSpan, hidden
}

func (r *Reports) writeLog(rep Report, stack bool, hidden int) {
	args := []any{
		"path", rep.Path, "child", rep.Child, "decision", rep.Decision,
		"restarts", rep.Restarts, "err", rep.Err,
	}
	if rep.Last != "" {
		args = append(args, "last", rep.Last)
	}
	if hidden+rep.Dropped > 0 {
		args = append(args, "unlogged", hidden+rep.Dropped)
	}
	if stack && len(rep.Stack) > 0 {
		args = append(args, "stack", string(rep.Stack))
	}
	if needsAttention(rep.Decision) {
		r.log.Error("crash", args...)
	} else {
		r.log.Warn("crash", args...)
	}
}

// needsAttention reports whether a person must act, because a child does not run any more.
func needsAttention(decision string) bool {
	switch decision {
	case Escalated, Spent, Abandoned, Failed, Buried, Fenced, Unsaved:
		return true
	}
	return false
}

// List returns the kept reports, newest first.
func (r *Reports) List() []Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Report, 0, len(r.ring))
	for n := range r.ring {
		list = append(list, r.ring[(r.next-1-n+2*maxReports)%maxReports])
	}
	return list
}
