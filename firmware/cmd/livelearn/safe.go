package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/firmware/safe"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/update"
)

// safeCmd is what an appliance runs when its box keeps ending.
type safeCmd struct {
	Data  string `help:"The box's data folder." required:"" type:"path"`
	State string `help:"The folder of the first process." required:"" type:"path"`
	HTTP  string `name:"http" help:"Address of the page." default:":80"`
}

// Run shows the page until it is told to stop.
func (c safeCmd) Run(w world) error {
	log := slog.New(slog.NewJSONHandler(w.stderr, nil))
	d := door.Open("safe")
	if d == nil {
		return usageError{errors.New("safe is what the first process of an appliance starts")}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	deps := safe.Deps{
		Version: version, Data: c.Data, Boot: d.Boot, Restart: d.Restart, Log: log,
		Restore: func(r io.Reader) error { _, _, err := firmware.Restore(c.Data, r, false); return err },
	}
	if u, err := c.updater(w, d, log); err != nil {
		log.Error("this machine cannot be updated", "err", err)
	} else {
		deps.Update = func(ctx context.Context, r io.Reader) error {
			if err := u.Receive(ctx, r, 0, "safe mode"); err != nil {
				return err
			}
			return u.Install(ctx, update.Now)
		}
	}
	mode, err := safe.New(deps)
	if err != nil {
		return err
	}
	return c.serve(ctx, w, d, mode)
}

// updater is the box's own, over the same folder. Nothing of it runs by itself.
func (c safeCmd) updater(w world, d *door.Client, log *slog.Logger) (*update.Updater, error) {
	parts := firmware.Parts{Door: d}
	if err := onAppliance(w, &parts); err != nil {
		return nil, err
	}
	return update.New(update.Config{}, update.Deps{
		Slots: parts.Board.Slots, Board: parts.Release.Board, Version: version, Build: parts.Release.Build, Data: firmware.DataFormat,
		Root: parts.Release.Root, Dir: filepath.Join(c.Data, firmware.UpdatesDir),
		Healthy: func() (bool, string) { return false, "safe mode" }, Lesson: func() bool { return false }, Now: time.Now, Log: log,
	})
}

func (c safeCmd) serve(ctx context.Context, w world, d *door.Client, mode *safe.Mode) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.HTTP)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mode.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	g := supervise.Group(ctx)
	g.Go(func(context.Context) error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func(ctx context.Context) error { c.live(ctx, w, d, mode); return srv.Close() })
	return g.Wait()
}

// live shows the code to whoever stands before the machine, and tells the first process that
// all is as well as it can be.
func (c safeCmd) live(ctx context.Context, w world, d *door.Client, mode *safe.Mode) {
	b := board(w.root)
	if b.LED != nil {
		_ = b.LED.Set(hal.Attention) // the light is a comfort
	}
	display := b.Display
	if display == nil {
		display = sim.NewTerminal(io.MultiWriter(appliance.Consoles(), os.Stdout))
	}
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	shown := hal.Page{}
	for {
		page := hal.Page{Title: "LiveLearn Box: safe mode", Lines: append(firmware.Addresses(c.HTTP), "Code    "+mode.Code())}
		if !page.Equal(shown) && display.Show(page) == nil {
			shown = page
		}
		_ = d.Alive(ctx, door.Alive{Why: "safe mode"}) // it will miss us and say so
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
