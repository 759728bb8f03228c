package gateway

import (
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/livelearn/box/services/health"
)

// operations are what operators' programs already know.
func (g *Gateway) operations(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // the prober is gone: nobody to tell
	})
	mux.HandleFunc("GET /readyz", g.readyz)
	metrics := promhttp.HandlerFor(g.Metrics, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r) && !g.who(r).Admin {
			http.Error(w, "for the admin, or from the box itself", http.StatusForbidden)
			return
		}
		metrics.ServeHTTP(w, r)
	})
}

// readyz tells everybody how it stands, and the words about it, which may name files, to
// the admin and the box itself.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	ok, checks := g.Health.Ready()
	if !loopback(r) && !g.who(r).Admin {
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

func loopback(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}
