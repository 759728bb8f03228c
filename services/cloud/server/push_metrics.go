package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud/pg"
)

var (
	pushLabels = []string{"school", "kind"}

	pushCount    = prometheus.NewDesc("livelearn_cloud_pushes", "Pushes that schools have, by kind: xapi, oneroster.", []string{"kind"}, nil)
	pushFailing  = prometheus.NewDesc("livelearn_cloud_pushes_failing", "Pushes whose last try failed, by kind.", []string{"kind"}, nil)
	pushFailures = prometheus.NewDesc("livelearn_cloud_push_failures", "Tries of the push that failed in a row; 0: the last one succeeded.", pushLabels, nil)
	pushSuccess  = prometheus.NewDesc("livelearn_cloud_push_last_success_seconds", "Unix time at which the push last succeeded; 0: never.", pushLabels, nil)
	pushRefused  = prometheus.NewDesc("livelearn_cloud_push_refused", "Statements of the push that the other side refused and that were left out.", pushLabels, nil)
)

// pushCollector reads the state of the pushes when it is asked. The sums by kind are there from the
// start, and the series of a push from when it is set.
type pushCollector struct{ store *pg.Store }

// Describe implements prometheus.Collector.
func (c *pushCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pushCount, pushFailing, pushFailures, pushSuccess, pushRefused} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *pushCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	list, err := c.store.Pushes(ctx, "")
	if err != nil {
		return // the metric of the database shows it
	}
	count, failing := map[string]int{pg.PushXAPI: 0, pg.PushOneRoster: 0}, map[string]int{}
	for _, p := range list {
		count[p.Kind]++
		if p.Failures > 0 {
			failing[p.Kind]++
		}
		success := 0.0
		if p.Succeeded != nil {
			success = float64(p.Succeeded.UnixMilli()) / 1000
		}
		ch <- prometheus.MustNewConstMetric(pushFailures, prometheus.GaugeValue, float64(p.Failures), p.School, p.Kind)
		ch <- prometheus.MustNewConstMetric(pushSuccess, prometheus.GaugeValue, success, p.School, p.Kind)
		ch <- prometheus.MustNewConstMetric(pushRefused, prometheus.GaugeValue, float64(p.Refused), p.School, p.Kind)
	}
	for kind, n := range count {
		ch <- prometheus.MustNewConstMetric(pushCount, prometheus.GaugeValue, float64(n), kind)
		ch <- prometheus.MustNewConstMetric(pushFailing, prometheus.GaugeValue, float64(failing[kind]), kind)
	}
}
