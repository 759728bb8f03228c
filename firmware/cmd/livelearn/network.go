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
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/identity"
	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/firmware/claimfile"
	"github.com/livelearn/box/services/network"
	"github.com/livelearn/box/services/supervise"
)

// networkCmd runs the network of an appliance, which must outlive the box.
type networkCmd struct {
	State   string `help:"Folder for settings and leases." required:"" type:"path"`
	Config  string `help:"Path of livelearn.toml. The file is optional." required:"" type:"path"`
	Own     string `help:"Folder with the secrets of the machine." type:"path"`
	Hostapd string `help:"Path of hostapd, which opens access points." default:"/usr/sbin/hostapd" type:"path"`

	Supplicant string `help:"Path of wpa_supplicant, which joins the Wi-Fi of a school." default:"/usr/sbin/wpa_supplicant" type:"path"`
}

// Run runs the network until a signal stops it.
func (c networkCmd) Run(w environment) error {
	log := slog.New(slog.NewJSONHandler(w.stderr, nil)).With("pkg", "network")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	const run = "/run/livelearn"
	if err := os.MkdirAll(run, 0o700); err != nil {
		return err
	}
	n := network.New(c.networkConfig(log), network.Deps{
		Dir: c.State, Resolv: "/run/resolv.conf", Time: filepath.Join(run, "ntp"), Hostapd: c.Hostapd, Supplicant: c.Supplicant, Run: run, Log: log,
	})
	g := supervise.Group(ctx)
	g.Go(n.Serve)
	g.Go((&network.ControlSocket{Network: n, Path: filepath.Join(run, "network.sock")}).Serve)
	return g.Wait()
}

// networkConfig returns the settings that an admin saved, or else those of the file. With an
// invalid file the box is a guest, so that an admin can still reach it.
func (c networkCmd) networkConfig(log *slog.Logger) network.Config {
	cfg, ok := network.LoadSettings(c.State)
	if !ok {
		e, err := firmware.LoadConfig(firmware.Sources{File: c.Config})
		if err != nil {
			log.Error("the settings are invalid, so the box is a guest", "err", err)
			return network.Config{}
		}
		f := e.Network.WithDefaults()
		cfg = network.Config{
			Mode: f.Mode, Address: f.Address, Gateway: f.Gateway, DNS: f.DNS, Domain: f.Domain,
			Key: e.Wifi.Passphrase.Reveal(), Country: e.Wifi.Country, Channel: e.Wifi.Channel,
			School: e.SchoolWifi.Network(),
			Wired:  e.SchoolWired.SignIn(),
		}
		host, _ := os.Hostname() // the name of the machine
		cfg.SSID = e.Wifi.SSIDFor(host, host, host)
	}
	if c.Own != "" && cfg.Key == "" {
		if s, err := identity.LoadSecrets(c.Own); err == nil {
			cfg.Key = s.Passphrase
		}
	}
	cfg.SSID = cmp.Or(cfg.SSID, "LiveLearn")
	return cfg
}

// readAccessPoint returns the Wi-Fi of the machine. On is false in other modes.
func readAccessPoint() claimfile.AccessPoint {
	cfg := networkCmd{State: appliance.NetworkDir, Config: filepath.Join(appliance.BootDir, "livelearn.toml")}.networkConfig(slog.New(slog.DiscardHandler))
	if cfg.Key == "" {
		if s, err := identity.LoadSecrets(appliance.StateDir); err == nil {
			cfg.Key = s.Passphrase
		}
	}
	return claimfile.AccessPoint{Name: cfg.SSID, Passphrase: provision.Secret(cfg.Key), On: cfg.Mode == network.ModeAP, Instead: cfg.Mode == network.ModeWifi}
}
