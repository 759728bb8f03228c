package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

const (
	checkInterval = 5 * time.Second
	lostAfter     = 5 * time.Minute  // a member without a connection is a warning
	faultAfter    = 10 * time.Second // as is an engine that does not start
	checkName     = "mesh"
)

// watch reports members that cannot be reached to health.
type watch struct {
	list   *members.List
	linked func() []string
	health *health.Health

	mu    sync.Mutex
	lost  map[string]time.Time // since when a member has no connection, by its id; guarded by mu
	fault error                // of the engine, guarded by mu
	since time.Time            // of the fault, guarded by mu
}

// run checks until ctx ends.
func (w *watch) run(ctx context.Context) error {
	for ctx.Err() == nil {
		w.check(time.Now())
		supervise.Sleep(ctx, checkInterval)
	}
	return nil
}

// noteFault hears why an engine ended, or nil when one runs.
func (w *watch) noteFault(err error) {
	w.mu.Lock()
	if err == nil || w.fault == nil {
		w.since = time.Now()
	}
	w.fault = err
	w.mu.Unlock()
	if err != nil {
		w.check(time.Now())
	}
}

// clear ends the check of a box that is alone.
func (w *watch) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = nil
	clear(w.lost)
	w.health.ClearCheck(checkName)
}

func (w *watch) check(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	linked, others, away := w.linked(), w.list.Others(), []string{}
	maps.DeleteFunc(w.lost, func(id string, _ time.Time) bool { // one that comes back later has its full time
		return !slices.ContainsFunc(others, func(m members.Member) bool { return m.ID == id })
	})
	for _, m := range others {
		if slices.Contains(linked, m.ID) {
			delete(w.lost, m.ID)
			continue
		}
		if _, ok := w.lost[m.ID]; !ok {
			w.lost[m.ID] = now
		}
		if now.Sub(w.lost[m.ID]) >= lostAfter {
			away = append(away, fmt.Sprintf("%q (%s)", m.Name, m.ID))
		}
	}
	switch {
	case w.fault != nil && now.Sub(w.since) >= faultAfter:
		w.health.SetCheck(checkName, health.Warn, "no_engine", "this box cannot connect to the other boxes of the school: "+describeFault(w.fault))
	case len(away) > 0:
		w.health.SetCheck(checkName, health.Warn, "unreachable", "no connection for 5 minutes to "+strings.Join(away, ", ")+": check that it is switched on and in the same network, or remove it from the school")
	default:
		w.health.SetCheck(checkName, health.OK, "", "")
	}
}

// describeFault returns what the engine said last, or how it ended.
func describeFault(err error) string {
	if p, ok := errors.AsType[*supervise.ProcessError](err); ok {
		lines := strings.Split(strings.TrimSpace(string(p.Tail)), "\n")
		if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
			return last
		}
	}
	return err.Error()
}
