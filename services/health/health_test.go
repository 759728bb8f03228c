package health_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/health"
)

func TestOneFailingCheckMakesTheBoxUnready(t *testing.T) {
	h := health.New(nil)
	ready := func() bool { ok, _ := h.Ready(); return ok }
	if !ready() {
		t.Error("an empty list is not ready")
	}
	h.SetCheck("network", health.Warn, "no_multicast", "")
	if !ready() {
		t.Error("a warning makes the box unready")
	}
	h.SetCheck("journal", health.Fail, "disk_full", "no space left")
	if ready() {
		t.Error("a failing check leaves the box ready")
	}
	h.SetCheck("journal", health.OK, "", "")
	if !ready() {
		t.Error("a mended check leaves the box unready")
	}
	h.SetCheck("journal", health.Fail, "disk_full", "")
	h.ClearCheck("journal")
	if !ready() {
		t.Error("a cleared check counts")
	}
}

func TestTheWorstCheckComesFirst(t *testing.T) {
	h := health.New(nil)
	h.SetCheck("b", health.OK, "", "")
	h.SetCheck("a", health.OK, "", "")
	h.SetCheck("z", health.Fail, "", "")
	h.SetCheck("m", health.Warn, "", "")
	var got []string
	for _, c := range h.List() {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff(got, []string{"z", "m", "a", "b"}); diff != "" {
		t.Error(diff)
	}
}

func TestSinceIsWhenTheLevelChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := health.New(nil)
		start := time.Now()
		h.SetCheck("disk", health.Warn, "nearly_full", "80 %")
		time.Sleep(time.Minute)
		h.SetCheck("disk", health.Warn, "nearly_full", "81 %")
		if c := h.List()[0]; !c.Since.Equal(start) || c.Text != "81 %" {
			t.Errorf("the same level again: %+v", c)
		}
		h.SetCheck("disk", health.Fail, "full", "")
		if c := h.List()[0]; !c.Since.Equal(start.Add(time.Minute)) {
			t.Errorf("another level: since %v", c.Since)
		}
	})
}

func TestLevelsAreWords(t *testing.T) {
	data, err := json.Marshal([]health.Level{health.OK, health.Warn, health.Fail, 77})
	if err != nil || string(data) != `["ok","warn","fail","fail"]` {
		t.Errorf("%s %v", data, err)
	}
}

func TestMetricsFollowTheChecks(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := health.New(reg)
	h.SetCheck("journal", health.Fail, "disk_full", "")
	h.SetCheck("network", health.OK, "", "")
	h.ClearCheck("network")
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || len(families[0].Metric) != 1 {
		t.Fatalf("%v %v", families, err)
	}
	if got := families[0].Metric[0].Gauge.GetValue(); got != 2 {
		t.Errorf("journal is %v, want 2", got)
	}
}
