package network

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const (
	settingsFile = "network.json"
	maxSettings  = 64 << 10
)

// Saved are the settings that an admin kept in a folder; ok is false if there are none, or
// none that can be read.
func Saved(dir string) (cfg Config, ok bool) {
	data, err := os.ReadFile(filepath.Join(dir, settingsFile))
	if err != nil || len(data) > maxSettings || json.Unmarshal(data, &cfg) != nil || cfg.Validate() != nil {
		return Config{}, false
	}
	return cfg, true
}

func save(dir string, cfg Config) error {
	data, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, settingsFile)
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return errs.New("network", errs.Down, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errs.New("network", errs.Down, err)
	}
	return os.Rename(name+".new", name)
}

// Door answers other programs of the machine, on a unix socket.
type Door struct {
	Network *Network
	Path    string
}

// String is the service's name.
func (d *Door) String() string { return "door" }

// Serve answers until ctx ends: GET /state, PUT /config, POST /keep.
func (d *Door) Serve(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(d.Path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(d.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", d.Path)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: d.mux(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	g := supervise.Group(ctx)
	g.Go(func(context.Context) error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func(ctx context.Context) error { <-ctx.Done(); return srv.Close() })
	return g.Wait()
}

func (d *Door) mux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { d.tell(w, nil) })
	mux.HandleFunc("PUT /config", func(w http.ResponseWriter, r *http.Request) {
		var cfg Config
		in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSettings))
		in.DisallowUnknownFields()
		err := in.Decode(&cfg)
		if err != nil {
			err = errs.Field("network", "body", "bad_json", 0, "%v", err)
		} else {
			err = d.Network.Set(cfg)
		}
		d.tell(w, err)
	})
	mux.HandleFunc("POST /keep", func(w http.ResponseWriter, _ *http.Request) { d.tell(w, d.Network.Keep()) })
	return mux
}

func (d *Door) tell(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(errs.KindOf(err).Status())
		_ = json.NewEncoder(w).Encode(errs.BodyOf(err)) // who asked is gone; nobody to tell
		return
	}
	_ = json.NewEncoder(w).Encode(d.Network.State()) // as above
}
