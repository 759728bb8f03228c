package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
)

// Sizes of a Pi's FAT partitions, in bytes.
const (
	configSize = 64 * mega
	bootSize   = 192 * mega
)

// piFirmware is the module with the firmware that a Pi runs before the kernel.
const piFirmware = "github.com/gokrazy/firmware"

// autoboot is the first file that the firmware reads. It names the partition of an ordinary start,
// and the partition of a start that an update asked for (Raspberry Pi documentation, autoboot.txt).
const autoboot = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"

// piConfig is config.txt. It has no filter, because an EEPROM applies the lines of a filter that it
// does not know. Each slot has a cmdline.txt of its own (hal/slots/cmdline.go).
const piConfig = `arm_64bit=1
kernel=vmlinuz
os_check=0
disable_splash=1
enable_uart=0
gpu_mem=32
dtparam=i2c_arm=on
dtparam=watchdog=on
`

// writePi writes a card for Raspberry Pis. Its table is a GPT with an MBR that also has the first
// three partitions, because the firmware of older models reads only an MBR.
func (b *build) writePi() error {
	firmware, err := moduleDir(b.ctx, b.source, piFirmware)
	if err != nil {
		return err
	}
	b.boot = filepath.Join(b.work, "boot.fat")
	if err := b.makePiBoot(firmware); err != nil {
		return fmt.Errorf("boot partition: %w", err)
	}
	l := b.newLayout()
	config := l.addPartition("boot", gpt.MicrosoftBasicData, configSize)
	bootA := l.addPartition("boot-a", gpt.MicrosoftBasicData, bootSize)
	bootB := l.addPartition("boot-b", gpt.MicrosoftBasicData, bootSize)
	root := l.addPartition("root-a", gpt.LinuxFilesystem, rootSize)
	l.addPartition("root-b", gpt.LinuxFilesystem, rootSize)
	l.addPartition("data-new", gpt.LinuxFilesystem, dataSize)
	return b.writeImage(l, func(disk backend.Storage, w backend.WritableFile) error {
		mbr := hybridMBR([][2]int64{{config, configSize}, {bootA, bootSize}, {bootB, bootSize}})
		if _, err := w.WriteAt(mbr, 446); err != nil {
			return err
		}
		if err := b.fillPiFirst(disk, config, firmware); err != nil {
			return err
		}
		if err := copyAt(w, bootA, b.boot); err != nil {
			return err
		}
		cmdline, at, err := slots.CommandLine(io.NewSectionReader(disk, bootA, bootSize), hal.SlotA, slots.RootByID(b.partitionID("root-a")))
		if err != nil {
			return err
		}
		if _, err := w.WriteAt(cmdline, bootA+at); err != nil {
			return err
		}
		return copyAt(w, root, b.root)
	})
}

// hybridMBR returns the entries of an MBR: FAT partitions, and one entry that protects the GPT.
func hybridMBR(parts [][2]int64) []byte {
	b := make([]byte, 66)
	entry := func(i int, kind byte, start, size int64) {
		e := b[16*i:]
		copy(e[1:], []byte{0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff})
		binary.LittleEndian.PutUint32(e[8:], uint32(start/sector))
		binary.LittleEndian.PutUint32(e[12:], uint32(size/sector))
	}
	for i, p := range parts {
		entry(i, 0x0c, p[0], p[1])
	}
	entry(3, 0xee, sector, mega-sector)
	b[64], b[65] = 0x55, 0xaa
	return b
}

// fillPiFirst fills the first partition: the files that find the slots, and the files that people
// may edit.
func (b *build) fillPiFirst(disk backend.Storage, start int64, firmware string) error {
	bootcode, err := os.ReadFile(filepath.Join(firmware, "bootcode.bin"))
	if err != nil {
		return err
	}
	return makeFAT(disk, configSize, start, "LIVELEARN", func(fsys *fat32.FileSystem) error {
		for _, f := range []struct {
			name string
			data []byte
		}{{"/autoboot.txt", []byte(autoboot)}, {"/bootcode.bin", bootcode}, {"/livelearn.toml", []byte(settingsText)}} {
			if err := writeFATFile(fsys, f.name, f.data); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		return nil
	})
}

// makePiBoot makes the boot partition of a slot, which is part of a bundle: firmware, kernel,
// device trees. The file ends after its last used byte.
func (b *build) makePiBoot(firmware string) error {
	store, err := file.CreateFromPath(b.boot, bootSize)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	files := map[string]string{"vmlinuz": filepath.Join(b.kernel, "vmlinuz")}
	for _, pattern := range []string{
		filepath.Join(firmware, "start*.elf"), filepath.Join(firmware, "fixup*.dat"), filepath.Join(b.kernel, "*.dtb"), filepath.Join(b.kernel, "overlays", "*"),
	} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range list {
			if to := filepath.Base(name); !isUnneeded(to) {
				if filepath.Base(filepath.Dir(name)) == "overlays" {
					to = "overlays/" + to
				}
				files[to] = name
			}
		}
	}
	err = makeFAT(store, bootSize, 0, "BOOT", func(fsys *fat32.FileSystem) error {
		// An update looks for the first file, in which it sets the slot.
		if err := writeFATFile(fsys, "/cmdline.txt", []byte(b.kernelCmdline(slots.SlotOfBundles))); err != nil {
			return err
		}
		if err := writeFATFile(fsys, "/config.txt", []byte(piConfig)); err != nil {
			return err
		}
		if err := fsys.Mkdir("/overlays"); err != nil {
			return err
		}
		return writeFATFiles(fsys, files)
	})
	if err != nil {
		return err
	}
	if err := checkCommandLine(store, slots.SlotOfBundles, slots.RootByName(slots.SlotOfBundles)); err != nil {
		return err
	}
	return cutZeros(b.boot)
}

// isUnneeded reports whether a file is a firmware for cameras, for debugging or for little memory.
func isUnneeded(name string) bool {
	for _, ending := range []string{"_x.elf", "_x.dat", "4x.elf", "4x.dat", "_db.elf", "_db.dat", "4db.elf", "4db.dat", "_cd.elf", "_cd.dat", "4cd.elf", "4cd.dat"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

func (b *build) kernelCmdline(slot hal.Slot) string {
	return b.kernelOptions() + " " + slots.KernelOptions(slot, slots.RootByName(slot)) + "\n"
}

// cutZeros cuts the zeros at the end of a file, in whole megabytes.
func cutZeros(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	end := int64(0)
	buf := make([]byte, mega)
	for at := int64(0); ; at += mega {
		n, err := io.ReadFull(f, buf)
		if strings.Trim(string(buf[:n]), "\x00") != "" {
			end = at + mega
		}
		if err != nil {
			return f.Truncate(end)
		}
	}
}
