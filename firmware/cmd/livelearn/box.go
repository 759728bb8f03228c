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
	"syscall"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/firmware/logging"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/ui"
)

type boxCmd struct {
	folderFlags
	HTTP      string `name:"http" help:"Listen address of plain HTTP. Default :8080, on a board :80." placeholder:"ADDR"`
	HTTPS     string `name:"https" help:"Listen address of HTTPS, or off. Default :8443, on a board :443." placeholder:"ADDR"`
	Sim       bool   `help:"Simulate a board. The terminal shows its display and light."`
	Panel     string `help:"Also show the light, display and button of the simulated board on a web page at this address." placeholder:"ADDR"`
	Sample    bool   `help:"Claim a new box, add a sample class and open a lesson."`
	ReadyFile string `help:"When the box is ready, write its addresses and codes to FILE as JSON." type:"path" placeholder:"FILE"`
	NoMDNS    bool   `name:"no-mdns" help:"Do not advertise the box by multicast DNS."`
	LogFormat string `help:"Format of the log: text or json. Default: text on a terminal, json otherwise." enum:"text,json," default:""`

	panel http.Handler // page of the simulated board; nil without one
}

// Run runs the box until a signal stops it. A second signal kills it.
func (c *boxCmd) Run(w environment) error {
	flags := map[string]string{"gateway.http": c.HTTP, "gateway.https": c.HTTPS, "log.format": c.LogFormat}
	if c.NoMDNS {
		flags["discover.off"] = "true"
	}
	e, err := c.loadConfig(w, flags)
	if err != nil {
		return err
	}
	log, ring := logging.New(e.Log, w.stderr, isTerminal(w.stderr))
	slog.SetDefault(log) // libraries that log at all log here
	raiseLimits(log)
	calmRuntime(log)
	parts := firmware.Parts{
		Board: c.pickBoard(w), Simulated: c.Sim, Log: log, LogTail: ring.Lines, Pages: ui.Pages(), Stderr: w.stderr,
		PID1: initctl.Open("box"),
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	addParts := func() error { return addServiceParts(&parts, stop) }
	if parts.PID1 != nil {
		addParts = func() error { return addApplianceParts(w, &parts) }
	}
	if err := addParts(); err != nil {
		log.Error("this machine cannot be updated", "err", err)
	}
	context.AfterFunc(ctx, stop) // restores the default action for a second signal
	line := &succession{cfg: e.Config, parts: parts, log: log, run: func(box *firmware.Box) error { return c.runBox(ctx, w, log, box) }}
	err = line.serve(ctx)
	if errors.Is(err, firmware.ErrRestart) && ctx.Err() == nil {
		return restartProgram()
	}
	return err
}

// restartProgram replaces the process by a new run of the program, with the same process id: the
// first process of an appliance or a service manager sees no end.
func restartProgram() error {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	return fmt.Errorf("the program cannot start itself again: %w", err)
}

func (c *boxCmd) pickBoard(w environment) hal.Board {
	if c.Sim {
		b := sim.New(w.stdout)
		c.panel = b.Handler()
		return b.HAL()
	}
	b := probeBoard(w.root)
	first := initctl.Open("box")
	if first != nil {
		b.Button = first.Button() // the first process reads the button
	}
	switch {
	case b.Display != nil:
	case first != nil:
		b.Display = sim.NewTerminal(appliance.OpenConsoles()) // a connected screen
	case isTerminal(w.stdout):
		b.Display = sim.NewTerminal(w.stdout)
	}
	return b
}

// showPanel serves the simulated board's page until ctx ends.
func (c *boxCmd) showPanel(ctx context.Context, w environment) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Panel)
	if err != nil { // the page is optional
		printText(w.stdout, "  Board   not shown as a page: %v\n", err)
		return nil
	}
	srv := &http.Server{Handler: c.panel, ReadHeaderTimeout: 5 * time.Second}
	printText(w.stdout, "  Board   http://%s\n", l.Addr())
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

// runBox runs the box, and whenReady after it is ready.
func (c *boxCmd) runBox(ctx context.Context, w environment, log *slog.Logger, box *firmware.Box) error {
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
		if err := c.whenReady(ctx, w, box); err != nil {
			return err
		}
		tendRuntime(ctx, log)
		return nil
	})
	if c.Panel != "" && c.panel != nil {
		g.Go(func(ctx context.Context) error { return c.showPanel(ctx, w) })
	}
	err := g.Wait()
	if errors.Is(err, firmware.ErrRestart) {
		log.Info("the box restarts with the data of a backup")
		return err
	}
	if errors.Is(err, firmware.ErrLeft) {
		return err
	}
	if err != nil {
		log.Error("the box gave up", "err", err)
		return fmt.Errorf("%w\nTry: livelearn doctor", err)
	}
	log.Info("the box has stopped")
	return nil
}

func (c *boxCmd) whenReady(ctx context.Context, w environment, box *firmware.Box) error {
	if c.Sample {
		s, err := box.SetUpSample(ctx)
		if err != nil {
			return err
		}
		if s.Claim != "" {
			printText(w.stdout, "  The sample has claimed the box with the code %s.\n", s.Claim)
		}
		printText(w.stdout, "  Teach   open %s/login on this machine and sign in as %q with the PIN %s\n", box.LocalURL(), s.Teacher, s.PIN)
		printText(w.stdout, "  Learn   join with the code %s and tap a name\n", s.Code)
	}
	if c.ReadyFile == "" {
		return nil
	}
	return writeReady(c.ReadyFile, box.Status())
}

// writeReady writes the file that says to other programs that the box is ready. It appears
// whole.
func writeReady(path string, f display.Status) error {
	var ready struct {
		HTTP  string `json:"http"`
		HTTPS string `json:"https"`
		Claim string `json:"claim"`
		Code  string `json:"code"`
	}
	if len(f.HTTPAddresses) > 0 {
		ready.HTTP = f.HTTPAddresses[0]
	}
	if len(f.HTTPSAddresses) > 0 {
		ready.HTTPS = f.HTTPSAddresses[0]
	}
	if len(f.Lessons) > 0 {
		ready.Code = f.Lessons[0].Code
	}
	ready.Claim = f.ClaimCode
	data, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	return atomicfile.WriteVolatile(path, 0o600, atomicfile.Bytes(append(data, '\n')))
}
