package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
)

// checkCmd is `image check`.
type checkCmd struct {
	File string `arg:"" help:"The image." type:"existingfile"`
}

// Run checks an image. It checks that the firmware finds its files, and that the image holds no
// forbidden content.
func (c *checkCmd) Run() error {
	if err := checkImage(c.File); err != nil {
		return err
	}
	fmt.Println(c.File + ": good")
	return nil
}

// requiredFile is a file that a machine needs to start.
type requiredFile struct {
	part, name string
	models     string
	verify     func([]byte) error
}

// piRequirements returns the files of a card by the documentation of Raspberry Pi: the boot flow, the content
// of the boot folder, config.txt and autoboot.txt.
func piRequirements(root string) []requiredFile {
	return []requiredFile{
		{"boot", "autoboot.txt", "all: which partition to start from", containsAll("tryboot_a_b=1", "boot_partition=2", "[tryboot]", "boot_partition=3")},
		{"boot", "bootcode.bin", "3, Zero 2 W: their ROM reads it from the first FAT partition", nil},
		{"boot-a", "config.txt", "all", checkUnfiltered("arm_64bit=1", "kernel=vmlinuz")},
		{"boot-a", "start.elf", "3, Zero 2 W", isELF},
		{"boot-a", "fixup.dat", "3, Zero 2 W", nil},
		{"boot-a", "start4.elf", "4, 400, CM4 (5: its EEPROM has it)", isELF},
		{"boot-a", "fixup4.dat", "4, 400, CM4", nil},
		{"boot-a", "vmlinuz", "all", isARM64Kernel},
		{"boot-a", "bcm2710-rpi-zero-2-w.dtb", "Zero 2 W", isDeviceTree},
		{"boot-a", "bcm2711-rpi-4-b.dtb", "4", isDeviceTree},
		{"boot-a", "bcm2712-rpi-5-b.dtb", "5", isDeviceTree},
		{"boot-a", "bcm2712-d-rpi-5-b.dtb", "5, stepping D0", isDeviceTree},
		{"boot-a", "overlays/overlay_map.dtb", "4, 5: finds overlays by model", isDeviceTree},
		{"boot-a", "cmdline.txt", "all", containsAll(slots.KernelOptions(hal.SlotA, root))},
	}
}

// efiRequirements returns the required files of a disk for EFI.
func efiRequirements(arch, root string) []requiredFile {
	kernel := isPE
	return []requiredFile{
		{"boot", strings.TrimPrefix(loaderFile[arch][1], "/"), "UEFI specification 3.5.1.1", isPE},
		{"boot", "loader/loader.conf", "systemd-boot", containsAll("timeout 0", "editor no")},
		{"boot", "loader/entries/livelearn-a.conf", "Boot Loader Specification", containsAll("linux /a/vmlinuz", slots.KernelOptions(hal.SlotA, root))},
		{"boot", "a/vmlinuz", "a kernel with an EFI stub", kernel},
	}
}

func containsAll(parts ...string) func([]byte) error {
	return func(data []byte) error {
		for _, p := range parts {
			if !bytes.Contains(data, []byte(p)) {
				return fmt.Errorf("does not hold %q", p)
			}
		}
		return nil
	}
}

// checkUnfiltered checks that a config.txt means the same to each EEPROM. An EEPROM that does not know a
// filter applies the lines after it.
func checkUnfiltered(parts ...string) func([]byte) error {
	return func(data []byte) error {
		if bytes.Contains(data, []byte("[")) {
			return errors.New("has a filter, which an old EEPROM does not know")
		}
		return containsAll(parts...)(data)
	}
}

// checkCommandLine checks that an update finds cmdline.txt in a boot partition, and that the file
// is for slot.
func checkCommandLine(boot io.ReaderAt, slot hal.Slot, root string) error {
	want, at, err := slots.CommandLine(boot, slot, root)
	if err != nil {
		return err
	}
	if want == nil {
		return errors.New("cmdline.txt: not the first file, or more than 512 bytes: an update does not find it")
	}
	got := make([]byte, len(want))
	if _, err := boot.ReadAt(got, at); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("cmdline.txt: is not for slot %s", slot)
	}
	return nil
}

func startsWith(what, magic string, at int) func([]byte) error {
	return func(data []byte) error {
		if len(data) < at+len(magic) || string(data[at:at+len(magic)]) != magic {
			return errors.New("is no " + what)
		}
		return nil
	}
}

