package slots

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/haltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeMachine is a machine with a FAT partition in a folder and slots in files.
type fakeMachine struct {
	t     *testing.T
	dir   string
	cut   int  // changes until the power goes, -1 means never
	flag  bool // of tryboot, for the next start
	old   bool // the EEPROM does not know filters of partitions
	asked bool
	slots hal.Slots
	start func(*fakeMachine) hal.Slot            // the firmware's rules
	make  func(*fakeMachine, hal.Slot) hal.Slots // of the system
}

func (d *fakeMachine) Start() hal.Slot {
	d.asked = false
	slot := d.start(d)
	d.flag = false // the flag lasts for one start
	d.slots = d.make(d, slot)
	return slot
}

func (d *fakeMachine) Slots() hal.Slots    { return d.slots }
func (d *fakeMachine) Restarted() bool     { return d.asked }
func (d *fakeMachine) CutPowerAfter(n int) { d.cut = n }

func (d *fakeMachine) folder() Folder {
	return Folder{Dir: d.dir, beforeChange: func() error {
		if d.cut == 0 {
			return haltest.ErrPowerCut
		}
		d.cut--
		return nil
	}}
}

func (d *fakeMachine) reboot(_ context.Context, arg string) error {
	d.asked, d.flag = true, arg == "0 tryboot"
	return nil
}

func (d *fakeMachine) write(name, text string) string {
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func testOptions(s hal.Slot) string { return "root=" + string(s) + " -- init" }

// newEFI returns a PC like the one that the image makes.
func newEFI(t *testing.T) haltest.SlotMachine {
	d := &fakeMachine{t: t, dir: t.TempDir(), cut: -1, start: systemdBoot}
	d.write("a/vmlinuz", "one")
	d.write("b/.keep", "")
	d.write("loader/entries/livelearn-a.conf", "title x\nsort-key 99999999\nversion 1\nlinux /a/vmlinuz\noptions "+testOptions("a")+"\n")
	roots := map[hal.Slot]string{hal.SlotA: d.write("root-a", "one"), hal.SlotB: d.write("root-b", "---")}
	d.make = func(d *fakeMachine, booted hal.Slot) hal.Slots {
		return &EFI{Folder: d.folder(), Booted: booted, Roots: roots, Options: testOptions, Reboot: d.reboot}
	}
	return d
}

// systemdBoot starts an entry by the rules of systemd-boot 252. It sorts entries without tries
// last, then by sort-key. It lowers a counter by a rename (boot.c, config_entry_compare and
// config_entry_bump_counters; Automatic Boot Assessment).
func systemdBoot(d *fakeMachine) hal.Slot {
	type item struct {
		file, key string
		slot      hal.Slot
		left      int // -1: not counted
		done      int
	}
	name := regexp.MustCompile(`^livelearn-(.)(\+(\d+)(-(\d+))?)?\.conf$`)
	dir := filepath.Join(d.dir, "loader/entries")
	files, err := os.ReadDir(dir)
	if err != nil {
		d.t.Fatal(err)
	}
	var list []item
	for _, f := range files {
		m := name.FindStringSubmatch(f.Name())
		if m == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			d.t.Fatal(err)
		}
		_, key, _ := strings.Cut(string(text), "sort-key ")
		i := item{file: f.Name(), key: strings.Fields(key)[0], left: -1}
		_, linux, _ := strings.Cut(string(text), "linux /")
		i.slot = hal.Slot(linux[:1])
		if m[2] != "" {
			i.left, _ = strconv.Atoi(m[3])
			i.done, _ = strconv.Atoi(m[5])
		}
		if !strings.Contains(string(text), "root="+string(i.slot)) {
			d.t.Errorf("entry %s starts kernel %s with another root: %s", f.Name(), i.slot, text)
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b item) int {
		dead := func(i item) int { return map[bool]int{true: 1}[i.left == 0] }
		return cmp.Or(cmp.Compare(dead(a), dead(b)), strings.Compare(a.key, b.key), -strings.Compare(a.file, b.file))
	})
	if len(list) == 0 {
		d.t.Fatal("the menu is empty: the machine does not start")
	}
	first := list[0]
	if first.left == 0 {
		d.t.Fatalf("no entry has tries left: %+v", list)
	}
	if first.left > 0 {
		to := fmt.Sprintf("livelearn-%s+%d-%d.conf", first.slot, first.left-1, first.done+1)
		if err := os.Rename(filepath.Join(dir, first.file), filepath.Join(dir, to)); err != nil {
			d.t.Fatal(err)
		}
	}
	return first.slot
}

