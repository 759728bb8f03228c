package main

import (
	"embed"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
)

//go:embed boards
var loaderFiles embed.FS

const sector = 512

// diskLayout is a partition table under construction.
type diskLayout struct {
	build *build
	table *gpt.Table
	next  int64 // byte
}

func (b *build) newLayout() *diskLayout {
	return &diskLayout{b, &gpt.Table{LogicalSectorSize: sector, PhysicalSectorSize: sector, ProtectiveMBR: true, GUID: b.partitionID("")}, mega}
}

// addPartition adds a partition and returns its first byte.
func (l *diskLayout) addPartition(name string, kind gpt.Type, size int64) int64 {
	start := l.next
	l.table.Partitions = append(l.table.Partitions, &gpt.Partition{
		Index: len(l.table.Partitions) + 1, Start: uint64(start / sector), End: uint64((start+size)/sector - 1),
		Size: uint64(size), Type: kind, Name: name, GUID: l.build.partitionID(name),
	})
	l.next += size
	return start
}

// writeImage writes the image: first the table, then the content from fill. The file appears when
// it is complete.
func (b *build) writeImage(l *diskLayout, fill func(backend.Storage, backend.WritableFile) error) error {
	size := l.next + mega // the copy of the table is at the end
	disk, err := file.CreateFromPath(b.outputPath(".img.part"), size)
	if err != nil {
		return err
	}
	defer func() { _ = disk.Close() }()
	w, err := disk.Writable()
	if err != nil {
		return err
	}
	if err := l.table.Write(w, size); err != nil {
		return err
	}
	if err := fill(disk, w); err != nil {
		return err
	}
	return os.Rename(b.outputPath(".img.part"), b.outputPath(".img"))
}

// writeEFI writes a disk for machines with EFI: a partition for the firmware, two slots for the
// root file system, and the data of the box.
func (b *build) writeEFI() error {
	b.boot = filepath.Join(b.kernel, "vmlinuz")
	l := b.newLayout()
	boot := l.addPartition("boot", gpt.EFISystemPartition, espSize)
	root := l.addPartition("root-a", gpt.LinuxFilesystem, rootSize)
	l.addPartition("root-b", gpt.LinuxFilesystem, rootSize)
	l.addPartition("data-new", gpt.LinuxFilesystem, dataSize)
	return b.writeImage(l, func(disk backend.Storage, w backend.WritableFile) error {
		if err := b.fillESP(disk, boot); err != nil {
			return err
		}
		return copyAt(w, root, b.root)
	})
}

// loaderVersion is the version of the Debian package of the loader (boards/README.md).
const loaderVersion = "252.39-1~deb12u2"

// loaderFile returns the file of systemd-boot for the board, and the path where EFI looks for it on
// an unknown disk (UEFI specification 2.10, 3.5.1.1).
var loaderFile = map[string][2]string{
	"amd64": {"boards/pc/systemd-bootx64.efi", "/EFI/BOOT/BOOTX64.EFI"},
	"arm64": {"boards/virt/systemd-bootaa64.efi", "/EFI/BOOT/BOOTAA64.EFI"},
}

// fillESP fills the EFI system partition.
func (b *build) fillESP(disk backend.Storage, start int64) error {
	return makeFAT(disk, espSize, start, "LIVELEARN", b.copyESP)
}

func (b *build) copyESP(fsys *fat32.FileSystem) error {
	for _, dir := range []string{"/EFI", "/EFI/BOOT", "/loader", "/loader/entries", "/a", "/b"} {
		if err := fsys.Mkdir(dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	l := loaderFile[b.board.arch]
	loader, err := loaderFiles.ReadFile(l[0])
	if err != nil {
		return err
	}
	kernel, err := os.ReadFile(b.kernel + "/vmlinuz")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{l[1], loader},
		{"/loader/loader.conf", []byte("timeout 0\neditor no\nauto-entries no\nauto-firmware no\n")},
		{"/loader/entries/livelearn-a.conf", []byte(b.loaderEntry(hal.SlotA))},
		{"/a/vmlinuz", kernel},
		{"/livelearn.toml", []byte(settingsText)},
	} {
		if err := writeFATFile(fsys, f.name, f.data); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// loaderEntry returns the menu entry of a slot in the form that hal/slots writes for an update.
func (b *build) loaderEntry(slot hal.Slot) string {
	return fmt.Sprintf("title LiveLearn Box %s (slot %s)\nsort-key 99999999\nversion %s\nlinux /%s/vmlinuz\noptions %s %s\n",
		b.Version, slot, b.Version, slot, b.kernelOptions(), slots.KernelOptions(slot, slots.RootByID(b.partitionID("root-"+string(slot)))))
}

// kernelOptions returns the options of a bundle.
func (b *build) kernelOptions() string {
	return strings.TrimSpace(b.board.kernelOptions() + " " + b.Options)
}

// settingsText is the settings file, which people can edit on any PC before the first start.
const settingsText = `# Settings of this LiveLearn Box. Lines that begin with # do nothing.
# "livelearn config print" shows all of them.
`

// writeFATFiles copies files to their names. It sorts by name, so the order is always the same.
func writeFATFiles(fsys *fat32.FileSystem, files map[string]string) error {
	for _, to := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[to])
		if err != nil {
			return err
		}
		if err := writeFATFile(fsys, "/"+to, data); err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
	}
	return nil
}

func writeFATFile(fsys *fat32.FileSystem, name string, data []byte) error {
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Close()
}

// copyAt copies a file to an offset of the disk.
func copyAt(w io.WriterAt, at int64, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(io.NewOffsetWriter(w, at), f)
	return err
}
