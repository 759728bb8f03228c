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

// Result is what was done to the data partition, and how it is.
type Result struct {
	Formatted bool
	Size      int64  // bytes
	Errors    uint32 // that the kernel has met in the file system since it was made
	Unclean   bool   // the power went while it was in use; the kernel mends that by its journal
}

// String is a word on it for the admin page.
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
	return s
}

// An ext4 file system is made of groups of 128 MiB. Each has room for 2048 files, one for 64
// KiB: a box has a few thousand files and not millions, and each costs a card 256 bytes of
// writing at the first start.
//
// The number is given and not left to the library, which makes one that fills no whole blocks
// of some sizes of disks. Linux says "something is wrong with group 0" of these seconds after
// they are mounted, and writes no more; e2fsck finds no fault.
const (
	groupSize     = 128 << 20
	filesPerGroup = 2048
	// A last group that is smaller has no room for its own tables on large disks.
	leastGroup = 16 << 20
)

// Prepare makes the data partition ready to be mounted: grown and formatted on the first
// start, looked at on each. say tells people what takes its time.
func Prepare(d Disk, say func(string)) (Part, Result, error) {
	if p, err := d.Part(Data); err == nil {
		r, err := examine(p)
		return p, r, err
	}
	p, err := d.Part(Fresh)
	if err != nil {
		return p, Result{}, err
	}
	disk, err := os.OpenFile(d.Device, os.O_RDWR, 0)
	if err != nil {
		return p, Result{}, err
	}
	defer func() { _ = disk.Close() }()
	say("growing the data partition")
	if p.Size, err = Grow(disk, d.Size, Fresh); err != nil {
		return p, Result{}, err
	}
	if err := tellKernel(disk, p); err != nil {
		return p, Result{}, fmt.Errorf("the kernel keeps the old size: %w", err)
	}
	say("formatting the data partition")
	if err := format(p.Device, p.Size*Sector); err != nil {
		return p, Result{}, err
	}
	if err := Rename(disk, d.Size, Fresh, Data); err != nil {
		return p, Result{}, err
	}
	p.Name = Data
	return p, Result{Formatted: true, Size: p.Size * Sector}, nil
}

// format makes an ext4 file system with a journal.
func format(device string, size int64) error {
	store, err := file.OpenFromPath(device, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if rest := size % groupSize; size > groupSize && rest < leastGroup {
		size -= rest
	}
	_, err = ext4.Create(store, size, 0, Sector, &ext4.Params{
		SectorsPerBlock: 8, VolumeName: "livelearn", InodeCount: uint32((size + groupSize - 1) / groupSize * filesPerGroup),
		// It is as large as it will ever be, and with this e2fsck finds fault from 32 GB on.
		Features: []ext4.FeatureOpt{ext4.WithFeatureReservedGDTBlocksForExpansion(false)},
	})
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	f, err := store.Sys()
	if err != nil {
		return err
	}
	return f.Sync()
}

// Where a superblock of ext4 has what we look at (the kernel's documentation, ext4/super.rst).
const (
	superAt    = 1024
	magicAt    = 0x38 // 0xEF53
	stateAt    = 0x3A // 1: cleanly unmounted, 2: errors
	incompatAt = 0x60 // 4: the journal must be replayed
	errorsAt   = 0x194
)

// ErrFileSystem tells that the data partition holds no file system that can be read. It is
// not made anew: what was there may still be saved by a person.
var ErrFileSystem = errors.New("the data partition holds no file system that can be read")

// examine looks at the superblock before the kernel does.
func examine(p Part) (Result, error) {
	f, err := os.Open(p.Device)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = f.Close() }()
	return super(f, p.Size*Sector)
}

func super(f io.ReaderAt, size int64) (Result, error) {
	var s [1024]byte
	if _, err := f.ReadAt(s[:], superAt); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrFileSystem, err)
	}
	le := binary.LittleEndian
	if le.Uint16(s[magicAt:]) != 0xEF53 {
		return Result{}, ErrFileSystem
	}
	r := Result{Size: size, Errors: le.Uint32(s[errorsAt:]), Unclean: le.Uint32(s[incompatAt:])&4 != 0}
	if le.Uint16(s[stateAt:])&2 != 0 && r.Errors == 0 {
		r.Errors = 1
	}
	return r, nil
}

// tellKernel tells the kernel a partition's new size (blkpg.h).
func tellKernel(disk *os.File, p Part) error {
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
