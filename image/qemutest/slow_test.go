//go:build qemu

package qemutest

import (
	"os"
	"strings"
	"testing"
)

// TestAFirstStartOnALargeSlowDisk formats 64 GB at 10 MB/s, the speed of a cheap card. That takes
// longer than the timeout of the watchdog, which must not reset the machine.
func TestAFirstStartOnALargeSlowDisk(t *testing.T) {
	t.Parallel()
	if !isLongRun() {
		t.Skip("takes minutes: scripts/qemu runs it")
	}
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	if err := os.Truncate(disk, 64_000_000_000); err != nil { // a sparse file
		t.Fatal(err)
	}
	m := New(t, Config{Disk: disk, Raw: true, Speed: 10_000_000})
	t.Logf("from power to the page on 64 GB at 10 MB/s: %v", m.WaitReady(starts))
	for _, e := range m.mon.list() {
		if e.Name == "WATCHDOG" || e.Name == "RESET" {
			t.Errorf("the emulator reports %s", e.Name)
		}
	}
	if note := claimBox(t, m).readBoot().phaseNote("data"); !strings.Contains(note, "made now") {
		t.Errorf("the data partition: %q", note)
	}
}
