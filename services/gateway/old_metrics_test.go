package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The jobs of the rig register theirs. Those of the nodes and the cloud have labels.
func TestRenamedMetricsKeepTheirOldNames(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) {
		for _, name := range []string{"livelearn_media_active", "livelearn_cloud_errors_total"} {
			v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: "Help."}, []string{"label"})
			v.WithLabelValues("a").Set(3)
			v.WithLabelValues("b").Set(4)
			d.Metrics.MustRegister(v)
		}
	})
	req := r.request("nobody", "GET", "/metrics", nil)
	req.RemoteAddr = "127.0.0.1:9"
	text := r.do(req).Body.String()
	lines := strings.Split(text, "\n")
	linesOf := func(name string) (of []string) {
		for _, line := range lines {
			if strings.HasPrefix(line, name+" ") || strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, "# TYPE "+name+" ") {
				of = append(of, strings.Replace(line, name, "", 1))
			}
		}
		return of
	}
	for name, old := range oldMetricNames {
		got, want := linesOf(old), linesOf(name)
		if len(want) < 1 || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", old, got, want)
		}
		if !slices.Contains(lines, "# HELP "+old+" Deprecated, use "+name+".") {
			t.Errorf("%s: its help text does not name the new metric", old)
		}
	}
	if n := strings.Count(text, "Deprecated"); n != len(oldMetricNames) {
		t.Errorf("%d names are deprecated", n)
	}
}
