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

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const (
	settingsFile = "network.json"
	maxSettings  = 64 << 10
)

// LoadSettings reads the settings that an admin saved in a folder. ok is false if the file is
// missing or invalid.
func LoadSettings(dir string) (cfg Config, ok bool) {
	data, err := os.ReadFile(filepath.Join(dir, settingsFile))
	if err != nil || len(data) > maxSettings || json.Unmarshal(data, &cfg) != nil || cfg.Validate() != nil {
		return Config{}, false
	}
	return cfg, true
}

func saveSettings(dir string, cfg Config) error {
	data, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, settingsFile), 0o600, atomicfile.Bytes(data)); err != nil {
		return errs.New("network", errs.Down, err)
	}
	return nil
}

// ControlSocket lets other programs of the machine control the network, over a unix socket.
type ControlSocket struct {
	Network *Network
	Path    string
}

// String returns the name of the service.
func (s *ControlSocket) String() string { return "control" }

// Serve answers GET /state, GET /scan, PUT /config and POST /keep until ctx ends.
func (s *ControlSocket) Serve(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", s.Path)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: s.newMux(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
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

func (s *ControlSocket) newMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { s.writeState(w, nil) })
	mux.HandleFunc("PUT /config", func(w http.ResponseWriter, r *http.Request) {
		var cfg Config
		in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSettings))
		in.DisallowUnknownFields()
		err := in.Decode(&cfg)
		if err != nil {
			err = errs.NewField("network", "body", "bad_json", 0, "%v", err)
		} else {
			err = s.Network.SetConfig(cfg)
		}
		s.writeState(w, err)
	})
	mux.HandleFunc("GET /scan", func(w http.ResponseWriter, r *http.Request) {
		found, err := s.Network.Scan(r.Context())
		writeAnswer(w, found, err)
	})
	mux.HandleFunc("POST /keep", func(w http.ResponseWriter, _ *http.Request) { s.writeState(w, s.Network.KeepConfig()) })
	return mux
}

func (s *ControlSocket) writeState(w http.ResponseWriter, err error) {
	writeAnswer(w, s.Network.State(), err)
}

// writeAnswer writes an answer, or else the error.
func writeAnswer(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(errs.KindOf(err).HTTPStatus())
		_ = json.NewEncoder(w).Encode(errs.BodyOf(err)) // the client is gone
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // as above
}
