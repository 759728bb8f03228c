package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/services/health"
)

// errFound ends a command that has said already what is wrong.
var errFound = errors.New("something is wrong")

type doctorCmd struct {
	folderFlags
	HTTP  string `name:"http" help:"Address of plain HTTP that the box would use." placeholder:"ADDR"`
	HTTPS string `name:"https" help:"Address of HTTPS that the box would use, or off." placeholder:"ADDR"`
}

// Run prints the findings. It fails when one of them keeps a lesson from being held.
func (c *doctorCmd) Run(w world) error {
	e, err := c.load(w, map[string]string{"gateway.http": c.HTTP, "gateway.https": c.HTTPS})
	if err != nil {
		return err
	}
	door := e.Gateway.WithDefaults()
	addresses := []string{door.HTTP}
	if door.HTTPS != "off" {
		addresses = append(addresses, door.HTTPS)
	}
	worst := health.OK
	for _, f := range firmware.Doctor(context.Background(), e.Data, addresses...) {
		worst = max(worst, f.Level)
		say(w.stdout, "%-5s %s\n", f.Level, f.What)
		if f.Mend != "" {
			say(w.stdout, "      -> %s\n", f.Mend)
		}
	}
	if worst == health.Fail {
		return errFound
	}
	return nil
}

type backupCmd struct {
	folderFlags
	File string `arg:"" help:"Where to write the backup. It holds names of people: keep it safe." type:"path"`
}

// Run writes a backup. The file appears whole, and never in the place of another.
func (c *backupCmd) Run(w world) error {
	e, err := c.load(w, nil)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	size, err := firmware.SaveBackup(ctx, e.Config, c.File)
	if err != nil {
		return err
	}
	say(w.stdout, "%s: %d KiB. It holds names of people: keep it safe.\n", c.File, size>>10)
	return nil
}

type restoreCmd struct {
	folderFlags
	File   string `arg:"" help:"The backup." type:"existingfile"`
	DryRun bool   `help:"Only check the backup."`
}

// Run restores a backup or checks it.
func (c *restoreCmd) Run(w world) (err error) {
	from, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	m, aside, err := firmware.Restore(c.Data, from, c.DryRun)
	if err != nil {
		return err
	}
	say(w.stdout, "backup of box %s, made %s by version %s: whole\n", m.Box, m.Made.Format("2006-01-02 15:04"), m.Version)
	if c.DryRun {
		say(w.stdout, "nothing was changed\n")
		return nil
	}
	say(w.stdout, "restored into %s; what it held before is in %s\n", c.Data, aside)
	return nil
}