// pi is a double with boot partitions from a bundle.
type pi struct{ *fakeMachine }

// Bundle implements haltest's bundler.
func (pi) Bundle(part, content string) []byte {
	if part == hal.PartRoot {
		return []byte(content)
	}
	return bootPart(content, hal.SlotB, "arm_64bit=1\nkernel=vmlinuz\n")
}

// bootPart returns a FAT with the necessary files. Each file is in the only sector of its cluster:
// the boot sector, a FAT, the root folder (cluster 2), cmdline.txt, config.txt.
func bootPart(content string, slot hal.Slot, config string) []byte {
	b := make([]byte, 5*512)
	copy(b, content) // a PC has a jump to its loader here
	binary.LittleEndian.PutUint16(b[11:], 512)
	b[13], b[14], b[16], b[36], b[44] = 1, 1, 1, 1, 2
	copy(b[3*512:], "quiet console=tty1 "+KernelOptions(slot, RootByName(slot))+"\n")
	copy(b[4*512:], config)
	return b
}

// newTryboot returns a Pi like the one that the image makes. old selects an EEPROM from before
// 2025-03-10.
func newTryboot(old bool) func(*testing.T) haltest.SlotMachine {
	return func(t *testing.T) haltest.SlotMachine { return newPi(t, old) }
}