var (
	isELF         = startsWith("ELF", "\x7fELF", 0)
	isPE          = startsWith("EFI program", "MZ", 0)
	isDeviceTree  = startsWith("device tree", "\xd0\x0d\xfe\xed", 0)
	isARM64Kernel = startsWith("kernel for arm64", "ARM\x64", 56) // booting.rst of the kernel's documentation
)

// checkImage checks an image file.
func checkImage(name string) error {
	disk, err := file.OpenFromPath(name, true)
	if err != nil {
		return err
	}
	defer func() { _ = disk.Close() }()
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	table, err := gpt.Read(disk, sector, sector)
	if err != nil {
		return err
	}
	if err := table.Verify(disk, uint64(info.Size())); err != nil {
		return err
	}
	parts := map[string]*gpt.Partition{}
	for _, p := range table.Partitions {
		if p.Type != gpt.Unused {
			parts[p.Name] = p
		}
	}
	if parts["root-a"] == nil || parts["root-b"] == nil || parts["data-new"] == nil {
		return errors.New("a partition is missing: root-a, root-b, data-new")
	}
	root := slots.RootByID(parts["root-a"].GUID)
	arch, needs := "amd64", efiRequirements("amd64", root)
	switch {
	case parts["boot-a"] != nil:
		arch, needs = "arm64", piRequirements(root)
		if err := errors.Join(checkHybrid(disk), checkCommandLine(section(disk, parts["boot-a"]), hal.SlotA, root)); err != nil {
			return err
		}
	case hasFile(disk, parts["boot"], "EFI/BOOT/BOOTAA64.EFI"):
		arch, needs = "arm64", efiRequirements("arm64", root)
	}
	var faults []error
	for _, n := range needs {
		if err := n.checkIn(disk, parts[n.part]); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s (for %s): %w", n.part, n.name, n.models, err))
		}
	}
	return errors.Join(append(faults, checkRoot(disk, parts["root-a"], arch))...)
}

func (n requiredFile) checkIn(disk backend.Storage, p *gpt.Partition) error {
	if p == nil {
		return errors.New("there is no such partition")
	}
	data, err := readFAT(disk, p, n.name)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errors.New("is empty")
	}
	if n.verify != nil {
		return n.verify(data)
	}
	return nil
}

