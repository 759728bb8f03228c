package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestTheFileSystemIsWhole(t *testing.T) {
	fsck := findProgram(t, "e2fsck")
	// A real card has any number of megabytes. With 2049 and 2063 the last group is tiny.
	// Large sizes are slow, so each run tests one of them.
	large := []int64{14500 * mega, 29500*mega + 5*4096, 32768 * mega}
	for _, size := range []int64{64 * mega, 100*mega + 512, 2048 * mega, 2049 * mega, 2063 * mega, large[rand.IntN(len(large))]} {
		name := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil { // a sparse file
			t.Fatal(err)
		}
		said := 0
		if err := formatExt4(name, size, func() { said++ }); err != nil {
			t.Fatal(err)
		}
		// Each group has half a megabyte of tables. Progress is reported every few groups.
		if least := int(size / groupSize / 2 * mega / progressSize); said < least {
			t.Errorf("%d MB: progress was reported %d times, want %d", size/mega, said, least)
		}
		if out, err := exec.Command(fsck, "-f", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%d MB: %v: %s", size/mega, err, out)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if files := filesInGroup(t, f); files%16 != 0 { // a block holds 16 inodes
			t.Errorf("%d MB: %d files in a group: Linux stops to write (ext4_init_inode_table)", size/mega, files)
		}
		r, err := readSuperblock(f, size)
		if err != nil || r.Errors != 0 || r.Unclean {
			t.Errorf("%+v %v", r, err)
		}
		_ = f.Close()
	}
}

// filesInGroup returns s_inodes_per_group.
func filesInGroup(t *testing.T, f io.ReaderAt) uint32 {
	t.Helper()
	var b [4]byte
	if _, err := f.ReadAt(b[:], superblockOffset+0x28); err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint32(b[:])
}

// TestLinuxTakesTheFileSystem mounts a new file system and waits until the kernel has set it up.
func TestLinuxTakesTheFileSystem(t *testing.T) {
	const size = 1912 * mega // on this size the default of the library makes groups that Linux refuses
	name, at := filepath.Join(t.TempDir(), "data"), t.TempDir()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Truncate(name, size), formatExt4(name, size, func() {})); err != nil {
		t.Fatal(err)
	}
	// init_itable=0: set up at once, not over minutes.
	if out, err := exec.Command("mount", "-t", "ext4", "-o", "loop,noatime,errors=remount-ro,init_itable=0", name, at).CombinedOutput(); err != nil {
		t.Skipf("a file cannot be mounted here: %v: %s", err, out)
	}
	mounted := true
	unmount := func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		mounted = false
	}
	defer func() {
		if mounted {
			unmount()
		}
	}()
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(at, "file"+strconv.Itoa(i)), make([]byte, i<<12), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	waitZeroed(t, at)
	if err := os.WriteFile(filepath.Join(at, "last"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
	unmount()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if r, err := readSuperblock(f, size); err != nil || r.Errors != 0 || r.Unclean {
		t.Errorf("%+v %v", r, err)
	}
}

// waitZeroed waits for the kernel thread that writes the tables of a new file system.
func waitZeroed(t *testing.T, at string) {
	t.Helper()
	for range 600 {
		time.Sleep(100 * time.Millisecond) // waits for a real kernel
		if comms, _ := filepath.Glob("/proc/[0-9]*/comm"); !slices.ContainsFunc(comms, func(c string) bool {
			b, err := os.ReadFile(c)
			return err == nil && string(b) == "ext4lazyinit\n"
		}) {
			return
		}
		if err := os.WriteFile(filepath.Join(at, "still"), nil, 0o600); err != nil {
			t.Fatalf("while the tables are made: %v", err)
		}
	}
	t.Log("the kernel is not done after a minute") // it may be busy with another file system
}

func TestWhatIsNoFileSystemIsSaid(t *testing.T) {
	if _, err := readSuperblock(bytes.NewReader(make([]byte, 4096)), 4096); !errors.Is(err, ErrFileSystem) {
		t.Error(err)
	}
	if _, err := readSuperblock(bytes.NewReader(nil), 0); !errors.Is(err, ErrFileSystem) || !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// A failed write must not report progress.
func TestAWriteThatFailsIsNoProgress(t *testing.T) {
	f, err := os.Open(os.DevNull) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	p := &progressFile{File: f, progress: func() { t.Error("progress was reported") }}
	if _, err := p.WriteAt(make([]byte, progressSize), 0); err == nil {
		t.Error("the write went well")
	}
}

// An unreadable data partition is not changed.
func TestUsedDataIsNeverFormatted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, []byte("a pupil's answers"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := Disk{Device: name, Parts: map[string]Part{DataPart: {Name: DataPart, Device: name, Size: 1}}}
	for _, c := range []Checker{{Program: "/no/e2fsck"}, {Program: findProgram(t, "e2fsck")}, {Program: findProgram(t, "e2fsck"), Force: true}} {
		if _, _, err := PrepareData(d, c, func(string) {}); !errors.Is(err, ErrFileSystem) && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "a pupil's answers" {
		t.Errorf("%q %v", got, err)
	}
}
