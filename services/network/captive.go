package network

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Captive answers the captive portal probes of operating systems, on a network of our own.
//
// The first probe of a machine gets a redirect to the box, so that its system opens the page.
// After the machine has visited a page of the box, its probes get the answer that means "internet
// access". Without it a phone would leave for the mobile network. The expected answers are an
// empty 204 for Android and ChromeOS, "Success" for Apple, "success" for Firefox, and a fixed
// line for Windows (documentation of the vendors).
type Captive struct {
	domain string

	mu       sync.Mutex
	visitors map[string]time.Time // addresses that visited a page; guarded by mu
}

const (
	maxVisitors     = 2000
	visitorLifetime = 12 * time.Hour
)

// NewCaptive returns a Captive that redirects to the host name of the box.
func NewCaptive(domain string) *Captive {
	return &Captive{domain: domain, visitors: map[string]time.Time{}}
}

// Handler answers probes and passes other requests to next.
func (c *Captive) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		from, _, _ := net.SplitHostPort(r.RemoteAddr) // always has a port
		if !slices.Contains(probeHosts, strings.ToLower(host)) || r.TLS != nil {
			c.markVisited(from)
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if !c.hasVisited(from) {
			http.Redirect(w, r, "http://"+c.domain+"/", http.StatusFound)
			return
		}
		writeProbeAnswer(w, r)
	})
}

func (c *Captive) markVisited(from string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if _, ok := c.visitors[from]; !ok && len(c.visitors) >= maxVisitors {
		for a, at := range c.visitors {
			if now.Sub(at) > visitorLifetime || len(c.visitors) >= maxVisitors {
				delete(c.visitors, a)
			}
		}
	}
	c.visitors[from] = now
}

func (c *Captive) hasVisited(from string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.visitors[from]
	return ok && time.Since(at) < visitorLifetime
}

// writeProbeAnswer writes the answer that means "internet access" to this probe.
func writeProbeAnswer(w http.ResponseWriter, r *http.Request) {
	text := ""
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/generate_204") || strings.HasSuffix(path, "/gen_204"):
		w.WriteHeader(http.StatusNoContent)
		return
	case strings.HasSuffix(path, "hotspot-detect.html"), strings.HasSuffix(path, "success.html"):
		text = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
	case strings.HasSuffix(path, "success.txt"):
		text = "success\n"
	case strings.HasSuffix(path, "connecttest.txt"):
		text = "Microsoft Connect Test"
	case strings.HasSuffix(path, "ncsi.txt"):
		text = "Microsoft NCSI"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(text)) // the client is gone
}
