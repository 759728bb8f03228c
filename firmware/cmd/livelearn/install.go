package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/firmware/install"
)

type installCmd struct {
	HTTP   string `name:"http" help:"Listen address of plain HTTP for a new installation. Default :80." placeholder:"ADDR"`
	HTTPS  string `name:"https" help:"Listen address of HTTPS for a new installation, or off. Default :443." placeholder:"ADDR"`
	Keys   string `name:"root-json" help:"The root.json of a publisher, whose signed updates the box then takes." type:"existingfile" placeholder:"FILE"`
	DryRun bool   `help:"Show the steps and change nothing."`
	jsonFlag
}

// installed is what a person needs to know after an installation.
type installed struct {
	Version   string   `json:"version"`
	From      string   `json:"from,omitempty"` // the version before
	Addresses []string `json:"addresses"`
	Claim     string   `json:"claim,omitempty"`
	Data      string   `json:"data"`
	Config    string   `json:"config"`
}

// installTimeout is how long a new version may take until it is committed: a start, and the trial.
const installTimeout = 10 * time.Minute

// Run installs the running program, or upgrades to it, and waits until the box answers.
func (c *installCmd) Run(w environment) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	show := func(text string) { printText(w.stderr, "  %s\n", text) }
	host := install.System(show, c.DryRun)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p := newPrograms(install.ProgramsDir, "")
	before := ""
	if host.IsInstalled() {
		before = p.Version(p.Default())
		if !isNewer(before) {
			return fmt.Errorf("version %s is installed, and this program is the older %s: nothing was changed", before, version)
		}
	}
	if strings.HasPrefix(self, install.ProgramsDir+"/") || self == install.Local.Program {
		return usageError{errors.New("this is the installed program: run install of the new one")}
	}
	if err := host.Install(ctx, install.Options{Program: self, HTTP: c.HTTP, HTTPS: c.HTTPS, Keys: c.Keys}); err != nil || c.DryRun {
		return err
	}
	printText(w.stderr, "  wait until the box answers\n")
	status, err := awaitInstalled(ctx)
	if err != nil {
		return err
	}
	return c.report(w, installed{
		Version: status.Version, From: before, Claim: status.ClaimCode, Data: install.DataDir, Config: install.ConfigFile,
		Addresses: append(status.HTTPAddresses, status.HTTPSAddresses...),
	})
}

// awaitInstalled waits until the copied program is committed and answers.
func awaitInstalled(ctx context.Context) (s display.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	p := newPrograms(install.ProgramsDir, "")
	self, err := os.Stat(install.Local.Program)
	if err != nil {
		return s, err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		switch {
		case !p.IsSeeded(self, version): // the launcher has not started yet
		case p.Trial() == "" && p.Version(p.Default()) != version:
			return s, fmt.Errorf("version %s did not answer in time, so version %s runs again: journalctl -u livelearn says why", version, p.Version(p.Default()))
		case p.Trial() == "":
			if s, err = readStatus(ctx, install.DataDir); err == nil {
				return s, nil
			}
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("the box does not answer: journalctl -u livelearn says why (%w)", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// readStatus asks the box that runs on a folder.
func readStatus(ctx context.Context, data string) (s display.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := control.Get(ctx, data, "/status")
	if err != nil {
		return s, err
	}
	defer func() { _ = body.Close() }()
	return s, json.NewDecoder(body).Decode(&s)
}

func (c *installCmd) report(w environment, r installed) error {
	if c.JSON {
		e := json.NewEncoder(w.stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	if r.From != "" && r.From != r.Version {
		printText(w.stdout, "LiveLearn Box %s runs, after %s.\n", r.Version, r.From)
	} else {
		printText(w.stdout, "LiveLearn Box %s runs.\n", r.Version)
	}
	for _, a := range r.Addresses {
		printText(w.stdout, "  Open        %s\n", a)
	}
	if r.Claim != "" {
		printText(w.stdout, "  Claim code  %s\n", r.Claim)
	}
	printText(w.stdout, "  Settings    %s\n  Data        %s\n  Log         journalctl -u livelearn\n", r.Config, r.Data)
	return nil
}

type uninstallCmd struct {
	Purge  bool `help:"Also delete all data of the box, its settings and its user."`
	DryRun bool `help:"Show the steps and change nothing."`
	yesFlag
}

// Run removes the service.
func (c *uninstallCmd) Run(w environment) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	host := install.System(func(text string) { printText(w.stderr, "  %s\n", text) }, c.DryRun)
	if err := host.CheckSystem(); err != nil {
		return err
	}
	if c.Purge && !c.DryRun {
		if err := c.confirm(w, "This deletes all classes, results, recordings and settings of the box in %s.", install.DataDir); err != nil {
			return err
		}
	}
	left, err := host.Uninstall(ctx, c.Purge)
	if err != nil {
		return err
	}
	for _, name := range left {
		printText(w.stdout, "left: %s\n", name)
	}
	if !c.Purge && len(left) > 0 {
		printText(w.stdout, "A new installation goes on with this data. To delete it: livelearn uninstall --purge\n")
	}
	return nil
}

// giveToOwner gives files that root made in a data folder to the folder's owner, who runs the box.
func giveToOwner(data string) error {
	info, err := os.Stat(data)
	if os.Geteuid() != 0 || err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	root, err := os.OpenRoot(data)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, int(owner.Uid), int(owner.Gid))
	})
}
