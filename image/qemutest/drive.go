//go:build qemu

package qemutest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Drive is a disk with a write cache that loses its content with the power, as real disks
// and SD cards do. It keeps a diary of every write and flush, so the disk as a power cut
// leaves it can be made for any moment afterwards:
//
//	what was flushed  |  what was not: each write there, gone, or half there
//	------------------+-----------------------------------------------------X cut
//
// (dm-log-writes of the Linux kernel does the same below a file system.)
type Drive struct {
	dir  string
	base string   // the image before the first write
	disk *os.File // the image with all writes
	size int64

	mu    sync.Mutex
	diary []entry // guarded by mu
	data  *os.File
	used  int64 // bytes in data
	hook  func(n int)
}

// entry is one line of the diary: a write, or a flush if it has no length.
type entry struct {
	at     int64 // on the disk
	length int64
	data   int64 // in the data file
	sure   bool  // written through the cache (FUA)
}

// NewDrive puts the raw image into a drive, which a machine uses as Config.Disk = d.URL().
// The image itself stays as it is.
func NewDrive(t testing.TB, image string) *Drive {
	t.Helper()
	dir, err := os.MkdirTemp("", "drive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &Drive{dir: dir, base: image}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "nbd"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { _ = d.serve(conn); _ = conn.Close() }) // ends with its machine
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait(); _ = d.disk.Close(); _ = d.data.Close() })
	return d
}

func (d *Drive) open() (err error) {
	name := filepath.Join(d.dir, "disk")
	if err := copySparse(name, d.base); err != nil {
		return err
	}
	if d.disk, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		return err
	}
	if d.size, err = d.disk.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	d.data, err = os.Create(filepath.Join(d.dir, "data"))
	return err
}

// copySparse copies an image that is mostly holes.
func copySparse(to, from string) error {
	if out, err := exec.Command("cp", "--sparse=always", "--reflink=auto", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// URL is the drive as a machine's disk.
func (d *Drive) URL() string { return "nbd+unix:///?socket=" + filepath.Join(d.dir, "nbd") }

// Moments is how many writes and flushes the drive has seen: a cut may come after each.
func (d *Drive) Moments() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.diary)
}

// OnMoment calls f after each write and flush with the number so far. f must not block.
func (d *Drive) OnMoment(f func(n int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = f
}

// note keeps a write, or a flush if p is empty.
func (d *Drive) note(p []byte, at int64, sure bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.data.WriteAt(p, d.used); err != nil {
		return err
	}
	d.diary = append(d.diary, entry{at: at, length: int64(len(p)), data: d.used, sure: sure})
	d.used += int64(len(p))
	if d.hook != nil {
		d.hook(len(d.diary))
	}
	_, err := d.disk.WriteAt(p, at)
	return err
}

// After makes a new image at path: the disk as a power cut after n moments leaves it. dice
// decide what becomes of the writes that were not flushed.
func (d *Drive) After(n int, path string, dice *rand.Rand) error {
	if err := copySparse(path, d.base); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	d.mu.Lock()
	diary := d.diary[:n]
	d.mu.Unlock()
	flushed := 0 // as many entries are on the medium
	for i, e := range diary {
		if e.length == 0 {
			flushed = i
		}
	}
	for i, e := range diary {
		length := e.length
		if i >= flushed && !e.sure {
			length = survives(length, dice)
		}
		if _, err := io.Copy(io.NewOffsetWriter(f, e.at), io.NewSectionReader(d.data, e.data, length)); err != nil {
			return err
		}
	}
	return f.Close()
}

// survives is how much of a write that was not flushed a power cut leaves: all, nothing, or
// some of its sectors, which a disk writes whole.
func survives(length int64, dice *rand.Rand) int64 {
	const sector = 512
	switch dice.IntN(4) {
	case 0:
		return 0
	case 1:
		return dice.Int64N(length/sector+1) * sector
	}
	return length
}

// blocks is how many bytes of a file are on the medium (stat(2)).
func blocks(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
