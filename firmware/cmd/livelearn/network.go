package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance/names"
	"github.com/livelearn/box/services/network"
	"github.com/livelearn/box/services/supervise"
)

// networkCmd is the network of an appliance, which outlives the box.
type networkCmd struct {
	State   string `help:"Where settings and leases are kept." required:"" type:"path"`
	Config  string `help:"livelearn.toml; it need not be there." required:"" type:"path"`
	Own     string `help:"Folder with the machine's own secrets." type:"path"`
	Hostapd string `help:"The program that makes access points." default:"/usr/sbin/hostapd" type:"path"`
}

// Run keeps the network until it is told to stop.
func (c networkCmd) Run(w world) error {
	log := slog.New(slog.NewJSONHandler(w.stderr, nil)).With("pkg", "network")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	const run = "/run/livelearn"
	if err := os.MkdirAll(run, 0o700); err != nil {
		return err
	}
	n := network.New(c.settings(log), network.Deps{
		Dir: c.State, Resolv: "/run/resolv.conf", Time: filepath.Join(run, "ntp"), Hostapd: c.Hostapd, Run: run, Log: log,
	})
	g := supervise.Group(ctx)
	g.Go(n.Serve)
	g.Go((&network.Door{Network: n, Path: filepath.Join(run, "network.sock")}).Serve)
	return g.Wait()
}

// settings are what the admin kept, or what the file says. A file that is wrong is no reason
// to be off the network: whoever mends it needs that.
func (c networkCmd) settings(log *slog.Logger) network.Config {
	cfg, ok := network.Saved(c.State)
	if !ok {
		e, err := firmware.Load(firmware.Sources{File: c.Config})
		if err != nil {
			log.Error("the settings are wrong; the box is a guest", "err", err)
			return network.Config{}
		}
		f := e.Network.WithDefaults()
		cfg = network.Config{
			Mode: f.Mode, Address: f.Address, Gateway: f.Gateway, DNS: f.DNS, Domain: f.Domain,
			Key: e.Wifi.Passphrase.Reveal(), Country: e.Wifi.Country, Channel: e.Wifi.Channel,
		}
		host, _ := os.Hostname() // the box's own name
		cfg.SSID = e.Wifi.Called(host, host, host)
	}
	if c.Own != "" && cfg.Mode == network.AP && cfg.Key == "" {
		if s, err := names.Own(c.Own); err == nil {
			cfg.Key = s.Passphrase
		}
	}
	cfg.SSID = cmp.Or(cfg.SSID, "LiveLearn")
	return cfg
}
