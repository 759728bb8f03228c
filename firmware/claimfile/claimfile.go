// Package claimfile keeps CLAIM.txt on the boot partition of an appliance. A person with the card
// of a box that has no display finds the address and the claim code there. Package firmware
// starts one File where the board has such a partition.
//
// WIFI.svg lies next to it while the box makes a Wi-Fi: a QR code with which a phone joins.
//
// The code and the passphrase are in neither file once the box is claimed.
package claimfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/qrsvg"
)

// Name is the name of the file. Interval is how soon it follows a change.
const (
	Name     = "CLAIM.txt"
	WifiName = "WIFI.svg"
	Interval = 5 * time.Second // how soon the file follows a change
)

// AccessPoint is the Wi-Fi that a box makes, or would make.
type AccessPoint struct {
	Name       string
	Passphrase provision.Secret
	On         bool // the box is set to make it
	Instead    bool // it makes it while it cannot join the Wi-Fi of the school
}

// File keeps CLAIM.txt up to date. The file has the address and the claim code of the box. Once
// the box is claimed, the file says so and has no secrets.
type File struct {
	Folder *slots.Folder
	Code   func() (string, error) // empty: the box is claimed
	Facts  func() display.Status
	Wifi   func() AccessPoint
	Health *health.Health
	Log    *slog.Logger
}

// String is the service's name.
func (c *File) String() string { return "claim file" }

// Serve writes until ctx ends. A write that fails is tried again.
func (c *File) Serve(ctx context.Context) error {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for fault := ""; ; {
		now := ""
		if err := c.look(); err != nil {
			now = err.Error()
			c.Health.SetCheck("claim file", health.Warn, "claim_file", Name+" on the boot partition cannot be written: "+now)
		} else {
			c.Health.ClearCheck("claim file")
		}
		if now != fault && now != "" {
			c.Log.Warn(Name+" cannot be written", "err", now)
		}
		fault = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look writes the files that are out of date. A box that was claimed before it had them gets none.
func (c *File) look() error {
	code, err := c.Code()
	if err != nil {
		//lint:ignore nilerr the roster reports it, and without a claim there is no file to write
		return nil
	}
	ap := c.Wifi()
	text, picture := "This LiveLearn Box is claimed. Its claim code is used up.\r\n", ""
	if code != "" {
		text = claimText(code, c.Facts(), ap)
		if ap.On && ap.Name != "" {
			svg, err := qrsvg.Draw(qrsvg.WifiText(ap.Name, ap.Passphrase.Reveal()))
			if err != nil {
				return err
			}
			picture = string(svg)
		}
	} else if _, err := os.Stat(filepath.Join(c.Folder.Dir, Name)); err != nil {
		text = ""
	}
	return errors.Join(c.keep(WifiName, picture), c.keep(Name, text))
}

// keep makes a file have a text. An empty text means that there is no file.
func (c *File) keep(name, text string) error {
	old, err := os.ReadFile(filepath.Join(c.Folder.Dir, name))
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case err != nil && !missing:
		return err
	case text == "" && missing, text != "" && string(old) == text:
		return nil
	case text == "":
		return c.Folder.Remove(name)
	}
	return c.Folder.Replace(name, text)
}

// claimText returns the text of the file. Its lines end with CR LF, which every editor reads.
func claimText(code string, f display.Status, ap AccessPoint) string {
	lines := []string{"LiveLearn Box " + f.Name, "", "Open the address in a browser and enter the claim code: the box is yours.", ""}
	addresses := 0
	for _, a := range f.HTTPAddresses {
		if !strings.Contains(a, "//127.") && !strings.Contains(a, "//[::1]") { // of the box alone
			lines = append(lines, "Address: "+a)
			addresses++
		}
	}
	if addresses == 0 {
		lines = append(lines, "Address: none yet (start the box with its network cable in)")
	}
	lines = append(lines, "Claim code: "+code, "")
	if f.Words != "" {
		lines = append(lines, "Words of the box: "+f.Words, "The page shows the same four words. Others belong to another box.", "")
	}
	if ap.Name != "" {
		switch {
		case ap.Instead:
			lines = append(lines, "While the box cannot join the Wi-Fi of the school, it makes this one:")
		case !ap.On:
			lines = append(lines, `If livelearn.toml says mode = "ap" under [network], the box makes this Wi-Fi:`)
		}
		lines = append(lines, "Wi-Fi name: "+ap.Name, "Wi-Fi passphrase: "+ap.Passphrase.Reveal(), "")
		if ap.On {
			lines = append(lines, "A phone joins it with the picture "+WifiName+".", "")
		}
	}
	return strings.Join(append(lines, fmt.Sprintf("The box writes this file, version %s. Changes here do nothing.", f.Version), ""), "\r\n")
}
