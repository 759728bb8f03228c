// Package control lets the command line talk to the box that runs on a data folder. Package
// firmware starts one Server. The commands call Get and ApplyUpdate.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/update"
)

// Server lets the command line speak to the running box: HTTP over a unix socket in the
// data folder. A process that may open that folder may use it. There is no other check.
//
//	GET /backup   a backup
//	GET /health   the checks
//	GET /media    the media nodes
//	GET /status   the addresses and the claim code
//	GET /boxes    the boxes of the school; POST /boxes/code, POST /boxes/join and DELETE /boxes/{id} change them
//	PUT /update   a bundle; POST /update?when=now installs it
//	GET /program  the process and its version; POST /program?path=FILE lets a program take its place
type Server struct {
	Folder *datafolder.Folder
	Backup func(io.Writer) error
	Health *health.Health
	Media  func() []media.NodeState
	Status func() display.Status
	// Boxes are the boxes of the school (nil: this box connects to no other), and Record writes what
	// is done to them to the audit log.
	Boxes  *link.Mesh
	Record func(context.Context, audit.Entry)
	// Updater receives updates. Nil: this box receives none.
	Updater *update.Updater
	Version string
	Succession
	Log *slog.Logger
}

// Succession is how another program takes the place of this one.
type Succession struct {
	// Succeed lets a program take its place, and returns when that is prepared. People then wait for it
	// for at most wait, 0 means the default. Nil: no program can.
	Succeed  func(ctx context.Context, program string, wait time.Duration) error
	After    int    // the process whose place this one took, 0 if none
	Attempts int    // programs that did not take its place
	Failure  string // why the last one did not
}

// String is the service's name.
func (c *Server) String() string { return "control" }

// Serve answers until ctx ends. It then finishes a running backup, for at most 5 s.
func (c *Server) Serve(ctx context.Context) error {
	l, err := listenUnix(c.Folder.Path)
	if err != nil {
		return errs.New("control", errs.Down, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /backup", c.serveBackup)
	mux.HandleFunc("GET /health", c.serveHealth)
	mux.HandleFunc("GET /media", c.serveMedia)
	mux.HandleFunc("GET /status", c.serveStatus)
	mux.HandleFunc("GET /boxes", c.withBoxes(c.serveBoxes))
	mux.HandleFunc("POST /boxes/code", c.withBoxes(c.serveCode))
	mux.HandleFunc("POST /boxes/join", c.withBoxes(c.serveJoin))
	mux.HandleFunc("DELETE /boxes/{id}", c.withBoxes(c.serveRemove))
	mux.HandleFunc("GET /program", c.serveProgram)
	mux.HandleFunc("POST /program", c.serveSucceed)
	mux.HandleFunc("PUT /update", c.serveUpdate)
	mux.HandleFunc("POST /update", c.serveUpdate)
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
	}
	g := supervise.Group(ctx)
	g.Go(func(context.Context) error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return errs.New("control", errs.Down, err)
		}
		return nil
	})
	g.Go(func(ctx context.Context) error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(srv.Shutdown(last), srv.Close())
	})
	return g.Wait()
}

func (c *Server) serveBackup(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := c.Backup(w); err != nil {
		c.Log.Warn("backup failed", "err", err)
		panic(http.ErrAbortHandler) // the reader must not take half a backup for a whole one
	}
}

func (c *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.Health.List()) // the client is gone
}

func (c *Server) serveMedia(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.Media()) // as above
}

func (c *Server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.Status()) // as above
}

// listenUnix makes the socket. A socket's path has at most 107 bytes, a data folder's
// may have more, so the folder is reached through its descriptor.
func listenUnix(folder string) (net.Listener, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	// The lock is ours, so a socket that is there was left by a box that was killed.
	if err := os.Remove(filepath.Join(folder, datafolder.ControlSocket)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: socketPath(dir)})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the path is only good while dir is open
	return l, os.Chmod(filepath.Join(folder, datafolder.ControlSocket), 0o600)
}

func socketPath(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), datafolder.ControlSocket)
}

// NewClient speaks to the box that runs on a data folder. Any host name will do.
func NewClient(folder string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dir, err := os.Open(folder)
			if err != nil {
				return nil, err
			}
			defer func() { _ = dir.Close() }()
			var d net.Dialer
			return d.DialContext(ctx, "unix", socketPath(dir))
		},
	}}
}

// Get gets what a running box answers. The caller closes it.
func Get(ctx context.Context, folder, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := NewClient(folder).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the box answers %s", resp.Status)
	}
	return resp.Body, nil
}
