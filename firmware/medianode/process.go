package medianode

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"

	"github.com/livelearn/box/firmware/logging"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/capacity"
	"github.com/livelearn/box/services/media/forward"
	"github.com/livelearn/box/services/media/peer"
	"github.com/livelearn/box/services/supervise"
)

// EnvVar holds the MediaSpec of a media process, as JSON.
const EnvVar = "LIVELEARN_MEDIA"

// ControlFD is the file descriptor of its control connection.
const ControlFD = 3

// Spec is the configuration that a media process gets from the box.
type Spec struct {
	Name     string         `json:"name"`
	UDP      string         `json:"udp"`
	Plain    bool           `json:"plain,omitempty"`
	NoGSO    bool           `json:"noGSO,omitempty"`
	Capacity int            `json:"capacity,omitempty"`
	Log      logging.Config `json:"log"`

	Recordings  string `json:"recordings,omitempty"`  // the folder of all recordings
	RecordBytes int64  `json:"recordBytes,omitempty"` // as in peer.Config
	Reserve     int64  `json:"reserve,omitempty"`
}

// Serve runs a media process. Its node executes the requests from conn until conn closes or ctx
// ends. Serve calls ready when the node can be used.
func Serve(ctx context.Context, spec Spec, conn net.Conn, log *slog.Logger, ready func() error) error {
	log = log.With("node", spec.Name)
	node, err := newNode(spec.peerConfig(ctx, log), log)
	if err != nil {
		return err
	}
	log.Info("the media node listens", "addr", node.Addr().String())
	g := supervise.Group(ctx)
	g.Go(node.Serve)
	g.Go(func(ctx context.Context) error {
		err := media.Serve(ctx, conn, node, log)
		if err == nil && ctx.Err() == nil {
			err = io.EOF // the box has ended, so this process ends
		}
		return err
	})
	if err := ready(); err != nil {
		log.Warn("the box was not told", "err", err)
	}
	if err := g.Wait(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// peerConfig measures the capacity of this machine, unless the spec has one.
func (s Spec) peerConfig(ctx context.Context, log *slog.Logger) peer.Config {
	cfg := peer.Config{UDP: s.UDP, Plain: s.Plain, NoGSO: s.NoGSO, Capacity: s.Capacity, Recordings: s.Recordings, RecordBytes: s.RecordBytes, Reserve: s.Reserve}
	r, err := capacity.Measure(ctx, capacity.DefaultLength)
	if err != nil {
		log.Warn("what this machine can carry was not measured", "err", err)
		return cfg
	}
	if !r.PreferGCM() {
		cfg.Profiles = []forward.Profile{forward.AES128CMSHA180, forward.AEADAES128GCM}
	}
	cfg.Capacity = cmp.Or(cfg.Capacity, r.Capacity(coreCount(), capacity.CPUShare))
	return cfg
}

// newNode uses any free port when its own is taken. Each answer to a browser has the port.
func newNode(cfg peer.Config, log *slog.Logger) (*peer.Node, error) {
	node, err := peer.New(cfg, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		log.Warn("the port for media is taken: any other is used", "addr", cfg.UDP)
		host, _, _ := net.SplitHostPort(cfg.UDP)
		cfg.UDP = net.JoinHostPort(host, "0")
		return peer.New(cfg, log)
	}
	return node, err
}

// Inherit returns the spec and the control connection that the box has passed to this process.
// errs.Invalid: a person has started the process.
func Inherit() (spec Spec, conn net.Conn, err error) {
	if err := decodeStrict(os.Getenv(EnvVar), &spec); err != nil {
		return spec, nil, errs.New("livelearn media", errs.Invalid, errors.New("a box starts this itself"))
	}
	if conn, err = supervise.InheritConn(ControlFD); err != nil {
		return spec, nil, errs.New("livelearn media", errs.Invalid, err)
	}
	return spec, conn, nil
}
