package server_test

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
)

// TestThePushesThatFailAreInTheMetrics follows a push that fails twice and then succeeds.
func TestThePushesThatFailAreInTheMetrics(t *testing.T) {
	r := cloudtest.NewFixture(t) // without a node that runs: it would take the push too
	reg := prometheus.NewRegistry()
	server.New(server.Config{Listen: "127.0.0.1:0", Plain: true}, r.Store, slog.New(slog.DiscardHandler), reg)
	check := func(want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, gatherPushes(t, reg)); diff != "" {
			t.Error(diff)
		}
	}
	sums := func(more map[string]float64, failing float64) map[string]float64 {
		more["livelearn_cloud_pushes oneroster"], more["livelearn_cloud_pushes_failing oneroster"] = 0, 0
		more["livelearn_cloud_pushes_failing xapi"] = failing
		return more
	}
	check(sums(map[string]float64{"livelearn_cloud_pushes xapi": 0}, 0))
	err := r.Store.SetPush(t.Context(), pg.PushSettings{
		School: cloudtest.School, Kind: pg.PushXAPI, Address: "https://lrs.example/xapi", Login: "key", Secret: "secret", Home: "https://cloud.example", Every: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, problem := range []string{"the store answers 503", "the store answers 503", ""} {
		job, err := r.Store.ClaimPush(t.Context(), time.Minute)
		if err != nil || job == nil {
			t.Fatalf("%+v %v", job, err)
		}
		if ok, err := r.Store.FinishPush(t.Context(), job, pg.PushOutcome{Cursor: job.Cursor, Refused: 2, Problem: problem}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		failures, failing, success := float64(i+1), 1.0, 0.0
		if problem == "" {
			failures, failing, success = 0, 0, 1
		}
		check(sums(map[string]float64{
			"livelearn_cloud_pushes xapi": 1, "livelearn_cloud_push_failures xapi": failures, "livelearn_cloud_push_refused xapi": float64(2 * (i + 1)),
			"livelearn_cloud_push_last_success_seconds xapi": success,
		}, failing))
	}
}

// gatherPushes returns the metrics of pushes by name and kind. A time is 1.
func gatherPushes(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	list, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range list {
		for _, m := range f.GetMetric() {
			if !strings.HasPrefix(f.GetName(), "livelearn_cloud_push") {
				continue
			}
			for _, l := range m.GetLabel() {
				if v := m.GetGauge().GetValue(); l.GetName() == "kind" && v > 1e9 {
					got[f.GetName()+" "+l.GetValue()] = 1
				} else if l.GetName() == "kind" {
					got[f.GetName()+" "+l.GetValue()] = v
				}
			}
		}
	}
	return got
}

// TestTheAlertsAndTheDashboardNameMetricsThatExist compares their expressions with what a node with a box
// and a push has.
func TestTheAlertsAndTheDashboardNameMetricsThatExist(t *testing.T) {
	r := newRig(t)
	if _, err := r.Store.AddDirect(t.Context(), cloudtest.School, "box-1", ""); err != nil {
		t.Fatal(err)
	}
	err := r.Store.SetPush(t.Context(), pg.PushSettings{School: cloudtest.School, Kind: pg.PushOneRoster, Address: "file:///srv/inbox", Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	server.New(server.Config{Listen: "127.0.0.1:0", Plain: true}, r.Store, slog.New(slog.NewTextHandler(io.Discard, nil)), reg)
	list, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range list {
		have[f.GetName()] = true
	}
	for _, file := range []string{"alerts.yml", "dashboard.json"} {
		text, err := os.ReadFile("../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`livelearn_cloud_[a-z_]+`).FindAllString(string(text), -1)
		if len(names) < 8 || !strings.Contains(string(text), "livelearn_cloud_push_failures") {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		for _, name := range names {
			if !have[name] && !have[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s: a node has no %s", file, name)
			}
		}
	}
}

// TestPromtoolTakesTheAlerts needs promtool.
func TestPromtoolTakesTheAlerts(t *testing.T) {
	bin, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool; the Debian package prometheus has it")
	}
	if out, err := exec.CommandContext(t.Context(), bin, "check", "rules", "--lint=all", "--lint-fatal", "../deploy/alerts.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
