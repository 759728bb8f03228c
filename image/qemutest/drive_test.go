//go:build qemu

package qemutest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// runQemuIO runs lines of qemu-io, which accesses a disk as the emulator does.
func runQemuIO(t *testing.T, disk string, lines ...string) {
	t.Helper()
	args := []string{"-f", "raw", "-t", "none"}
	for _, l := range lines {
		args = append(args, "-c", l)
	}
	if out, err := exec.Command("qemu-io", append(args, disk)...).CombinedOutput(); err != nil || bytes.Contains(out, []byte("failed")) {
		t.Fatalf("qemu-io: %v\n%s", err, out)
	}
}

// image makes an empty raw image.
func emptyImage(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestADriveLosesWhatWasNotFlushedAndNothingElse writes three blocks of a sector each: the first
// before a flush, the last through the cache.
func TestADriveLosesWhatWasNotFlushedAndNothingElse(t *testing.T) {
	d := NewDrive(t, emptyImage(t, 1<<20))
	runQemuIO(t, d.URL(), "write -P 0x11 0 512", "flush", "write -P 0x22 512 512", "write -f -P 0x33 1024 512", "read -P 0x22 512 512")
	d.mu.Lock()
	diary := d.diary
	d.mu.Unlock()
	if len(diary) < 4 || diary[1].length != 0 || !diary[3].sure {
		t.Fatalf("the diary has %+v, want a write, a flush, a write and one through the cache", diary)
	}
	seen := map[byte]bool{}
	for seed := range uint64(40) {
		name := filepath.Join(t.TempDir(), "after.img")
		if err := d.ImageAfter(4, name, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if data[0] != 0x11 || data[1024] != 0x33 || len(data) != 1<<20 {
			t.Fatalf("seed %d: got %#x and %#x, want what was flushed: 0x11 and 0x33", seed, data[0], data[1024])
		}
		seen[data[512]] = true
	}
	if !seen[0] || !seen[0x22] || len(seen) != 2 {
		t.Errorf("the write that was not flushed was %v, want it there at times and gone at others", seen)
	}
}

func TestADriveBeforeItsFirstMomentIsTheImage(t *testing.T) {
	d := NewDrive(t, emptyImage(t, 1<<20))
	runQemuIO(t, d.URL(), "write -P 0x11 0 64k", "flush")
	name := filepath.Join(t.TempDir(), "after.img")
	if err := d.ImageAfter(0, name, rand.New(rand.NewPCG(1, 0))); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(data, make([]byte, 1<<20)) {
		t.Fatalf("the disk is not the image any more (%v)", err)
	}
}
