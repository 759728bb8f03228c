package firmware

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/forward"
	"github.com/livelearn/box/services/media/peer"
	"github.com/livelearn/box/services/media/rehearse"
	"github.com/livelearn/box/services/supervise"
)

// Media is how pictures and sound are carried: by two processes of this program, of which
// one is in charge and one stands by.
type Media struct {
	Off   bool   // no pictures and sound
	UDP   string // address of the first node's one port; default ":7443"; the second takes the next. Port 0 is any, as is one that is taken
	Alone bool   // no second node: half the memory, and pictures are away for seconds when it dies
	Plain bool   // the reference path: slow, for comparison
	NoGSO bool   // one send for each packet

	Memory   int // MiB that one node may use; default 512
	Capacity int // watchers that one node admits; 0: as many as a measurement at its start says

	Recordings int // MiB that all recordings may take, the oldest go first; default 8192
	Reserve    int // MiB of the disk that recordings leave to the lesson; default 1024
}

// WithDefaults fills in what is empty.
func (m Media) WithDefaults() Media {
	m.UDP, m.Memory = cmp.Or(m.UDP, ":7443"), cmp.Or(m.Memory, 512)
	m.Recordings, m.Reserve = cmp.Or(m.Recordings, 8192), cmp.Or(m.Reserve, 1024)
	return m
}

const leastMemory = 64 // MiB; the program and the buffers of its socket

// Validate refuses what cannot work.
func (m Media) Validate() error {
	m = m.WithDefaults()
	_, port, err := net.SplitHostPort(m.UDP)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65534 {
		return errs.Field("firmware.Media", "media.udp", "bad_address", 0, `must be "host:port" or ":port" with a port up to 65534`)
	}
	if m.Memory < leastMemory {
		return errs.Field("firmware.Media", "media.memory", "too_small", leastMemory, "must be at least %d MiB", leastMemory)
	}
	if m.Recordings < 0 || m.Reserve < 0 {
		return errs.Field("firmware.Media", "media.recordings", "negative", 0, "media.recordings and media.reserve must not be negative")
	}
	if m.Capacity < 0 {
		return errs.Field("firmware.Media", "media.capacity", "negative", 0, "must not be negative")
	}
	return nil
}

// address is that of node n, from 0: each has a port of its own.
func (m Media) address(n int) string {
	host, port, _ := net.SplitHostPort(m.UDP)
	if p, _ := strconv.Atoi(port); p != 0 {
		port = strconv.Itoa(p + n)
	}
	return net.JoinHostPort(host, port)
}

// MediaEnv holds the MediaSpec of a media process, as JSON.
const MediaEnv = "LIVELEARN_MEDIA"

// MediaFD is the file descriptor of its control connection.
const MediaFD = 3

// MediaSpec is what a media process is told by the box that starts it.
type MediaSpec struct {
	Name     string `json:"name"`
	UDP      string `json:"udp"`
	Plain    bool   `json:"plain,omitempty"`
	NoGSO    bool   `json:"noGSO,omitempty"`
	Capacity int    `json:"capacity,omitempty"`
	Log      Log    `json:"log"`

	Recordings  string `json:"recordings,omitempty"`  // the folder of all recordings
	RecordBytes int64  `json:"recordBytes,omitempty"` // as in peer.Config
	Reserve     int64  `json:"reserve,omitempty"`
}

// ServeMedia is the media process: a node that does what the box at the other end of conn
// says, until that closes or ctx ends. Ready is called when it can be used.
func ServeMedia(ctx context.Context, spec MediaSpec, conn net.Conn, log *slog.Logger, ready func() error) error {
	log = log.With("node", spec.Name)
	node, err := newNode(spec.config(ctx, log), log)
	if err != nil {
		return err
	}
	log.Info("the media node listens", "addr", node.Addr().String())
	g := supervise.Group(ctx)
	g.Go(node.Serve)
	g.Go(func(ctx context.Context) error {
		err := media.Serve(ctx, conn, node, log)
		if err == nil && ctx.Err() == nil {
			err = io.EOF // the box is gone: so are we
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

// config measures what this machine can carry, unless it was told.
func (s MediaSpec) config(ctx context.Context, log *slog.Logger) peer.Config {
	cfg := peer.Config{UDP: s.UDP, Plain: s.Plain, NoGSO: s.NoGSO, Capacity: s.Capacity, Recordings: s.Recordings, RecordBytes: s.RecordBytes, Reserve: s.Reserve}
	r, err := rehearse.Measure(ctx, rehearse.Length)
	if err != nil {
		log.Warn("what this machine can carry was not measured", "err", err)
		return cfg
	}
	if !r.PreferGCM() {
		cfg.Profiles = []forward.Profile{forward.AES128CMSHA180, forward.AEADAES128GCM}
	}
	cfg.Capacity = cmp.Or(cfg.Capacity, r.Capacity(cores(), rehearse.Share))
	return cfg
}

// newNode takes any port when its own is taken: browsers are told the port with each answer.
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

// TakeMedia gives the spec and the control connection that the box has passed to this
// process. errs.Invalid: a person has started it.
func TakeMedia() (spec MediaSpec, conn net.Conn, err error) {
	if err := strict(os.Getenv(MediaEnv), &spec); err != nil {
		return spec, nil, errs.New("livelearn media", errs.Invalid, errors.New("a box starts this itself"))
	}
	f := os.NewFile(MediaFD, "control")
	conn, err = net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return spec, nil, errs.New("livelearn media", errs.Invalid, err)
	}
	return spec, conn, nil
}
