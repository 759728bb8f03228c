package gateway

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// pages serves the single-page application: any path of a page gives index.html, whose
// script looks at the path. Assets carry their content's hash in the name.
type pages struct {
	files fs.FS
	mu    sync.Mutex
	zips  map[string]zipped // by name; guarded by mu; as many as there are files
}

type zipped struct{ plain, small []byte }

func newPages(files fs.FS) *pages { return &pages{files: files, zips: map[string]zipped{}} }

// index serves a page.
func (p *pages) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	p.serve(w, r, "index.html")
}

// asset serves a file of /assets/, for ever the same under its name.
func (p *pages) asset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	p.serve(w, r, name)
}

func (p *pages) serve(w http.ResponseWriter, r *http.Request, name string) {
	z, err := p.load(name)
	if err != nil {
		w.Header().Del("Cache-Control")
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	body := z.plain
	if z.small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = z.small
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone: nobody to tell
	}
}

// load reads a file and packs it once.
func (p *pages) load(name string) (zipped, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z, ok := p.zips[name]; ok {
		return z, nil
	}
	plain, err := fs.ReadFile(p.files, name)
	if err != nil {
		return zipped{}, err
	}
	z := zipped{plain: plain}
	var b bytes.Buffer
	pack, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return z, err
	}
	if _, err = pack.Write(plain); err == nil {
		err = pack.Close()
	}
	if err == nil && b.Len() < len(plain) {
		z.small = b.Bytes()
	}
	p.zips[name] = z
	return z, err
}
