package server

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

type metrics struct {
	batches  *prometheus.CounterVec
	facts    *prometheus.CounterVec
	bytes    prometheus.Counter
	refusals *prometheus.CounterVec
	storing  prometheus.Histogram
	requests *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_batches_total", Help: "Batches of facts by how they ended.",
		}, []string{"result"}),
		facts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_facts_total", Help: "Facts that boxes brought, by what became of them.",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_cloud_received_bytes_total", Help: "Bytes of batches, compressed.",
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_refusals_total", Help: "Requests of boxes that were refused: revoked, strangers, of another school, with a bad code.",
		}, []string{"code"}),
		storing: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livelearn_cloud_storing_seconds", Help: "Time to store a batch.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2, 5, 15, 60},
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_requests_total", Help: "Requests by the class of their answer.",
		}, []string{"status"}),
	}
	m.batches.WithLabelValues("stored") // alerts need each family from the start
	for _, kind := range []errs.Kind{errs.Invalid, errs.Denied, errs.Stale, errs.Busy, errs.Down, errs.Corrupt, errs.Internal} {
		m.batches.WithLabelValues(kind.String())
	}
	for _, result := range []string{"stored", "known", "dead"} {
		m.facts.WithLabelValues(result)
	}
	for _, code := range []string{cloud.CodeRevoked, cloud.CodeStranger, https.CodeBadCode, https.CodeOtherSchool} {
		m.refusals.WithLabelValues(code)
	}
	for _, status := range []string{"2xx", "3xx", "4xx", "5xx"} {
		m.requests.WithLabelValues(status)
	}
	if reg != nil {
		reg.MustRegister(m.batches, m.facts, m.bytes, m.refusals, m.storing, m.requests)
	}
	return m
}

const collectTimeout = 5 * time.Second

var (
	boxLabels = []string{"school", "box"}

	boxSeen   = prometheus.NewDesc("livelearn_cloud_box_last_seen_seconds", "Unix time at which the box was last heard of; 0: never.", boxLabels, nil)
	boxBehind = prometheus.NewDesc("livelearn_cloud_box_waiting_facts", "Facts that wait on the box.", boxLabels, nil)
	boxDead   = prometheus.NewDesc("livelearn_cloud_box_dead_letters", "Facts of the box that the database refused.", boxLabels, nil)
	boxSilent = prometheus.NewDesc("livelearn_cloud_box_silent", "1 if the box was not heard of for longer than its school allows.", boxLabels, nil)
	silence   = prometheus.NewDesc("livelearn_cloud_silent_after_seconds", "Time without contact after which a box of the school counts as silent.", []string{"school"}, nil)
	replicaUp = prometheus.NewDesc("livelearn_cloud_replica_up", "1 if the replica answered when it was last asked. Only of a node with one.", nil, nil)
	dbUp      = prometheus.NewDesc("livelearn_cloud_database_up", "1 if the database answers and takes data.", nil, nil)
)

// boxCollector reads the state of the boxes when it is asked. Revoked boxes have none.
type boxCollector struct{ store *pg.Store }

// Describe implements prometheus.Collector.
func (c *boxCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{boxSeen, boxBehind, boxDead, boxSilent, silence, replicaUp, dbUp} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *boxCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	up := 0.0
	if c.store.CheckReady(ctx) == nil {
		up = 1
	}
	ch <- prometheus.MustNewConstMetric(dbUp, prometheus.GaugeValue, up)
	if answered, has := c.store.ReplicaUp(); has {
		v := 0.0
		if answered {
			v = 1
		}
		ch <- prometheus.MustNewConstMetric(replicaUp, prometheus.GaugeValue, v)
	}
	list, err := c.store.Boxes(ctx, "")
	if err != nil {
		return // dbUp shows it
	}
	now, schools := time.Now(), map[string]bool{}
	for _, b := range list {
		if !schools[b.School] {
			schools[b.School] = true
			ch <- prometheus.MustNewConstMetric(silence, prometheus.GaugeValue, float64(b.SilentHours)*3600, b.School)
		}
		if b.Revoked != nil {
			continue
		}
		seen := 0.0
		if b.Seen != nil {
			seen = float64(b.Seen.UnixMilli()) / 1000
		}
		silent := 0.0
		if b.IsSilent(now) {
			silent = 1
		}
		ch <- prometheus.MustNewConstMetric(boxSilent, prometheus.GaugeValue, silent, b.School, b.Box)
		ch <- prometheus.MustNewConstMetric(boxSeen, prometheus.GaugeValue, seen, b.School, b.Box)
		ch <- prometheus.MustNewConstMetric(boxBehind, prometheus.GaugeValue, float64(b.Behind), b.School, b.Box)
		ch <- prometheus.MustNewConstMetric(boxDead, prometheus.GaugeValue, float64(b.Dead), b.School, b.Box)
	}
}
