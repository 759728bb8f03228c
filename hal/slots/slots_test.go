package slots

import (
	"cmp"
	"context"
	"fmt"
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

// double is a machine with a FAT partition in a folder and slots in files.
type double struct {
	t     *testing.T
	dir   string
	cut   int  // changes until the power goes; -1: never
	flag  bool // of tryboot, for the next start
	asked bool
	slots hal.Slots
	start func(*double) hal.Slot            // the firmware's rules
	make  func(*double, hal.Slot) hal.Slots // the system's
}

func (d *double) Start() hal.Slot {
	d.asked = false
	slot := d.start(d)
	d.flag = false // it lasts for one start
	d.slots = d.make(d, slot)
	return slot
}

func (d *double) Slots() hal.Slots { return d.slots }
func (d *double) Restarted() bool  { return d.asked }
func (d *double) Cut(n int)        { d.cut = n }

func (d *double) folder() Folder {
	return Folder{Dir: d.dir, step: func() error {
		if d.cut == 0 {
			return haltest.ErrCut
		}
		d.cut--
		return nil
	}}
}

func (d *double) reboot(_ context.Context, arg string) error {
	d.asked, d.flag = true, arg == "0 tryboot"
	return nil
}

func (d *double) write(name, text string) string {
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func options(s hal.Slot) string { return "root=" + string(s) + " -- init" }

// newEFI is a PC as the image makes it.
func newEFI(t *testing.T) haltest.SlotMachine {
	d := &double{t: t, dir: t.TempDir(), cut: -1, start: systemdBoot}
	d.write("a/vmlinuz", "one")
	d.write("b/.keep", "")
	d.write("loader/entries/livelearn-a.conf", "title x\nsort-key 99999999\nversion 1\nlinux /a/vmlinuz\noptions "+options("a")+"\n")
	roots := map[hal.Slot]string{hal.SlotA: d.write("root-a", "one"), hal.SlotB: d.write("root-b", "---")}
	d.make = func(d *double, booted hal.Slot) hal.Slots {
		return &EFI{Folder: d.folder(), Booted: booted, Roots: roots, Options: options, Reboot: d.reboot}
	}
	return d
}

// systemdBoot starts an entry by the rules of systemd-boot 252: those without tries left are
// last, then by sort-key; a counter is lowered by renaming (boot.c, config_entry_compare and
// config_entry_bump_counters; Automatic Boot Assessment).
func systemdBoot(d *double) hal.Slot {
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

// newTryboot is a Pi as the image makes it.
func newTryboot(t *testing.T) haltest.SlotMachine {
	d := &double{t: t, dir: t.TempDir(), cut: -1, start: piFirmware}
	d.write("autoboot.txt", "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
	parts := map[hal.Slot]map[string]string{
		hal.SlotA: {hal.PartBoot: d.write("p2", "one"), hal.PartRoot: d.write("p4", "one")},
		hal.SlotB: {hal.PartBoot: d.write("p3", "---"), hal.PartRoot: d.write("p5", "---")},
	}
	d.make = func(d *double, booted hal.Slot) hal.Slots {
		return &Tryboot{Folder: d.folder(), Booted: booted, Parts: parts, Reboot: d.reboot}
	}
	return d
}

// piFirmware starts a partition by the rules of a Pi's firmware: boot_partition of the
// section that applies; [tryboot] applies to a start with the flag (Raspberry Pi
// documentation, config.txt, autoboot.txt).
func piFirmware(d *double) hal.Slot {
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
	return slot
}

func TestEFI(t *testing.T)     { haltest.TestSlots(t, newEFI) }
func TestTryboot(t *testing.T) { haltest.TestSlots(t, newTryboot) }

// The options that a bundle brings are kept when the machine goes back to it.
func TestOptionsStayWithTheirSlot(t *testing.T) {
	m := newEFI(t).(*double)
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
		if ok && (e.key < 1 || e.key > topKey || e.left < 0 || e.left > 999 || e.slot != hal.SlotA && e.slot != hal.SlotB) {
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
