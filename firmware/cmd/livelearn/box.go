package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/ui"
)

type boxCmd struct {
	folderFlags
	HTTP      string `name:"http" help:"Address of plain HTTP; default :8080, on a board :80." placeholder:"ADDR"`
	HTTPS     string `name:"https" help:"Address of HTTPS, or off; default :8443, on a board :443." placeholder:"ADDR"`
	Sim       bool   `help:"Simulate the board: its display and light are shown on the terminal."`
	Panel     string `help:"Show the simulated board as a page too, at this address of this computer: its light, display and button." placeholder:"ADDR"`
	Sample    bool   `help:"Claim a new box with a sample class and open a lesson in it."`
	ReadyFile string `help:"Write the box's addresses and codes to FILE, as JSON, when it is ready." type:"path" placeholder:"FILE"`
	NoMDNS    bool   `name:"no-mdns" help:"Do not advertise the box by multicast DNS."`
	LogFormat string `help:"text or json; default: text on a terminal, JSON otherwise." enum:"text,json," default:""`

	panel http.Handler // of a simulated board
}

// Run runs the box until it is told to stop. A second signal ends it at once.
func (c *boxCmd) Run(w world) error {
	flags := map[string]string{"gateway.http": c.HTTP, "gateway.https": c.HTTPS, "log.format": c.LogFormat}
	if c.NoMDNS {
		flags["discover.off"] = "true"
	}
	e, err := c.load(w, flags)
	if err != nil {
		return err
	}
	log, ring := firmware.NewLog(e.Log, w.stderr, terminal(w.stderr))
	slog.SetDefault(log) // libraries that log at all log here
	limits(log)
	parts := firmware.Parts{
		Board: c.board(w), Log: log, Tail: ring.Lines, Pages: ui.Pages(), Stderr: w.stderr,
		Door: door.Open("box"),
	}
	if parts.Door != nil {
		if err := onAppliance(w, &parts); err != nil {
			log.Error("this machine cannot be updated", "err", err)
		}
	}
	box, err := firmware.New(e.Config, parts)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on signals do what they always do
	return c.serve(ctx, w, log, box)
}

func (c *boxCmd) board(w world) hal.Board {
	if c.Sim {
		b := sim.New(w.stdout)
		c.panel = b.Handler()
		return b.HAL()
	}
	b := board(w.root)
	switch {
	case b.Display != nil:
	case door.Open("box") != nil:
		b.Display = sim.NewTerminal(appliance.Consoles()) // a screen, if there is one
	case terminal(w.stdout):
		b.Display = sim.NewTerminal(w.stdout)
	}
	return b
}

// showPanel serves the simulated board's page until ctx ends.
func (c *boxCmd) showPanel(ctx context.Context, w world) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Panel)
	if err != nil { // a comfort: the box runs without it
		say(w.stdout, "  Board   not shown as a page: %v\n", err)
		return nil
	}
	srv := &http.Server{Handler: c.panel, ReadHeaderTimeout: 5 * time.Second}
	say(w.stdout, "  Board   http://%s\n", l.Addr())
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

// serve runs the box, and what is to be done once it is ready.
func (c *boxCmd) serve(ctx context.Context, w world, log *slog.Logger, box *firmware.Box) error {
	began := time.Now()
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		err := box.Serve(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("the box ended by itself")
		}
		return err
	})
	g.Go(func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-box.Ready():
		}
		log.Info("the box is ready", "version", version, "dur", time.Since(began))
		return c.whenReady(ctx, w, box)
	})
	if c.Panel != "" && c.panel != nil {
		g.Go(func(ctx context.Context) error { return c.showPanel(ctx, w) })
	}
	if err := g.Wait(); err != nil {
		log.Error("the box gave up", "err", err)
		return fmt.Errorf("%w\nTry: livelearn doctor", err)
	}
	log.Info("the box has stopped")
	return nil
}

func (c *boxCmd) whenReady(ctx context.Context, w world, box *firmware.Box) error {
	if c.Sample {
		s, err := box.Sample(ctx)
		if err != nil {
			return err
		}
		if s.Claim != "" {
			say(w.stdout, "  The sample has claimed the box with the code %s.\n", s.Claim)
		}
		say(w.stdout, "  Teach   sign in as %q with the PIN %s\n", s.Teacher, s.PIN)
		say(w.stdout, "  Learn   join with the code %s and tap a name\n", s.Code)
	}
	if c.ReadyFile == "" {
		return nil
	}
	return writeReady(c.ReadyFile, box.Facts())
}

// writeReady writes the file that tells other programs that the box is ready. It appears
// whole.
func writeReady(path string, f firmware.Facts) error {
	var ready struct {
		HTTP  string `json:"http"`
		HTTPS string `json:"https"`
		Claim string `json:"claim"`
		Code  string `json:"code"`
	}
	if len(f.Addresses) > 0 {
		ready.HTTP = f.Addresses[0]
	}
	if len(f.Secure) > 0 {
		ready.HTTPS = f.Secure[0]
	}
	if len(f.Lessons) > 0 {
		ready.Code = f.Lessons[0].Code
	}
	ready.Claim = f.Claim
	data, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
