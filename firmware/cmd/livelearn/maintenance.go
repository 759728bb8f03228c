package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/cloud/transports"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

// errFindings fails a command that has already printed the faults.
var errFindings = errors.New("something is wrong")

type doctorCmd struct {
	folderFlags
	HTTP  string `name:"http" help:"Listen address of plain HTTP to check." placeholder:"ADDR"`
	HTTPS string `name:"https" help:"Listen address of HTTPS to check, or off." placeholder:"ADDR"`

	NoNetwork bool `name:"no-network" help:"Ask nothing of the network: no question to its switch, its DHCP servers, other devices and the internet."`
}

// Run prints the findings. It fails if one of them prevents a lesson.
func (c *doctorCmd) Run(w environment) error {
	e, err := c.loadConfig(w, map[string]string{"gateway.http": c.HTTP, "gateway.https": c.HTTPS})
	if err != nil {
		return err
	}
	gateway := e.Gateway.WithDefaults()
	addresses := []string{gateway.HTTP}
	if gateway.HTTPS != "off" {
		addresses = append(addresses, gateway.HTTPS)
	}
	ctx := context.Background()
	list := append(doctor.Run(ctx, e.Data, addresses...), doctor.CheckCloud(ctx, e.Data, transports.Transports{Version: version, Proxy: e.Network.Proxy, AllowPrivate: e.Cloud.AllowPrivate}.Open))
	if !c.NoNetwork {
		list = append(list, doctor.CheckNetwork(ctx, e.Data, e.Network.Proxy)...)
	}
	return printFindings(w, list)
}

// printFindings prints findings with their remedies. It returns errFindings if one of them fails.
func printFindings(w environment, list []doctor.Finding) error {
	worst := health.OK
	for _, f := range list {
		worst = max(worst, f.Level)
		printText(w.stdout, "%-5s %s\n", f.Level, f.What)
		if f.Remedy != "" {
			printText(w.stdout, "      -> %s\n", f.Remedy)
		}
	}
	if worst == health.Fail {
		return errFindings
	}
	return nil
}

const maxKept = 1000 // older backups

type backupCmd struct {
	folderFlags
	File           string `arg:"" help:"File for the backup. It contains names of people, so keep it safe." type:"path"`
	Encrypt        bool   `help:"Encrypt it to a new passphrase, and print a recovery sheet."`
	PassphraseFile string `help:"Encrypt it to the passphrase in the first line of this file." type:"existingfile"`
	Keep           int    `help:"Older backups to keep: FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on." default:"3"`
}

// Run writes a backup. The file appears atomically. An older one of the same name moves on.
func (c *backupCmd) Run(w environment) error {
	e, err := c.loadConfig(w, nil)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if c.Keep < 0 || c.Keep > maxKept {
		return usageError{fmt.Errorf("keep: must be 0 to %d", maxKept)}
	}
	passphrase, err := readPassphrase(c.PassphraseFile)
	if err != nil {
		return err
	}
	if c.Encrypt && passphrase == "" {
		passphrase = backup.NewPassphrase()
	}
	size, err := firmware.SaveBackup(ctx, e.Config, c.File, passphrase, c.Keep)
	if err := errors.Join(err, giveToOwner(c.Data)); err != nil {
		return err
	}
	printText(w.stdout, "%s: %d KiB. It holds names of people: keep it safe.\n", c.File, size>>10)
	if c.Encrypt && c.PassphraseFile == "" {
		printText(w.stdout, recoverySheet, filepath.Base(c.File), time.Now().Format("2006-01-02"), passphrase)
	}
	return nil
}

// recoverySheet is printed once: the passphrase is stored nowhere.
const recoverySheet = `
  RECOVERY SHEET
  Print this page or copy it by hand. Keep it apart from the backup.

  Backup      %s, made %s
  Passphrase  %s

  To bring the box back: open "Backup and restore" in the box's settings and choose the backup.
  Or write the passphrase into a file, stop the box, and run
      livelearn restore --passphrase-file FILE BACKUP
  The file has the format of age (age-encryption.org): the program age opens it too.
  Without this passphrase the backup is lost.
`

// readPassphrase returns the first line of a file. Without a file it is empty.
func readPassphrase(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", errs.NewField("backup", "passphrase-file", "empty", 0, "the first line of the passphrase file is empty")
	}
	return line, nil
}

type restoreCmd struct {
	folderFlags
	yesFlag
	File   string `arg:"" help:"File with the backup." type:"existingfile"`
	DryRun bool   `help:"Check the backup and change nothing."`

	PassphraseFile string `help:"File with the passphrase of an encrypted backup in its first line." type:"existingfile"`
}

// Run restores a backup, or only checks it.
func (c *restoreCmd) Run(w environment) (err error) {
	from, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	passphrase, err := readPassphrase(c.PassphraseFile)
	if err != nil {
		return err
	}
	restore := func(check bool) (m backup.Manifest, aside string, err error) {
		plain, err := backup.Decrypt(from, passphrase)
		if err != nil {
			return m, "", err
		}
		return backup.Restore(c.Data, plain, check)
	}
	list, err := os.ReadDir(c.Data)
	replaces := err == nil && len(list) > 0
	m, _, err := restore(true)
	if err != nil {
		return err
	}
	printText(w.stdout, "backup of box %s, made %s by version %s: whole\n", m.Box, m.Made.Format("2006-01-02 15:04"), m.Version)
	if c.DryRun {
		printText(w.stdout, "nothing was changed\n")
		return nil
	}
	if replaces {
		if err := c.confirm(w, "The backup takes the place of what is in %s now, which is moved aside.", c.Data); err != nil {
			return err
		}
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, aside, err := restore(false)
	if err := errors.Join(err, giveToOwner(c.Data)); err != nil {
		return err
	}
	printText(w.stdout, "restored into %s; what it held before is in %s\n", c.Data, aside)
	return nil
}

type unclaimCmd struct {
	folderFlags
	yesFlag
}

// Run resets the claim, like the button of a board.
func (c *unclaimCmd) Run(w environment) error {
	e, err := c.loadConfig(w, nil)
	if err != nil {
		return err
	}
	if err := c.confirm(w, "Whoever enters the new claim code becomes an admin of the box in %s.", c.Data); err != nil {
		return err
	}
	code, err := firmware.Unclaim(context.Background(), e.Config)
	if err := errors.Join(err, giveToOwner(c.Data)); err != nil {
		return err
	}
	printText(w.stdout, "claim code: %s. Start the box and open /claim: who enters the code becomes an admin.\n", code)
	return nil
}
