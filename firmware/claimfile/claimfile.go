// Package claimfile keeps CLAIM.txt on the boot partition of an appliance. A person with the card
// of a box that has no display finds the address and the claim code there. Package firmware
// starts one File where the board has such a partition.
//
// CLAIM.svg lies next to it: a QR code that opens the page of the claim with the code typed in. WIFI.svg
// is there while the box makes a Wi-Fi: a QR code with which a phone joins.
//
// Once the box is claimed the pictures are gone, and CLAIM.txt has no code and no passphrase.
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

// The names of the files.
const (
	Name        = "CLAIM.txt"
	PictureName = "CLAIM.svg"
	WifiName    = "WIFI.svg"
)

// Interval is how soon the files follow a change.
const Interval = 5 * time.Second

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
	text, claim, wifi := "This LiveLearn Box is claimed. Its claim code is used up.\r\n", "", ""
	if code != "" {
		facts := c.Facts()
		addresses := reachable(facts)
		text = claimText(code, facts, addresses, ap)
		if len(addresses) > 0 {
			// A browser sends no fragment, so the code is in no log and not readable in the network.
			claim, err = draw(addresses[0] + "/claim#" + code)
		}
		if err == nil && ap.On && ap.Name != "" {
			wifi, err = draw(qrsvg.WifiText(ap.Name, ap.Passphrase.Reveal()))
		}
		if err != nil {
			return err
		}
	} else if _, err := os.Stat(filepath.Join(c.Folder.Dir, Name)); err != nil {
		text = ""
	}
	return errors.Join(c.keep(WifiName, wifi), c.keep(PictureName, claim), c.keep(Name, text))
}

func draw(text string) (string, error) {
	svg, err := qrsvg.Draw(text)
	return string(svg), err
}

// reachable returns the addresses at which other machines reach the box.
func reachable(f display.Status) (list []string) {
	for _, a := range f.HTTPAddresses {
		if !strings.Contains(a, "//127.") && !strings.Contains(a, "//[::1]") {
			list = append(list, a)
		}
	}
	return list
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
func claimText(code string, f display.Status, addresses []string, ap AccessPoint) string {
	lines := []string{"LiveLearn Box " + f.Name, "", "Open the address in a browser and enter the claim code: the box is yours.", ""}
	for _, a := range addresses {
		lines = append(lines, "Address: "+a)
	}
	if len(addresses) == 0 {
		lines = append(lines, "Address: none yet (start the box with its network cable in)")
	}
	lines = append(lines, "Claim code: "+code, "")
	if len(addresses) > 0 {
		lines = append(lines, "A phone in the same network opens the page with the picture "+PictureName+".", "")
	}
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
