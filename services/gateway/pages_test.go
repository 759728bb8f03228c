package gateway

import (
	"net/http"
	"testing"
	"testing/fstest"
)

func TestTheDesignPageIsOnASimulatedBoardOnly(t *testing.T) {
	for simulated, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		r := newRig(t, func(_ *Config, d *Deps) { d.Simulated = simulated })
		if w := r.do(r.request("nobody", "GET", "/design", nil)); w.Code != want {
			t.Errorf("simulated %v: %d, want %d", simulated, w.Code, want)
		}
	}
}

func TestFilesOfThePagesHaveTheirTypes(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) {
		d.Pages = fstest.MapFS{
			"index.html": {Data: []byte("<!doctype html>")}, "favicon.svg": {Data: []byte("<svg/>")}, "icon-192.png": {Data: []byte("p")},
			"manifest.webmanifest": {Data: []byte("{}")}, "licences.txt": {Data: []byte("OFL")}, "assets/sans-X.woff2": {Data: []byte("w")},
		}
	})
	const day, forever = "public, max-age=86400", "public, max-age=31536000, immutable"
	for path, want := range map[string][2]string{
		"/favicon.svg": {"image/svg+xml", day}, "/icon-192.png": {"image/png", day}, "/manifest.webmanifest": {"application/manifest+json", day},
		"/licences.txt": {"text/plain; charset=utf-8", day}, "/assets/sans-X.woff2": {"font/woff2", forever},
	} {
		w := r.do(r.request("nobody", "GET", path, nil))
		if got := [2]string{w.Header().Get("Content-Type"), w.Header().Get("Cache-Control")}; w.Code != http.StatusOK || got != want {
			t.Errorf("%s: %d %q, want %q", path, w.Code, got, want)
		}
	}
	if w := r.do(r.request("nobody", "GET", "/index.html", nil)); w.Code != http.StatusNotFound {
		t.Errorf("/index.html: %d, want 404: the addresses of pages have no ending", w.Code)
	}
}

func TestAnUnknownAddressIsAPageForPeople(t *testing.T) {
	const index = "<!doctype html>"
	r := newRig(t, func(_ *Config, d *Deps) { d.Pages = fstest.MapFS{"index.html": {Data: []byte(index)}} })
	for _, at := range []struct {
		path, accept string
		code         int
		page         bool
	}{
		{"/admin/people", "text/html", http.StatusOK, true},
		{"/no-such-page", "text/html,application/xhtml+xml", http.StatusNotFound, true},
		{"/teach/a/b", "text/html", http.StatusNotFound, true},
		{"/no-such-page", "*/*", http.StatusNotFound, false},
		{"/api/no-such-call", "text/html", http.StatusNotFound, false},
		{"/assets/gone.js", "text/html", http.StatusNotFound, false},
	} {
		req := r.request("nobody", "GET", at.path, nil)
		req.Header.Set("Accept", at.accept)
		w := r.do(req)
		if got := w.Body.String() == index; w.Code != at.code || got != at.page {
			t.Errorf("%s for %s: %d, a page %v, want %d, %v", at.path, at.accept, w.Code, got, at.code, at.page)
		}
	}
}

func TestAnybodyReadsTheGuideInTheirLanguage(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) { // nobody has claimed it
		d.Pages = fstest.MapFS{
			"index.html": {Data: []byte("<!doctype html>")}, "guide/en.html": {Data: []byte("en")}, "guide/fr.html": {Data: []byte("fr")},
			"guide/es.html": {Data: []byte("es")}, "guide/ar.html": {Data: []byte("ar")},
		}
	})
	for _, at := range []struct{ query, accept, want string }{
		{"", "", "en"},
		{"", "fr-CA,fr;q=0.9,en;q=0.5", "fr"},
		{"?lang=ar", "fr", "ar"},
		{"?lang=es-MX", "", "es"},
		{"?lang=..%2Findex", "es", "es"},
		{"?lang=ja", "de", "en"},
	} {
		req := r.request("nobody", "GET", "/guide"+at.query, nil)
		req.Header.Set("Accept-Language", at.accept)
		w := r.do(req)
		if got := w.Body.String(); w.Code != http.StatusOK || got != at.want || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%q for %q: %d %q %q, want %q", at.query, at.accept, w.Code, got, w.Header().Get("Content-Type"), at.want)
		}
	}
}
