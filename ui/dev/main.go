// Command dev serves the pages during development: go run ./ui/dev BUILD BOX. It builds ui/src with
// the program BUILD (ui/build), serves the pages at 127.0.0.1:8090, and passes all other requests
// to the box at the address BOX. A change in ui/src triggers a build and a reload of the open
// pages. scripts/dev starts it with a box.
package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	listen = "127.0.0.1:8090"
	source = "ui/src"
	built  = "build/pages"
	every  = 100 * time.Millisecond // time between two looks at the files
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: dev BUILD BOX")
		os.Exit(2)
	}
	box, err := url.Parse(os.Args[2])
	if err == nil {
		err = serve(os.Args[1], box)
	}
	fmt.Fprintln(os.Stderr, "ui/dev:", err)
	os.Exit(1)
}

func serve(build string, box *url.URL) error {
	s := &site{program: build}
	if err := s.refresh(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/assets/", http.FileServer(http.Dir(built)))
	mux.HandleFunc("/dev/next", s.next)
	for _, prefix := range []string{"/api/", "/socket/", "/slides/", "/recordings/", "/whip/", "/whep/", "/export/", "/ca.crt"} {
		mux.Handle(prefix, proxy(box))
	}
	mux.HandleFunc("/", s.page) // every other address is a page: its script reads the path
	fmt.Printf("Pages at http://%s: they load again when a file of %s is saved.\n", listen, source)
	return http.ListenAndServe(listen, mux)
}

// proxy passes requests to the box under the name of the box, because the box answers to no other
// name.
func proxy(box *url.URL) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(box)
		if r.In.Header.Get("Origin") != "" {
			r.Out.Header.Set("Origin", box.String())
		}
	}}
}

// site holds the built pages.
type site struct {
	program string // builds them

	mu    sync.Mutex
	built time.Time // time of the newest source of the last build; guarded by mu
}

// reload is the script that waits for the next build and reloads the page.
const reload = `<script>fetch("/dev/next").then(() => location.reload())</script>`

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	if path.Ext(r.URL.Path) != "" { // the icon, the manifest
		http.FileServer(http.Dir(built)).ServeHTTP(w, r)
		return
	}
	page, err := os.ReadFile(filepath.Join(built, "index.html"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, strings.Replace(string(page), "</body>", reload+"</body>", 1))
}

// next answers after a change of the sources and a build. A failed build prints its error on the
// terminal, and next waits for another change.
func (s *site) next(w http.ResponseWriter, r *http.Request) {
	for seen := newest(); r.Context().Err() == nil; time.Sleep(every) { // people save files
		if now := newest(); !now.Equal(seen) {
			seen = now
			if err := s.refresh(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				continue
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
}

// refresh builds the pages if the sources changed since the last build.
func (s *site) refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	start, now := time.Now(), newest()
	if now.Equal(s.built) {
		return nil
	}
	cmd := exec.Command(s.program, built)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build of the pages: %w", err)
	}
	s.built = now
	fmt.Printf("Built in %d ms.\n", time.Since(start).Milliseconds())
	return nil
}

// newest returns the time of the latest change below ui/src.
func newest() (t time.Time) {
	_ = filepath.WalkDir(source, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			//lint:ignore nilerr an editor may have renamed the file
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().After(t) {
			t = info.ModTime()
		}
		return nil
	})
	return t
}
