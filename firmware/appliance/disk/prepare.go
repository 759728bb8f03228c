package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
	"golang.org/x/sys/unix"
)

// Result reports the state of the data partition and the work done on it.
type Result struct {
	Formatted bool
	Size      int64  // bytes
	Errors    uint32 // file system errors that the kernel counted since it was formatted
	Unclean   bool   // the power went while it was mounted, and the journal was replayed
	Repaired  string // what e2fsck repaired; empty: nothing
}

// String returns a note for the admin page.
func (r Result) String() string {
	s := fmt.Sprintf("%d MB", r.Size>>20)
	if r.Formatted {
		s += ", made now"
	}
	if r.Unclean {
		s += ", the power went before"
	}
	if r.Errors > 0 {
		s += fmt.Sprintf(", %d errors", r.Errors)
	}
	if r.Repaired != "" {
		s += ", repaired: " + r.Repaired
	}
	return s
}

// An ext4 file system consists of groups of 128 MiB. Each group gets room for 2048 files, one for
// every 64 KiB. A box has a few thousand files, not millions, and each one costs 256 bytes of
// writing at the first start.
//
// We set the number ourselves, because the default of the library does not fill whole blocks on
// some disk sizes. Linux reports "something is wrong with group 0" of these seconds after the
// mount and makes them read-only. e2fsck finds no fault.
const (
	groupSize     = 128 << 20
	filesPerGroup = 2048
	// A smaller last group has no room for its own tables on large disks.
	minLastGroup = 16 << 20
)

// PrepareData prepares the data partition for its mount. It grows and formats it on the first
// start, and checks and repairs it on every other start. It calls say at each step, and during
// formatting each time that progressSize more bytes are on the disk.
func PrepareData(d Disk, check Checker, say func(string)) (Part, Result, error) {
	if p, err := d.Part(DataPart); err == nil {
		r, err := check.run(p, say)
		return p, r, err
	}
	p, err := d.Part(FreshPart)
	if err != nil {
		return p, Result{}, err
	}
	disk, err := os.OpenFile(d.Device, os.O_RDWR, 0)
	if err != nil {
		return p, Result{}, err
	}
	defer func() { _ = disk.Close() }()
	say("growing the data partition")
	if p.Size, err = GrowPartition(disk, d.Size, FreshPart); err != nil {
		return p, Result{}, err
	}
	if err := resizeInKernel(disk, p); err != nil {
		return p, Result{}, fmt.Errorf("the kernel keeps the old size: %w", err)
	}
	formatting := func() { say("formatting the data partition") }
	formatting()
	if err := formatExt4(p.Device, p.Size*Sector, formatting); err != nil {
		return p, Result{}, err
	}
	if err := RenamePartition(disk, d.Size, FreshPart, DataPart); err != nil {
		return p, Result{}, err
	}
	p.Name = DataPart
	return p, Result{Formatted: true, Size: p.Size * Sector}, nil
}

// progressSize is the number of bytes between two progress reports. A card that writes 1 MB/s
// reports every 8 seconds.
const progressSize = 8 << 20

// progressFile is a disk that reports progress after the data is on the medium, not in memory.
type progressFile struct {
	*os.File
	progress   func()
	unreported int // bytes since the last report
}

// WriteAt implements io.WriterAt.
func (r *progressFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := r.File.WriteAt(b, at)
	if r.unreported += n; err == nil && r.unreported >= progressSize {
		if err = r.Sync(); err == nil {
			r.unreported = 0
			r.progress()
		}
	}
	return n, err
}

// formatExt4 makes an ext4 file system with a journal. It calls progress each time that
// progressSize more bytes are on the disk.
func formatExt4(device string, size int64, progress func()) error {
	f, err := os.OpenFile(device, os.O_RDWR|unix.O_EXCL, 0) // O_EXCL: the kernel refuses a partition that is in use
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	store := file.New(&progressFile{File: f, progress: progress}, false)
	if rest := size % groupSize; size > groupSize && rest < minLastGroup {
		size -= rest
	}
	_, err = ext4.Create(store, size, 0, Sector, &ext4.Params{
		SectorsPerBlock: 8, VolumeName: "livelearn", InodeCount: uint32((size + groupSize - 1) / groupSize * filesPerGroup),
		// The file system never grows again, and with this feature e2fsck reports errors from 32 GB on.
		Features: []ext4.FeatureOpt{ext4.WithFeatureReservedGDTBlocksForExpansion(false)},
	})
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return f.Sync()
}

// Offsets in a superblock of ext4 (kernel documentation, ext4/super.rst).
const (
	superblockOffset = 1024
	magicOffset      = 0x38 // 0xEF53
	stateOffset      = 0x3A // 1: cleanly unmounted, 2: errors
	incompatOffset   = 0x60 // 4: the journal must be replayed
	errorsOffset     = 0x194
)

// ErrFileSystem means that the data partition holds no readable file system. It is not formatted,
// because a person may still recover its content.
var ErrFileSystem = errors.New("the data partition holds no file system that can be read")

// checkFileSystem reads the superblock before the kernel does.
func checkFileSystem(p Part) (Result, error) {
	f, err := os.Open(p.Device)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = f.Close() }()
	return readSuperblock(f, p.Size*Sector)
}

func readSuperblock(f io.ReaderAt, size int64) (Result, error) {
	var s [1024]byte
	if _, err := f.ReadAt(s[:], superblockOffset); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrFileSystem, err)
	}
	le := binary.LittleEndian
	if le.Uint16(s[magicOffset:]) != 0xEF53 {
		return Result{}, ErrFileSystem
	}
	r := Result{Size: size, Errors: le.Uint32(s[errorsOffset:]), Unclean: le.Uint32(s[incompatOffset:])&4 != 0}
	if le.Uint16(s[stateOffset:])&2 != 0 && r.Errors == 0 {
		r.Errors = 1
	}
	return r, nil
}

// resizeInKernel sets the size of a partition in the kernel (blkpg.h).
func resizeInKernel(disk *os.File, p Part) error {
	type partition struct {
		start, length int64 // bytes
		number        int32
		_             [128]byte // names, not used
		_             [4]byte
	}
	type request struct {
		op, flags, length, _ int32
		data                 unsafe.Pointer
	}
	const resize = 3 // BLKPG_RESIZE_PARTITION
	part := partition{start: p.Start * Sector, length: p.Size * Sector, number: int32(p.Number)}
	r := request{op: resize, length: int32(unsafe.Sizeof(part)), data: unsafe.Pointer(&part)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, disk.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&r)))
	if errno != 0 {
		return errno
	}
	return nil
}
