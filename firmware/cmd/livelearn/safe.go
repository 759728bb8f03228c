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
	"github.com/livelearn/box/firmware/addresses"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/recovery"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/update"
)

// safeCmd serves the safe mode when the box of an appliance keeps ending.
type safeCmd struct {
	Data  string `help:"Data folder of the box." required:"" type:"path"`
	State string `help:"State folder of the first process." required:"" type:"path"`
	HTTP  string `name:"http" help:"Listen address of the page." default:":80"`
}

// Run serves the page until a signal stops it.
func (c safeCmd) Run(w environment) error {
	log := slog.New(slog.NewJSONHandler(w.stderr, nil))
	d := initctl.Open("safe")
	if d == nil {
		return usageError{errors.New("only the first process of an appliance starts safe")}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	boot := appliance.BootFolder()
	deps := recovery.Deps{
		Version: version, Data: c.Data, Boot: d.BootReport, Restart: d.RestartProgram, Repair: d.RepairData, Log: log,
		Restore: func(r io.Reader) error { _, _, err := backup.Restore(c.Data, r, false); return err },
	}
	for _, place := range datafolder.KeyPlaces(c.Data, &boot) {
		if filepath.Dir(place.Path) == boot.Dir { // the other one is in the data folder
			deps.Keys = append(deps.Keys, place.Path)
		}
	}
	if u, err := c.newUpdater(w, d, log); err != nil {
		log.Error("this machine cannot be updated", "err", err)
	} else {
		deps.Update = func(ctx context.Context, r io.Reader) error {
			if err := u.Receive(ctx, r, 0, "safe mode"); err != nil {
				return err
			}
			return u.Install(ctx, update.WhenNow)
		}
	}
	mode, err := recovery.New(deps)
	if err != nil {
		return err
	}
	return c.servePage(ctx, w, d, mode)
}

// newUpdater returns the updater of the box, over the same folder. Its Serve is not run.
func (c safeCmd) newUpdater(w environment, d *initctl.Client, log *slog.Logger) (*update.Updater, error) {
	parts := firmware.Parts{PID1: d}
	if err := addApplianceParts(w, &parts); err != nil {
		return nil, err
	}
	return update.New(update.Config{}, update.Deps{
		Slots: parts.Board.Slots, Board: parts.Release.Board, Version: version, Build: parts.Release.Build, Data: firmware.DataFormat,
		Root: parts.Release.Root, Dir: filepath.Join(c.Data, firmware.UpdatesDir),
		Healthy: func() (bool, string) { return false, "safe mode" }, LessonOpen: func() bool { return false }, Now: time.Now, Log: log,
	})
}

func (c safeCmd) servePage(ctx context.Context, w environment, d *initctl.Client, mode *recovery.Mode) error {
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
	g.Go(func(ctx context.Context) error {
		c.keepAlive(ctx, w, d, mode)
		// The step that ends this program still gets its answer. A download is cut off.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if srv.Shutdown(last) == nil {
			return nil
		}
		return srv.Close()
	})
	return g.Wait()
}

// keepAlive shows the code on the display, and reports to the first process that the safe mode
// runs.
func (c safeCmd) keepAlive(ctx context.Context, w environment, d *initctl.Client, mode *recovery.Mode) {
	b := probeBoard(w.root)
	if b.LED != nil {
		_ = b.LED.Set(hal.Attention) // the light is optional
	}
	display := b.Display
	if display == nil {
		display = sim.NewTerminal(io.MultiWriter(appliance.OpenConsoles(), os.Stdout))
	}
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	shown := hal.Page{}
	for {
		page := hal.Page{Title: "LiveLearn Box: safe mode", Lines: append(addresses.HTTPAddresses(c.HTTP), "Code    "+mode.Code())}
		if !page.Equal(shown) && display.Show(page) == nil {
			shown = page
		}
		_ = d.ReportAlive(ctx, initctl.Alive{Why: "safe mode"}) // the first process notices a missing report
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
