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
	"github.com/livelearn/box/firmware/appliance/door"
)

type initCmd struct{}

// release is what an image says of itself.
type release struct {
	Version string    `json:"version"`
	Build   int       `json:"build"` // raised with each release
	Board   string    `json:"board"` // "pc", "pi"
	Built   time.Time `json:"built"`
}

// readRelease reads release.json of an image. A program that runs in none has none.
func readRelease(root string) (r release) {
	data, err := os.ReadFile(filepath.Join(root, appliance.ShareDir, "release.json"))
	if err == nil {
		_ = json.Unmarshal(data, &r) // an image that says nothing of itself still starts
	}
	return r
}

// Run is the first process of a machine. It does not return there.
func (initCmd) Run(w world) error {
	if os.Getpid() != 1 {
		return usageError{errors.New("init is what the kernel of an appliance starts: it must be the first process")}
	}
	r := readRelease(w.root)
	appliance.New(appliance.Config{Program: "/livelearn", Version: version, Built: r.Built}).Run()
	return nil
}

// onAppliance adds what only an appliance has: its two slots, and whose updates it takes.
func onAppliance(w world, parts *firmware.Parts) error {
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
	parts.Board.Slots, err = appliance.Slots(func(ctx context.Context, arg string) error {
		return parts.Door.Reboot(ctx, door.Reboot{Arg: arg, Why: "an update"})
	})
	return err
}
