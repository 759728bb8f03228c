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

// piFirmware is the module of what a Pi runs before a kernel.
const piFirmware = "github.com/gokrazy/firmware"

// autoboot is what the firmware reads first: which partition to start from, and which one
// for a start that an update asked for (Raspberry Pi documentation, autoboot.txt).
const autoboot = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"

// piConfig is config.txt. The same one is in both slots: a filter by the partition that was
// started from picks the kernel's command line.
const piConfig = `arm_64bit=1
kernel=vmlinuz
os_check=0
disable_splash=1
enable_uart=0
gpu_mem=32
dtparam=i2c_arm=on
dtparam=watchdog=on
[boot_partition=2]
cmdline=cmdline-a.txt
[boot_partition=3]
cmdline=cmdline-b.txt
[all]
`

// pi writes a card for Raspberry Pis. Its table is a GPT with an MBR that has the first three
// partitions as well: firmware of older models knows no other.
func (b *build) pi() error {
	firmware, err := module(b.ctx, b.source, piFirmware)
	if err != nil {
		return err
	}
	b.boot = filepath.Join(b.work, "boot.fat")
	if err := b.piBoot(firmware); err != nil {
		return fmt.Errorf("boot partition: %w", err)
	}
	l := newLayout()
	config := l.add("boot", bootGUID, gpt.MicrosoftBasicData, configSize)
	bootA := l.add("boot-a", bootSlotGUID["a"], gpt.MicrosoftBasicData, bootSize)
	bootB := l.add("boot-b", bootSlotGUID["b"], gpt.MicrosoftBasicData, bootSize)
	root := l.add("root-a", rootGUID["a"], gpt.LinuxFilesystem, rootSize)
	l.add("root-b", rootGUID["b"], gpt.LinuxFilesystem, rootSize)
	l.add("data-new", dataGUID, gpt.LinuxFilesystem, dataSize)
	return b.write(l, func(disk backend.Storage, w backend.WritableFile) error {
		mbr := hybrid([][2]int64{{config, configSize}, {bootA, bootSize}, {bootB, bootSize}})
		if _, err := w.WriteAt(mbr, 446); err != nil {
			return err
		}
		if err := b.piFirst(disk, config, firmware); err != nil {
			return err
		}
		if err := place(w, bootA, b.boot); err != nil {
			return err
		}
		return place(w, root, b.root)
	})
}

// hybrid is the list of an MBR: partitions of a FAT, and one that protects the GPT.
func hybrid(parts [][2]int64) []byte {
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

// piFirst fills the first partition: what finds the slots, and what people may edit.
func (b *build) piFirst(disk backend.Storage, start int64, firmware string) error {
	fsys, err := fat32.Create(disk, configSize, start, sector, "LIVELEARN", true)
	if err != nil {
		return err
	}
	bootcode, err := os.ReadFile(filepath.Join(firmware, "bootcode.bin"))
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"/autoboot.txt", []byte(autoboot)}, {"/bootcode.bin", bootcode}, {"/livelearn.toml", []byte(settings)}} {
		if err := put(fsys, f.name, f.data); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// piBoot makes the boot partition of a slot, which is part of a bundle: firmware, kernel,
// device trees. What is behind its last file is left out of the file.
func (b *build) piBoot(firmware string) error {
	store, err := file.CreateFromPath(b.boot, bootSize)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	fsys, err := fat32.Create(store, bootSize, 0, sector, "BOOT", true)
	if err != nil {
		return err
	}
	files := map[string]string{"vmlinuz": filepath.Join(b.kernel, "vmlinuz")}
	for _, pattern := range []string{
		filepath.Join(firmware, "start*.elf"), filepath.Join(firmware, "fixup*.dat"), filepath.Join(b.kernel, "*.dtb"), filepath.Join(b.kernel, "overlays", "*"),
	} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range list {
			if to := filepath.Base(name); !unneeded(to) {
				if filepath.Base(filepath.Dir(name)) == "overlays" {
					to = "overlays/" + to
				}
				files[to] = name
			}
		}
	}
	if err := fsys.Mkdir("/overlays"); err != nil {
		return err
	}
	if err := putAll(fsys, files); err != nil {
		return err
	}
	for _, f := range [][2]string{{"/config.txt", piConfig}, {"/cmdline-a.txt", b.cmdline(hal.SlotA)}, {"/cmdline-b.txt", b.cmdline(hal.SlotB)}} {
		if err := put(fsys, f[0], []byte(f[1])); err != nil {
			return err
		}
	}
	return cutZeros(b.boot)
}

// unneeded are the firmware's versions for cameras, for debugging and for little memory.
func unneeded(name string) bool {
	for _, ending := range []string{"_x.elf", "_x.dat", "4x.elf", "4x.dat", "_db.elf", "_db.dat", "4db.elf", "4db.dat", "_cd.elf", "_cd.dat", "4cd.elf", "4cd.dat"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

func (b *build) cmdline(slot hal.Slot) string {
	return b.kernelOptions() + " " + slots.KernelOptions(slot) + "\n"
}

// cutZeros cuts a file behind its last byte that is not zero, in whole megabytes.
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
