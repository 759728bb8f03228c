package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/initctl"
)

type initCmd struct{}

// release is the content of release.json in an image.
type release struct {
	Version string    `json:"version"`
	Build   int       `json:"build"` // rises with each release
	Board   string    `json:"board"` // "pc", "pi"
	Built   time.Time `json:"built"`
}

// readRelease reads release.json of an image. It returns the zero value outside of an image.
func readRelease(root string) (r release) {
	data, err := os.ReadFile(filepath.Join(root, appliance.ShareDir, "release.json"))
	if err == nil {
		_ = json.Unmarshal(data, &r) // an image without it still starts
	}
	return r
}

// Run runs the first process of a machine. There it does not return.
func (initCmd) Run(w environment) error {
	if os.Getpid() != 1 {
		return usageError{errors.New("init must be the first process: only the kernel of an appliance starts it")}
	}
	r := readRelease(w.root)
	appliance.New(appliance.Config{Program: "/livelearn", Version: version, Built: r.Built}).Run()
	return nil
}

// addApplianceParts adds the parts of an appliance: its slots, its release and its trusted keys.
func addApplianceParts(w environment, parts *firmware.Parts) error {
	boot := appliance.BootFolder()
	parts.Boot, parts.Wifi = &boot, readAccessPoint
	if err := trustWeb(); err != nil {
		return err
	}
	r := readRelease(w.root)
	parts.Release = firmware.Release{Board: r.Board, Build: r.Build}
	root, err := os.ReadFile(filepath.Join(w.root, appliance.ShareDir, "root.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parts.Release.Root = root
	parts.Sticks = appliance.NewSticks().List
	parts.Board.Slots, err = appliance.FindSlots(func(ctx context.Context, arg string) error {
		return parts.PID1.Reboot(ctx, initctl.Reboot{Arg: arg, Why: "an update"})
	})
	return err
}
