// Package disk finds and prepares the partitions of an appliance: the boot partition, the two
// slots and the data partition. On the first start it grows the last partition to the end of the
// disk and formats it.
//
// Promises:
//   - A used data partition is never formatted. A fresh one is called FreshPart in the partition
//     table, and is renamed to DataPart only after its file system is complete.
//   - The partition table stays readable after a power cut at any write (table.go).
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Names of partitions in the table.
const (
	BootPart  = "boot"     // FAT, read by the firmware; livelearn.toml is there
	FreshPart = "data-new" // not formatted, as in the image
	DataPart  = "data"     // formatted
)

// Sector is the unit of sysfs and of the partition table, in bytes.
const Sector = 512

// Part is one partition.
type Part struct {
	Name   string // in the partition table
	Device string // "/dev/mmcblk0p3"
	Number int
	Start  int64 // sectors
	Size   int64 // sectors
}

// Disk is the disk that the system was started from.
type Disk struct {
	Device string // "/dev/mmcblk0"
	Size   int64  // sectors
	Parts  map[string]Part
}

// ErrNoDisk means that the root file system is not on a partition of a disk.
var ErrNoDisk = errors.New("the root file system is on no disk with partitions")

// Find finds the disk with the root file system. root is the file tree of the machine. dev is the
// "major:minor" number of the root file system.
func Find(root fs.FS, dev string) (Disk, error) {
	const class = "sys/class/block"
	disks, err := fs.ReadDir(root, class)
	if err != nil {
		return Disk{}, err
	}
	for _, e := range disks {
		d := Disk{Device: "/dev/" + e.Name(), Size: readNumber(root, path.Join(class, e.Name(), "size")), Parts: map[string]Part{}}
		entries, err := fs.ReadDir(root, path.Join(class, e.Name()))
		if err != nil {
			continue
		}
		ours := false
		for _, p := range entries {
			dir := path.Join(class, e.Name(), p.Name())
			if _, err := fs.Stat(root, path.Join(dir, "partition")); err != nil {
				continue
			}
			ours = ours || readText(root, path.Join(dir, "dev")) == dev
			part := readPart(root, dir)
			d.Parts[part.Name] = part
		}
		if ours {
			return d, nil
		}
	}
	return Disk{}, ErrNoDisk
}

// readPart reads a partition from its folder in sysfs.
func readPart(root fs.FS, dir string) Part {
	p := Part{
		Device: "/dev/" + path.Base(dir), Number: int(readNumber(root, path.Join(dir, "partition"))),
		Start: readNumber(root, path.Join(dir, "start")), Size: readNumber(root, path.Join(dir, "size")),
	}
	for line := range strings.Lines(readText(root, path.Join(dir, "uevent"))) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PARTNAME="); ok {
			p.Name = name
		}
	}
	return p
}

// maxFileSize bounds the read of one file, in bytes.
const maxFileSize = 4096

func readText(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, maxFileSize)
	n, _ := f.Read(b) // an unreadable file counts as empty
	return strings.TrimSpace(string(b[:n]))
}

func readNumber(root fs.FS, name string) int64 {
	n, err := strconv.ParseInt(readText(root, name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Part returns the partition with this name.
func (d Disk) Part(name string) (Part, error) {
	p, ok := d.Parts[name]
	if !ok {
		return Part{}, fmt.Errorf("%s has no partition %q", d.Device, name)
	}
	return p, nil
}
