package network

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Captive answers the probes of systems that look for the internet, on a network of our own.
//
// The first probe of a machine gets a redirect to the box: its system then shows the page by
// itself. Once the machine has been on a page of the box it gets what it hopes for: a phone
// that is told for ever that there is no internet leaves for the mobile network. What is hoped
// for: Android and ChromeOS an empty 204, Apple "Success", Firefox "success", Windows a fixed
// line (the probes' own documentation).
type Captive struct {
	domain string

	mu   sync.Mutex
	seen map[string]time.Time // addresses that have been on a page; guarded by mu
}

const (
	maxSeen  = 2000
	seenTime = 12 * time.Hour
)

// NewCaptive makes one for the box's plain name.
func NewCaptive(domain string) *Captive {
	return &Captive{domain: domain, seen: map[string]time.Time{}}
}

// Handler answers probes, and hands all else on.
func (c *Captive) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		from, _, _ := net.SplitHostPort(r.RemoteAddr) // always has a port
		if !slices.Contains(probes, strings.ToLower(host)) || r.TLS != nil {
			c.visited(from)
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if !c.knows(from) {
			http.Redirect(w, r, "http://"+c.domain+"/", http.StatusFound)
			return
		}
		hoped(w, r)
	})
}

func (c *Captive) visited(from string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if _, ok := c.seen[from]; !ok && len(c.seen) >= maxSeen {
		for a, at := range c.seen {
			if now.Sub(at) > seenTime || len(c.seen) >= maxSeen {
				delete(c.seen, a)
			}
		}
	}
	c.seen[from] = now
}

func (c *Captive) knows(from string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.seen[from]
	return ok && time.Since(at) < seenTime
}

// hoped is what a probe wants to see.
func hoped(w http.ResponseWriter, r *http.Request) {
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
	_, _ = w.Write([]byte(text)) // who asked is gone; nobody to tell
}
