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
var loaders embed.FS

const sector = 512

// layout is a partition table in the making.
type layout struct {
	table *gpt.Table
	next  int64 // byte
}

func newLayout() *layout {
	return &layout{&gpt.Table{LogicalSectorSize: sector, PhysicalSectorSize: sector, ProtectiveMBR: true, GUID: diskGUID}, mega}
}

// add adds a partition and gives where it begins.
func (l *layout) add(name, guid string, kind gpt.Type, size int64) int64 {
	start := l.next
	l.table.Partitions = append(l.table.Partitions, &gpt.Partition{
		Index: len(l.table.Partitions) + 1, Start: uint64(start / sector), End: uint64((start+size)/sector - 1),
		Size: uint64(size), Type: kind, Name: name, GUID: guid,
	})
	l.next += size
	return start
}

// write writes the image: the table, then what fill puts on it. It appears as a whole.
func (b *build) write(l *layout, fill func(backend.Storage, backend.WritableFile) error) error {
	size := l.next + mega // the table's copy is at the end
	disk, err := file.CreateFromPath(b.name(".img.part"), size)
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
	return os.Rename(b.name(".img.part"), b.name(".img"))
}

// efi writes a disk for machines with EFI: a partition that the firmware reads, two slots
// for the root file system, and what the box keeps.
func (b *build) efi() error {
	b.boot = filepath.Join(b.kernel, "vmlinuz")
	l := newLayout()
	boot := l.add("boot", bootGUID, gpt.EFISystemPartition, espSize)
	root := l.add("root-a", rootGUID["a"], gpt.LinuxFilesystem, rootSize)
	l.add("root-b", rootGUID["b"], gpt.LinuxFilesystem, rootSize)
	l.add("data-new", dataGUID, gpt.LinuxFilesystem, dataSize)
	return b.write(l, func(disk backend.Storage, w backend.WritableFile) error {
		if err := b.esp(disk, boot); err != nil {
			return err
		}
		return place(w, root, b.root)
	})
}

// loaderVersion is that of the package of Debian that the loader is from (boards/README.md).
const loaderVersion = "252.39-1~deb12u2"

// loaderFile is systemd-boot for the board, and where EFI looks for it on a disk that it does
// not know (UEFI specification 2.10, 3.5.1.1).
var loaderFile = map[string][2]string{
	"amd64": {"boards/pc/systemd-bootx64.efi", "/EFI/BOOT/BOOTX64.EFI"},
	"arm64": {"boards/virt/systemd-bootaa64.efi", "/EFI/BOOT/BOOTAA64.EFI"},
}

// esp fills the partition that EFI reads.
func (b *build) esp(disk backend.Storage, start int64) error {
	fsys, err := fat32.Create(disk, espSize, start, sector, "LIVELEARN", true)
	if err != nil {
		return err
	}
	for _, dir := range []string{"/EFI", "/EFI/BOOT", "/loader", "/loader/entries", "/a", "/b"} {
		if err := fsys.Mkdir(dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	l := loaderFile[b.board.arch]
	loader, err := loaders.ReadFile(l[0])
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
		{"/loader/entries/livelearn-a.conf", []byte(b.entry(hal.SlotA))},
		{"/a/vmlinuz", kernel},
		{"/livelearn.toml", []byte(settings)},
	} {
		if err := put(fsys, f.name, f.data); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// entry is a slot in the loader's menu, as hal/slots writes it for an update.
func (b *build) entry(slot hal.Slot) string {
	return fmt.Sprintf("title LiveLearn Box %s (slot %s)\nsort-key 99999999\nversion %s\nlinux /%s/vmlinuz\noptions %s %s\n",
		b.Version, slot, b.Version, slot, b.kernelOptions(), slots.KernelOptions(slot))
}

// kernelOptions are those that a bundle brings.
func (b *build) kernelOptions() string { return strings.TrimSpace(b.board.options() + " " + b.Options) }

// settings is the file that people may edit on any PC before the first start.
const settings = `# Settings of this LiveLearn Box. Lines that begin with # do nothing.
# "livelearn config print" shows all of them.
`

// putAll copies files, each to its name. The order is that of the names: the same each time.
func putAll(fsys *fat32.FileSystem, files map[string]string) error {
	for _, to := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[to])
		if err != nil {
			return err
		}
		if err := put(fsys, "/"+to, data); err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
	}
	return nil
}

func put(fsys *fat32.FileSystem, name string, data []byte) error {
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Close()
}

// place copies a file to its place on the disk.
func place(w io.WriterAt, at int64, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(io.NewOffsetWriter(w, at), f)
	return err
}
