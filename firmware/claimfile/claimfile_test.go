package claimfile

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/qrsvg"
)

// card is a boot partition in a folder that may be read-only, and what a box shows of itself.
type card struct {
	t    *testing.T
	file *File

	mu     sync.Mutex // guards the fields below
	code   string
	facts  display.Status
	wifi   AccessPoint
	broken error // of making it writable
	writes int
	log    strings.Builder // of the file's goroutine
}

func newCard(t *testing.T) *card {
	c := &card{t: t, code: "ABCD2345", facts: display.Status{Name: "Room 12", Version: "1.2.3"}}
	c.file = &File{
		Code:   func() (string, error) { defer c.lock()(); return c.code, nil },
		Facts:  func() display.Status { defer c.lock()(); return c.facts },
		Wifi:   func() AccessPoint { defer c.lock()(); return c.wifi },
		Health: health.New(nil), Log: slog.New(slog.NewTextHandler(&c.log, nil)),
		Folder: &slots.Folder{Dir: t.TempDir(), MakeWritable: func() (func() error, error) {
			defer c.lock()()
			c.writes++
			return func() error { return nil }, c.broken
		}},
	}
	return c
}

func (c *card) lock() (unlock func()) {
	c.mu.Lock()
	return c.mu.Unlock
}

// set changes what the box is, and waits until the file has followed.
func (c *card) set(change func()) {
	c.mu.Lock()
	change()
	c.mu.Unlock()
	c.later()
}

// serve writes the file until the test of a synctest bubble ends.
func (c *card) serve() {
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error, 1)
	go func() { done <- c.file.Serve(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	})
	c.later()
}

// later is when the file has followed a change.
func (c *card) later() {
	time.Sleep(2 * Interval)
	synctest.Wait()
}

// says checks that the file has all of these texts and none that begins with "no ".
func (c *card) says(texts ...string) {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.file.Folder.Dir, Name))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "no ")
		if strings.Contains(string(data), unwanted) == not {
			c.t.Errorf("want %q in:\n%s", text, data)
		}
	}
}

// missing checks that there is no file of these names.
func (c *card) missing(names ...string) {
	c.t.Helper()
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(c.file.Folder.Dir, name)); !errors.Is(err, os.ErrNotExist) {
			c.t.Errorf("%s is there: %v", name, err)
		}
	}
}

func TestTheClaimFileFollowsTheBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCard(t)
		c.facts.HTTPAddresses, c.facts.Words = []string{"http://127.0.0.1"}, "ungloved padlock nextdoor amplifier"
		c.serve()
		c.missing(PictureName, WifiName) // no phone reaches 127.0.0.1
		c.says("Room 12", "Words of the box: ungloved padlock nextdoor amplifier\r\n", "Claim code: ABCD2345\r\n", "Address: none yet", "no 127.0.0.1", "no Wi-Fi")
		c.set(func() {
			c.facts.HTTPAddresses = []string{"http://192.0.2.7", "http://[2001:db8::7]"}
			c.wifi = AccessPoint{Name: "Room 12", Passphrase: provision.Secret("k7fp-2m9x-q4td"), On: true}
		})
		c.says("Address: http://192.0.2.7\r\n", "Address: http://[2001:db8::7]\r\n", "Wi-Fi name: Room 12\r\n", "Wi-Fi passphrase: k7fp-2m9x-q4td\r\n", "no none yet", `no mode = "ap"`)
		for name, text := range map[string]string{WifiName: "WIFI:T:WPA;S:Room 12;P:k7fp-2m9x-q4td;;", PictureName: "http://192.0.2.7/claim#ABCD2345"} {
			svg, err := os.ReadFile(filepath.Join(c.file.Folder.Dir, name))
			if want, _ := qrsvg.Draw(text); err != nil || string(svg) != string(want) {
				t.Errorf("%s is no picture of %s: %v\n%s", name, text, err, svg)
			}
		}
		c.set(func() { c.wifi.On = false })
		c.missing(WifiName)
		c.says(`mode = "ap"`, "Wi-Fi passphrase: k7fp-2m9x-q4td\r\n")
		c.set(func() { c.wifi.Instead = true })
		c.says("While the box cannot join the Wi-Fi of the school, it makes this one:\r\nWi-Fi name: Room 12\r\n", `no mode = "ap"`)
		c.set(func() { c.wifi.Instead = false })
		var before, after int
		c.set(func() { before = c.writes })
		c.set(func() { after = c.writes })
		if before != after {
			t.Error("it is written although nothing changed: that wears out a card")
		}
		c.set(func() { c.wifi.On = true })
		c.set(func() { c.code = "" })
		c.missing(WifiName, PictureName) // they have the passphrase and the code
		c.says("is claimed", "no ABCD2345", "no k7fp", "no 192.0.2.7")
		c.set(func() { c.code = "WXYZ6789" }) // the button gave it a new one
		c.says("Claim code: WXYZ6789\r\n", "no is claimed")
		if strings.Contains(c.log.String(), "k7fp") || strings.Contains(c.log.String(), "ABCD") {
			t.Errorf("a secret is in the log: %s", c.log.String())
		}
	})
}

func TestABoxThatWasClaimedBeforeGetsNoClaimFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCard(t)
		c.code = ""
		c.serve()
		if _, err := os.Stat(filepath.Join(c.file.Folder.Dir, Name)); !errors.Is(err, os.ErrNotExist) || c.writes > 0 {
			t.Errorf("%v, made writable %d times", err, c.writes)
		}
	})
}

func TestACardThatCannotBeWrittenIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCard(t)
		c.broken = errors.New("/boot for writing: the card is locked")
		c.serve()
		c.later()
		_, checks := c.file.Health.Ready()
		if len(checks) != 1 || checks[0].Level != health.Warn || checks[0].Code != "claim_file" || !strings.Contains(checks[0].Text, "the card is locked") {
			t.Errorf("got %+v", checks)
		}
		if n := strings.Count(c.log.String(), "the card is locked"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
		c.set(func() { c.broken = nil })
		c.says("Claim code: ABCD2345")
		if _, checks := c.file.Health.Ready(); len(checks) != 0 {
			t.Errorf("the warning stays: %+v", checks)
		}
	})
}
