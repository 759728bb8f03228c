package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
)

func TestStreamsAreListedInOrderAndBadNamesRefused(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	var want []string
	for i := range 600 {
		want = append(want, fmt.Sprintf("room:%04d", i))
		b.raise(want[i])
	}
	if got, err := b.Streams(); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
	for _, bad := range []string{"", "a\x00b", string(make([]byte, 256))} {
		if _, err := b.Raise(t.Context(), bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestASecondProcessIsToldThatTheJournalIsInUse(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), NoBallast: true}
	openBox(t, cfg)
	_, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != "in_use" || e.Kind != errs.Busy {
		t.Errorf("got %v", err)
	}
}

func TestMetricsMayBeRegisteredTwice(t *testing.T) {
	reg := prometheus.NewRegistry()
	newMetrics(reg).commits.Inc()
	newMetrics(reg).commits.Inc()
	if got, err := reg.Gather(); err != nil || len(got) == 0 {
		t.Errorf("%d families, %v", len(got), err)
	}
}
