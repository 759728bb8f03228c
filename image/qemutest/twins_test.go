//go:build qemu

package qemutest

import (
	"os"
	"testing"

	"github.com/livelearn/box/firmware/appliance/disk"
)

// readDiskIDs returns the ids of a disk.
func readDiskIDs(t *testing.T, name string) disk.IDs {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	ids, err := disk.ReadIDs(f)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestTwoDisksOfOneImageAreNotMixedUp starts a machine with two fresh disks of the same image. The
// firmware starts the second one, and the kernel finds the first one first.
func TestTwoDisksOfOneImageAreNotMixedUp(t *testing.T) {
	t.Parallel()
	takeTurn(t, 2)
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	own, other := freshDisk(t, image), freshDisk(t, image)
	m := New(t, Config{Disk: own, Other: other, Raw: true})
	t.Logf("from power to the page: %v, with a restart in it", m.WaitReady(2*starts))
	a := claimBox(t, m)
	a.addClass("7B")
	for _, p := range a.readBoot().State.Phases {
		if p.Err != "" {
			t.Errorf("phase %s: %s", p.Name, p.Err)
		}
	}
	m.Kill()
	one, two := readDiskIDs(t, own), readDiskIDs(t, other)
	if one.AreShared() || one.Parts[disk.DataPart] == "" {
		t.Errorf("the disk of the firmware is not the one that is used: %+v", one)
	}
	if two.Parts[disk.FreshPart] == "" || two.Disk == one.Disk || two.Parts["root-a"] == one.Parts["root-a"] {
		t.Errorf("the other disk is used: %+v", two)
	}
	m.Start()
	m.WaitReady(starts)
	if !a.hasClass("7B") {
		t.Error("the data is gone after a restart")
	}
	m.Kill()
	if !isLongRun() {
		return
	}
	// The other disk is a box of its own.
	alone := New(t, Config{Disk: other, Raw: true})
	alone.WaitReady(starts)
	if code, _ := (&admin{t: t, m: alone}).call(answers, "GET", "/readyz", nil, nil); code != 200 {
		t.Errorf("the other disk alone: %d", code)
	}
}
