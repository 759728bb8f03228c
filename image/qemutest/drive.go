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

// Drive is a disk with a write cache that loses its content in a power cut, as real disks and SD
// cards do. It keeps a diary of every write and flush. A test can make the disk that a power cut
// leaves at any moment:
//
//	flushed: kept     |  not flushed: each write kept, lost or half kept
//	------------------+-----------------------------------------------------X cut
//
// (dm-log-writes of the Linux kernel does the same below a file system.)
type Drive struct {
	dir  string
	base string   // the image before the first write
	disk *os.File // the image with all writes
	size int64

	mu    sync.Mutex
	diary []diaryEntry // guarded by mu
	data  *os.File
	used  int64 // bytes in data
	hook  func(n int)
}

// diaryEntry is one line of the diary. It is a flush if it has no length, otherwise a write.
type diaryEntry struct {
	at     int64 // on the disk
	length int64
	data   int64 // in the data file
	sure   bool  // written through the cache (FUA)
}

// NewDrive puts the raw image into a drive, which a machine uses as Config.Disk = d.URL(). The
// image stays unchanged.
func NewDrive(t testing.TB, image string) *Drive {
	t.Helper()
	dir, err := os.MkdirTemp("", "drive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &Drive{dir: dir, base: image}
	if err := d.openFiles(); err != nil {
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
			serving.Go(func() { _ = d.serveNBD(conn); _ = conn.Close() }) // ends with its machine
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait(); _ = d.disk.Close(); _ = d.data.Close() })
	return d
}

func (d *Drive) openFiles() (err error) {
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

// copySparse copies an image with many holes.
func copySparse(to, from string) error {
	if out, err := exec.Command("cp", "--sparse=always", "--reflink=auto", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// URL returns the address of the drive for Config.Disk.
func (d *Drive) URL() string { return "nbd+unix:///?socket=" + filepath.Join(d.dir, "nbd") }

// MomentCount returns the number of writes and flushes so far. A power cut may come after each.
func (d *Drive) MomentCount() int {
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

// recordWrite records a write, or a flush if p is empty.
func (d *Drive) recordWrite(p []byte, at int64, sure bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.data.WriteAt(p, d.used); err != nil {
		return err
	}
	d.diary = append(d.diary, diaryEntry{at: at, length: int64(len(p)), data: d.used, sure: sure})
	d.used += int64(len(p))
	if d.hook != nil {
		d.hook(len(d.diary))
	}
	_, err := d.disk.WriteAt(p, at)
	return err
}

// ImageAfter makes a new image at path: the disk after a power cut that follows n moments. dice
// decides the fate of the writes without a flush.
func (d *Drive) ImageAfter(n int, path string, dice *rand.Rand) error {
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
	flushed := 0 // this many entries are on the medium
	for i, e := range diary {
		if e.length == 0 {
			flushed = i
		}
	}
	for i, e := range diary {
		length := e.length
		if i >= flushed && !e.sure {
			length = survivingBytes(length, dice)
		}
		if _, err := io.Copy(io.NewOffsetWriter(f, e.at), io.NewSectionReader(d.data, e.data, length)); err != nil {
			return err
		}
	}
	return f.Close()
}

// survivingBytes returns how much of a write without a flush survives a power cut: all, nothing, or
// some of its sectors. A disk writes whole sectors.
func survivingBytes(length int64, dice *rand.Rand) int64 {
	const sector = 512
	switch dice.IntN(4) {
	case 0:
		return 0
	case 1:
		return dice.Int64N(length/sector+1) * sector
	}
	return length
}

// allocatedBytes returns the number of bytes of a file on the medium (stat(2)).
func allocatedBytes(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
