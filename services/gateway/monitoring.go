package gateway

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
)

// registerMonitoring adds the endpoints that monitoring programs expect.
func (g *Gateway) registerMonitoring(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // fails only when the prober is gone
	})
	mux.HandleFunc("GET /readyz", g.serveReadyz)
	metrics := promhttp.HandlerFor(withOldNames{g.Metrics}, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !httpapi.IsLoopback(r) && !g.callers.Identify(r).Admin {
			http.Error(w, "for the admin, or from the box itself", http.StatusForbidden)
			return
		}
		metrics.ServeHTTP(w, r)
	})
}

// serveReadyz reports to everybody whether the box is ready. The texts may name files, so only
// the admin and the box itself get them.
func (g *Gateway) serveReadyz(w http.ResponseWriter, r *http.Request) {
	ok, checks := g.Health.Ready()
	if !httpapi.IsLoopback(r) && !g.callers.Identify(r).Admin {
		for i := range checks {
			checks[i].Text = ""
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct {
		Ready  bool           `json:"ready"`
		Checks []health.Check `json:"checks"`
	}{ok, checks})
}

// caFile serves the certificate of the box's authority to a device that shall trust it.
func (g *Gateway) caFile(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(filepath.Join(g.Data, "ca.crt"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	_, _ = w.Write(data) // fails only when the client is gone
}