func newPi(t *testing.T, old bool) pi {
	d := &fakeMachine{t: t, dir: t.TempDir(), cut: -1, old: old, start: piFirmware}
	d.write("autoboot.txt", "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
	parts := map[hal.Slot]map[string]string{
		hal.SlotA: {hal.PartBoot: d.write("p2", string(bootPart("one", hal.SlotA, ""))), hal.PartRoot: d.write("p4", "one")},
		hal.SlotB: {hal.PartBoot: d.write("p3", "---"), hal.PartRoot: d.write("p5", "---")},
	}
	d.make = func(d *fakeMachine, booted hal.Slot) hal.Slots {
		return &Tryboot{Folder: d.folder(), Booted: booted, Parts: parts, Root: RootByName, Reboot: d.reboot}
	}
	return pi{d}
}

// piFirmware starts a partition by the rules of a Pi's firmware: boot_partition of the section that
// applies. [tryboot] applies to a start with the flag (Raspberry Pi documentation, config.txt,
// autoboot.txt).
func piFirmware(d *fakeMachine) hal.Slot {
	text, err := os.ReadFile(filepath.Join(d.dir, "autoboot.txt"))
	if err != nil {
		d.t.Fatal(err)
	}
	partition, applies := "", true
	for line := range strings.FieldsSeq(string(text)) {
		switch {
		case line == "[all]":
			applies = true
		case line == "[tryboot]":
			applies = d.flag
		case strings.HasPrefix(line, "["):
			applies = false
		case applies && strings.HasPrefix(line, "boot_partition="):
			partition = strings.TrimPrefix(line, "boot_partition=")
		}
	}
	slot, ok := map[string]hal.Slot{"2": hal.SlotA, "3": hal.SlotB}[partition]
	if !ok {
		d.t.Fatalf("the firmware finds no partition in %q", text)
	}
	if line := d.commandLine(partition); !strings.Contains(line, KernelOptions(slot, RootByName(slot))) {
		d.t.Errorf("the kernel of partition %s panics: it is started with %q", partition, line)
	}
	return slot
}

// commandLine returns the command line with which a Pi's firmware starts the kernel of a partition:
// the file that config.txt names (cmdline), otherwise cmdline.txt. A filter that the firmware does
// not know applies (raspberrypi/firmware#1839). Before 2025-03-10, [boot_partition=N] is such a
// filter.
func (d *fakeMachine) commandLine(partition string) string {
	boot, err := os.ReadFile(filepath.Join(d.dir, "p"+partition))
	if err != nil || len(boot) < 5*512 {
		d.t.Fatalf("partition %s: %d bytes, %v", partition, len(boot), err)
	}
	file, applies := "cmdline.txt", true
	for line := range strings.Lines(strings.Trim(string(boot[4*512:]), "\x00")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[boot_partition=") {
			applies = d.old || line == "[boot_partition="+partition+"]"
		} else if strings.HasPrefix(line, "[") {
			applies = true
		}
		if name, ok := strings.CutPrefix(line, "cmdline="); ok && applies {
			file = name
		}
	}
	switch file {
	case "cmdline.txt":
		return strings.Trim(string(boot[3*512:4*512]), "\x00")
	case "cmdline-a.txt":
		return KernelOptions(hal.SlotA, RootByName(hal.SlotA))
	case "cmdline-b.txt":
		return KernelOptions(hal.SlotB, RootByName(hal.SlotB))
	}
	d.t.Fatalf("no file %q", file)
	return ""
}

func TestEFI(t *testing.T) { haltest.TestSlots(t, newEFI) }

func TestTryboot(t *testing.T) {
	t.Run("new EEPROM", func(t *testing.T) { haltest.TestSlots(t, newTryboot(false)) })
	t.Run("old EEPROM", func(t *testing.T) { haltest.TestSlots(t, newTryboot(true)) })
}

// readBoot reads a boot partition to its end.
func readBoot(t *testing.T, s hal.Slots, slot hal.Slot) []byte {
	t.Helper()
	p, err := s.Open(slot, hal.PartBoot, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	data, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Neighbours and the next update compare a slot with the sums of its bundle.
func TestABootPartitionReadsAsItWasSigned(t *testing.T) {
	m := newPi(t, true)
	want := m.Bundle(hal.PartBoot, "one")
	m.Start()
	got := readBoot(t, m.slots, hal.SlotA)
	if copy(want[4*512:], got[4*512:]); !bytes.Equal(got, want) { // the first config.txt is another
		t.Error("a whole read of slot a gives other bytes than its bundle has")
	}
	p, err := m.slots.Open(hal.SlotA, hal.PartBoot, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	for _, off := range []int64{0, 3*512 - 10, 3 * 512, 3*512 + 40, 4*512 - 1} {
		b := make([]byte, 100)
		if n, err := p.ReadAt(b, off); err != nil || !bytes.Equal(b[:n], want[off:off+100]) {
			t.Errorf("at %d: %q, want %q: %v", off, b, want[off:off+100], err)
		}
	}
}

// After a power cut a disk may keep some of the bytes that were on their way.
func TestACommandLineThatIsHalfSetIsSetAgain(t *testing.T) {
	for _, half := range [][2]string{{"root=PARTLABEL=root-b", "root=PARTLABEL=root-a"}, {"livelearn.slot=b", "livelearn.slot=a"}} {
		for _, slot := range []hal.Slot{hal.SlotA, hal.SlotB} {
			b := bytes.Replace(bootPart("two", hal.SlotB, ""), []byte(half[0]), []byte(half[1]), 1)
			sector, at, err := CommandLine(bytes.NewReader(b), slot, RootByName(slot))
			if err != nil || at != 3*512 || !bytes.Contains(sector, []byte(KernelOptions(slot, RootByName(slot))+"\n")) {
				t.Errorf("slot %s: %q at %d, %v", slot, sector, at, err)
			}
		}
	}
}

// The updater of version 0.1.0 writes a bundle to the spare slot and changes nothing in it. Its own
// slot has a config.txt that chooses by a filter. Its EEPROM knows that filter, or the version
// would not run.
func TestVersion010StartsABundleOfToday(t *testing.T) {
	m := newPi(t, false)
	m.write("p2", string(bootPart("one", hal.SlotB, "[boot_partition=2]\ncmdline=cmdline-a.txt\n[boot_partition=3]\ncmdline=cmdline-b.txt\n[all]\n")))
	m.Start()
	m.write("p3", string(m.Bundle(hal.PartBoot, "two")))
	m.flag = true
	if got := m.Start(); got != hal.SlotB {
		t.Fatalf("it starts slot %s", got)
	}
	if err := m.slots.Commit(); err != nil {
		t.Fatal(err)
	}
	m.Start()
	// Today's version goes back to it.
	if err := m.slots.Try("", ""); err != nil {
		t.Fatal(err)
	}
	if err := m.slots.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Start(); got != hal.SlotA {
		t.Errorf("it starts slot %s", got)
	}
}

func FuzzCommandLine(f *testing.F) {
	f.Add(bootPart("one", hal.SlotA, ""))
	f.Add([]byte("one"))
	f.Fuzz(func(t *testing.T, boot []byte) {
		sector, at, err := CommandLine(bytes.NewReader(boot), hal.SlotB, RootByID("01234567-89ab-4def-8123-456789abcdef"))
		if err != nil || sector != nil && (at < 0 || at+int64(len(sector)) > int64(len(boot))) {
			t.Errorf("%d bytes at %d of %d, %v", len(sector), at, len(boot), err)
		}
	})
}

// The machine keeps the options of a bundle when it goes back to it.
func TestOptionsStayWithTheirSlot(t *testing.T) {
	m := newEFI(t).(*fakeMachine)
	m.Start()
	if err := m.slots.Try("2", "loud"); err != nil {
		t.Fatal(err)
	}
	m.Start()
	if err := m.slots.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := m.slots.Try("", ""); err != nil {
		t.Fatal(err)
	}
	m.Start()
	if err := m.slots.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := m.slots.Try("", ""); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "loader/entries/livelearn-b+2.conf"))
	if err != nil || !strings.Contains(string(text), "\noptions loud root=b -- init\n") || !strings.Contains(string(text), "\nversion 2\n") {
		t.Errorf("%s %v", text, err)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add("livelearn-a+2-1.conf", "sort-key 99999998\nversion 1\noptions quiet\n")
	f.Add("livelearn-b.conf", "sort-key -1\n")
	f.Add("livelearn-b+999-999.conf", "sort-key 99999999999999999999\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		e, ok := parseEntry(name, text)
		if ok && (e.sortKey < 1 || e.sortKey > topKey || e.triesLeft < 0 || e.triesLeft > 999 || e.slot != hal.SlotA && e.slot != hal.SlotB) {
			t.Errorf("%+v", e)
		}
	})
}

func FuzzAutoboot(f *testing.F) {
	f.Add("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
	f.Add("[")
	f.Fuzz(func(t *testing.T, text string) {
		if start, try := parseAutoboot(text); start < 0 || try < 0 || start > 128 || try > 128 {
			t.Errorf("%d %d", start, try)
		}
	})
}

// A card has ids of its own after the first start. Its slots name the partition by them, and a
// bundle reads as it was signed.
func TestACardNamesItsOwnPartitions(t *testing.T) {
	ids := map[hal.Slot]string{hal.SlotA: "0A1B2C3D-0000-4000-8000-00000000000A", hal.SlotB: "0a1b2c3d-0000-4000-8000-00000000000b"}
	root := func(slot hal.Slot) string { return RootByID(ids[slot]) }
	m := newPi(t, false)
	m.Start()
	pi := m.slots.(*Tryboot)
	pi.Root = root
	if err := pi.SetRoot(root(hal.SlotA)); err != nil {
		t.Fatal(err)
	}
	signed := m.Bundle(hal.PartBoot, "two")
	m.write("p3", string(signed))
	if err := pi.Try("2", ""); err != nil {
		t.Fatal(err)
	}
	for partition, want := range map[string]string{
		"2": "quiet console=tty1 root=PARTUUID=0a1b2c3d-0000-4000-8000-00000000000a livelearn.slot=a ro",
		"3": "quiet console=tty1 root=PARTUUID=0a1b2c3d-0000-4000-8000-00000000000b livelearn.slot=b ro",
	} {
		if line := m.commandLine(partition); !strings.HasPrefix(line, want) {
			t.Errorf("partition %s starts with %q", partition, line)
		}
	}
	p, err := pi.Open(hal.SlotB, hal.PartBoot, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	got := make([]byte, len(signed))
	if _, err := p.ReadAt(got, 0); err != nil || !bytes.Equal(got, signed) {
		t.Errorf("%v: the bundle reads as\n%q", err, got)
	}
	// A bundle from before has no room for an id.
	old := bytes.Clone(signed)
	copy(old[3*512:4*512], "quiet root=PARTLABEL=root-b livelearn.slot=b ro"+strings.Repeat("\x00", 512))
	m.write("p3", string(old))
	if err := pi.Try("2", ""); err != nil || !strings.Contains(m.commandLine("3"), " root=PARTLABEL=root-b livelearn.slot=b ") {
		t.Errorf("%q %v", m.commandLine("3"), err)
	}

	e := newEFI(t).(*fakeMachine)
	e.write("loader/entries/livelearn-a.conf", "sort-key 99999999\nversion 1\nlinux /a/vmlinuz\noptions quiet root=PARTLABEL=root-a livelearn.slot=a -- init\n")
	pc := e.make(e, hal.SlotA).(*EFI)
	if err := pc.SetRoot(root(hal.SlotA)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(e.dir, "loader/entries/livelearn-a.conf"))
	want := "sort-key 99999999\nversion 1\nlinux /a/vmlinuz\noptions quiet root=PARTUUID=0a1b2c3d-0000-4000-8000-00000000000a livelearn.slot=a ro"
	if err != nil || !strings.HasPrefix(string(text), want) || strings.Count(string(text), "root=") != 1 {
		t.Errorf("%s %v", text, err)
	}
}
