// Package disk finds and prepares the partitions of an appliance: what the firmware reads,
// the two slots, and what the box keeps. On the first start the last partition is grown to
// the end of the disk and gets its file system.
//
// Promises:
//   - A partition that was ever used is never formatted: while it is fresh its name in the
//     partition table is Fresh, and it becomes Data when its file system is whole.
//   - The partition table can be read after a power cut at any write (table.go).
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// The names of partitions in the table.
const (
	Boot  = "boot"     // FAT, read by the firmware; livelearn.toml is there
	Fresh = "data-new" // as the image brings it
	Data  = "data"     // with a file system
)

// Sector is the unit of sysfs and of the tables that we write, in bytes.
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

// ErrNoDisk tells that the root file system is on no partition of a disk.
var ErrNoDisk = errors.New("the root file system is on no disk with partitions")

// Find finds the disk that has the partition of the root file system. root is the folder of
// the machine's files; dev is "major:minor" of the root file system.
func Find(root fs.FS, dev string) (Disk, error) {
	const class = "sys/class/block"
	disks, err := fs.ReadDir(root, class)
	if err != nil {
		return Disk{}, err
	}
	for _, e := range disks {
		d := Disk{Device: "/dev/" + e.Name(), Size: number(root, path.Join(class, e.Name(), "size")), Parts: map[string]Part{}}
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
			ours = ours || text(root, path.Join(dir, "dev")) == dev
			part := readPart(root, dir)
			d.Parts[part.Name] = part
		}
		if ours {
			return d, nil
		}
	}
	return Disk{}, ErrNoDisk
}

// readPart reads a partition's folder of sysfs.
func readPart(root fs.FS, dir string) Part {
	p := Part{
		Device: "/dev/" + path.Base(dir), Number: int(number(root, path.Join(dir, "partition"))),
		Start: number(root, path.Join(dir, "start")), Size: number(root, path.Join(dir, "size")),
	}
	for line := range strings.Lines(text(root, path.Join(dir, "uevent"))) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PARTNAME="); ok {
			p.Name = name
		}
	}
	return p
}

// maxText bounds what is read of one file, in bytes.
const maxText = 4096

func text(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, maxText)
	n, _ := f.Read(b) // what cannot be read is not there
	return strings.TrimSpace(string(b[:n]))
}

func number(root fs.FS, name string) int64 {
	n, err := strconv.ParseInt(text(root, name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Part is the partition called so.
func (d Disk) Part(name string) (Part, error) {
	p, ok := d.Parts[name]
	if !ok {
		return Part{}, fmt.Errorf("%s has no partition %q", d.Device, name)
	}
	return p, nil
}
