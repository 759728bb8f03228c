package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// oldMetricNames has the former names of metrics by their present ones. The version after 0.1
// serves both, so that dashboards can be changed after the update. The one after that does not
// need this file.
var oldMetricNames = map[string]string{
	"livelearn_jobs_dead_letters_total":         "livelearn_jobs_letters_total",
	"livelearn_jobs_dead_letters_dropped_total": "livelearn_jobs_letters_dropped_total",
	"livelearn_jobs_dead_letters_waiting":       "livelearn_jobs_letters_waiting",
	"livelearn_media_active":                    "livelearn_media_in_charge",
	"livelearn_cloud_errors_total":              "livelearn_cloud_faults_total",
}

// withOldNames gathers renamed metrics under their former names too.
type withOldNames struct{ prometheus.Gatherer }

// Gather implements prometheus.Gatherer.
func (w withOldNames) Gather() ([]*dto.MetricFamily, error) {
	families, err := w.Gatherer.Gather()
	for _, f := range families {
		if old, ok := oldMetricNames[f.GetName()]; ok {
			help := "Deprecated, use " + f.GetName() + "."
			families = append(families, &dto.MetricFamily{Name: &old, Help: &help, Type: f.Type, Metric: f.Metric})
		}
	}
	return families, err
}