func readFAT(disk backend.Storage, p *gpt.Partition, name string) ([]byte, error) {
	fsys, err := fat32.Read(disk, int64(p.Size), p.GetStart(), sector)
	if err != nil {
		return nil, err
	}
	f, err := fsys.OpenFile("/"+name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

func section(disk backend.Storage, p *gpt.Partition) io.ReaderAt {
	return io.NewSectionReader(disk, p.GetStart(), int64(p.Size))
}

func hasFile(disk backend.Storage, p *gpt.Partition, name string) bool {
	if p == nil {
		return false
	}
	_, err := readFAT(disk, p, name)
	return err == nil
}

// checkHybrid checks that the MBR shows the first three partitions to old firmware.
func checkHybrid(disk backend.Storage) error {
	b := make([]byte, sector)
	if _, err := disk.ReadAt(b, 0); err != nil {
		return err
	}
	kinds := []byte{b[446+4], b[462+4], b[478+4], b[494+4]}
	if !bytes.Equal(kinds, []byte{0x0c, 0x0c, 0x0c, 0xee}) || binary.LittleEndian.Uint32(b[494+8:]) != 1 || b[510] != 0x55 || b[511] != 0xaa {
		return fmt.Errorf("the MBR has partitions of the kinds %x", kinds)
	}
	return nil
}

// bannedText are bytes that no image may hold: private keys, and debugging over the network.
var bannedText = []string{"-----BEGIN PRIVATE KEY", "-----BEGIN EC PRIVATE KEY", "-----BEGIN RSA PRIVATE KEY", "-----BEGIN OPENSSH PRIVATE KEY"}

// rootFiles are the files of a root file system.
type rootFiles interface {
	fs.ReadDirFS
	fs.ReadFileFS
}

// rootCheck is a check of a root file system.
type rootCheck struct {
	fsys     rootFiles
	arch     string
	packages map[string]string // files of Debian packages: path -> SHA-256
	seen     map[string]bool
	needs    map[string]string // name of a library -> a program that needs it
	faults   []error
}

// ownFolders hold files that come from no package, next to the program.
var ownFolders = []string{"lib/modules/", "usr/share/livelearn/"}

// checkRoot checks the root file system. It must hold our program for the right processor, the modules of
// the kernel and the locked files of Debian packages, and no other program, library or firmware.
func checkRoot(disk backend.Storage, p *gpt.Partition, arch string) error {
	fsys, err := squashfs.Read(disk, int64(p.Size), p.GetStart(), 0)
	if err != nil {
		return err
	}
	return checkRootFiles(fsys, arch)
}

func checkRootFiles(fsys rootFiles, arch string) error {
	text, err := fsys.ReadFile("usr/share/livelearn/release.json")
	if err != nil {
		return fmt.Errorf("usr/share/livelearn/release.json: %w", err)
	}
	var about release
	if err := json.Unmarshal(text, &about); err != nil {
		return fmt.Errorf("usr/share/livelearn/release.json: %w", err)
	}
	c := &rootCheck{fsys: fsys, arch: arch, seen: map[string]bool{}, needs: map[string]string{}}
	if c.packages, err = packageSums(about.Board, arch); err != nil {
		return err
	}
	c.walk(".")
	for _, name := range append(slices.Sorted(maps.Keys(c.packages)), "livelearn") {
		if !c.seen[name] {
			c.faults = append(c.faults, fmt.Errorf("%s: is missing", name))
		}
	}
	libs := map[string]bool{}
	for name := range c.seen {
		libs[path.Base(name)] = true
	}
	for lib, by := range c.needs {
		if !libs[lib] {
			c.faults = append(c.faults, fmt.Errorf("%s: needs %s, which is not there", by, lib))
		}
	}
	return errors.Join(c.faults...)
}

func (c *rootCheck) walk(dir string) {
	list, err := c.fsys.ReadDir(dir)
	if err != nil {
		c.faults = append(c.faults, fmt.Errorf("%s: %w", dir, err))
		return
	}
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			c.walk(name)
			continue
		}
		c.seen[name] = true
		if err := c.checkFile(name, e); err != nil {
			c.faults = append(c.faults, fmt.Errorf("%s: %w", name, err))
		}
	}
}

func (c *rootCheck) checkFile(name string, e fs.DirEntry) error {
	data, err := c.fsys.ReadFile(name)
	if err != nil {
		return err
	}
	if sum, ok := c.packages[name]; ok {
		if fileDigest(data) != sum {
			return errors.New("is not the file of the locked package")
		}
		return c.checkLibraries(name, e, data)
	}
	program := bytes.HasPrefix(data, []byte("\x7fELF")) || bytes.HasPrefix(data, []byte("#!"))
	switch {
	case name == "livelearn":
		return checkProgram(data, c.arch)
	case program && !strings.HasSuffix(name, ".ko"):
		return errors.New("is a program that is in no locked package")
	case !slices.ContainsFunc(ownFolders, func(dir string) bool { return strings.HasPrefix(name, dir) }):
		return errors.New("is in no locked package")
	case slices.Contains([]string{"passwd", "shadow", "authorized_keys", "gokr-pw.txt"}, e.Name()):
		return errors.New("has users or passwords")
	}
	for _, b := range bannedText {
		if bytes.Contains(data, []byte(b)) {
			return errors.New("holds a private key")
		}
	}
	return nil
}

// checkLibraries notes the libraries that a program of a package needs. A program must be executable.
func (c *rootCheck) checkLibraries(name string, e fs.DirEntry, data []byte) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	if isProgram(name) != (info.Mode().Perm()&0o111 != 0) {
		return fmt.Errorf("has the mode %v", info.Mode().Perm())
	}
	if !bytes.HasPrefix(data, []byte("\x7fELF")) {
		return nil
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	libs, err := f.ImportedLibraries()
	for _, lib := range libs {
		c.needs[lib] = name
	}
	return err
}

func checkProgram(data []byte, arch string) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; f.Machine != want {
		return fmt.Errorf("is for %v and not for %s", f.Machine, arch)
	}
	if libs, _ := f.ImportedLibraries(); len(libs) > 0 {
		return fmt.Errorf("needs %v, which is not there", libs)
	}
	return nil
}
