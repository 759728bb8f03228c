package gateway

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/livelearn/box/services/gateway/httpapi"
)

// pages serves the single-page application. The path of every page returns index.html, and its
// script reads the path. The names of assets contain a hash of their content.
type pages struct {
	files  fs.FS
	mu     sync.Mutex
	packed map[string]packedFile // by name, one for each file, guarded by mu
}

type packedFile struct{ plain, gzipped []byte }

func newPages(files fs.FS) *pages { return &pages{files: files, packed: map[string]packedFile{}} }

// serveIndex serves a page.
func (p *pages) serveIndex(w http.ResponseWriter, r *http.Request, status int) {
	w.Header().Set("Cache-Control", "no-cache")
	p.serveFile(w, r, "index.html", status)
}

// withUnknown answers a browser that asks for an address of no route with a page that says so.
// Programs and the API get the plain answer.
func (p *pages) withUnknown(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/") {
			if _, pattern := mux.Handler(r); pattern == "" {
				p.serveIndex(w, r, http.StatusNotFound)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// knowsHTTPS is the cookie of a browser that has opened a page of staff over HTTPS. It grants
// nothing.
const knowsHTTPS = "llh"

// leadToHTTPS wraps a page of staff. A browser that has opened such a page over HTTPS before goes
// there from plain HTTP. Another one gets the page, which says first what the browser will ask.
func (g *Gateway) leadToHTTPS(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := r.Cookie(knowsHTTPS)
		_, secure := g.Addrs()
		switch ground := g.callers.GroundOf(r); {
		case ground == httpapi.Secure && err != nil:
			//lint:ignore gosec not Secure: it is read over plain HTTP
			http.SetCookie(w, &http.Cookie{Name: knowsHTTPS, Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600})
		case ground == httpapi.Open && err == nil && secure != "":
			w.Header().Set("Cache-Control", "no-store")
			//lint:ignore gosec checkHost lets only the box's own names pass
			http.Redirect(w, r, cmp.Or(g.schoolOrigin(), httpapi.OriginAt(r, "https", secure))+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		page(w, r)
	}
}

// serveAsset serves a file of /assets/. The content under one name never changes.
func (p *pages) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	p.serveFile(w, r, name, http.StatusOK)
}

// register adds the routes of all files. Files at the root, such as the icon, keep their names over
// versions, so a browser may keep them for a day only.
func (p *pages) register(mux *http.ServeMux) error {
	mux.HandleFunc("GET /assets/", p.serveAsset)
	root, err := fs.ReadDir(p.files, ".")
	for _, f := range root {
		if name := f.Name(); !f.IsDir() && name != "index.html" {
			mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=86400")
				p.serveFile(w, r, name, http.StatusOK)
			})
		}
	}
	return err
}

// kinds are the types that Go does not know on every machine.
var kinds = map[string]string{
	".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
}

func (p *pages) serveFile(w http.ResponseWriter, r *http.Request, name string, status int) {
	z, err := p.loadFile(name)
	if err != nil {
		w.Header().Del("Cache-Control")
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", cmp.Or(kinds[path.Ext(name)], mime.TypeByExtension(path.Ext(name)), "application/octet-stream"))
	h.Add("Vary", "Accept-Encoding")
	body := z.plain
	if z.gzipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = z.gzipped
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // fails only when the client is gone
	}
}

// loadFile reads and compresses a file once.
func (p *pages) loadFile(name string) (packedFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z, ok := p.packed[name]; ok {
		return z, nil
	}
	plain, err := fs.ReadFile(p.files, name)
	if err != nil {
		return packedFile{}, err
	}
	z := packedFile{plain: plain}
	var b bytes.Buffer
	pack, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return z, err
	}
	if _, err = pack.Write(plain); err == nil {
		err = pack.Close()
	}
	if err == nil && b.Len() < len(plain) {
		z.gzipped = b.Bytes()
	}
	p.packed[name] = z
	return z, err
}
