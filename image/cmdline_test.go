package main

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/update/bundle"
)

// onRoot checks that a Pi's firmware starts the kernel of a boot partition on the root file system
// of slot. An EEPROM from before 2025-03-10 applies a section of config.txt whatever its filter is.
// A new EEPROM does not. The file has no filter, so it means the same to both.
func onRoot(t *testing.T, name string, slot hal.Slot, root string) {
	t.Helper()
	store, err := file.OpenFromPath(name, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	fsys, err := fat32.Read(store, bootSize, 0, sector)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		f, err := fsys.OpenFile("/"+name, os.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for line := range strings.Lines(read("config.txt")) {
		if strings.HasPrefix(line, "[") || strings.HasPrefix(line, "cmdline=") {
			t.Errorf("config.txt has the line %q", line)
		}
	}
	line := read("cmdline.txt")
	if !strings.HasSuffix(line, slots.KernelOptions(slot, root)+"\n") || strings.Count(line, "root=") != 1 || strings.Count(line, "\n") != 1 {
		t.Errorf("the kernel of slot %s is started with %q", slot, line)
	}
}

// partitionID returns the id of a partition of an image.
func partitionID(t *testing.T, image, name string) string {
	t.Helper()
	return imagePart(t, image, name).GUID
}

func imagePart(t *testing.T, image, name string) *gpt.Partition {
	t.Helper()
	disk, err := file.OpenFromPath(image, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	table, err := gpt.Read(disk, sector, sector)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range table.Partitions {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no partition %s", name)
	return nil
}

// bootPart copies the boot partition of a slot out of an image.
func bootPart(t *testing.T, image, name, to string) {
	t.Helper()
	p := imagePart(t, image, name)
	disk, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	writeOver(t, to, io.NewSectionReader(disk, p.GetStart(), int64(p.Size)))
}

// writeOver writes r to the start of a file. The rest of the file stays.
func writeOver(t *testing.T, name string, r io.Reader) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// payload returns a part of a bundle with each chunk checked.
func payload(t *testing.T, name, part string, root []byte) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	head, err := bundle.ReadHead(f, root)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, p := range head.ChunkPlaces() {
		packed := make([]byte, p.Packed)
		if _, err := f.ReadAt(packed, head.DataAt+p.At); err != nil {
			t.Fatal(err)
		}
		data, err := bundle.UnpackChunk(p.Chunk, packed)
		if err != nil {
			t.Fatal(err)
		}
		if p.Part == part {
			all = append(all, data...)
		}
	}
	return all
}

// signedBundle returns the card of the shelf and its bundle, which it signs.
func signedBundle(t *testing.T, dir string) (image, name string, root []byte) {
	t.Helper()
	base := onShelf(t, "pi")
	unsigned, err := os.ReadFile(base + ".livelearn")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bundle.AddSignatures(&out, bytes.NewReader(unsigned), []ed25519.PrivateKey{imageShelf.key}); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(dir, "signed.livelearn")
	writeOver(t, name, &out)
	return base + ".img", name, imageShelf.root
}

// A card and its bundle go through the updates of today's version, to each slot, and of version
// 0.1.0, which runs from slot a and writes the bundle unchanged.
func TestEachSlotOfAPiStartsOnItsOwnRoot(t *testing.T) {
	dir := t.TempDir()
	image, name, trusted := signedBundle(t, dir)
	p2, p3 := filepath.Join(dir, "p2"), filepath.Join(dir, "p3")
	bootPart(t, image, "boot-a", p2)
	onRoot(t, p2, hal.SlotA, slots.RootByID(partitionID(t, image, "root-a")))
	bootPart(t, image, "boot-b", p3)
	boot := payload(t, name, hal.PartBoot, trusted)
	writeOver(t, p3, bytes.NewReader(boot))
	onRoot(t, p3, hal.SlotB, slots.RootByName(hal.SlotB)) // as version 0.1.0 leaves it

	writeOver(t, filepath.Join(dir, "autoboot.txt"), strings.NewReader(autoboot))
	parts := map[hal.Slot]map[string]string{hal.SlotA: {hal.PartBoot: p2}, hal.SlotB: {hal.PartBoot: p3}}
	root := func(slot hal.Slot) string {
		return slots.RootByID("0a1b2c3d-0000-4000-8000-00000000000" + string(slot))
	}
	for _, here := range []hal.Slot{hal.SlotA, hal.SlotB} {
		s := &slots.Tryboot{Folder: slots.Folder{Dir: dir}, Booted: here, Parts: parts, Root: root}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		spare := here.Other()
		p, err := s.Open(spare, hal.PartBoot, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.WriteAt(boot, 0); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Try("0.0.2", ""); err != nil {
			t.Fatal(err)
		}
		onRoot(t, parts[spare][hal.PartBoot], spare, root(spare))
		got := make([]byte, len(boot))
		if p, err = s.Open(spare, hal.PartBoot, false); err != nil {
			t.Fatal(err)
		}
		if _, err := p.ReadAt(got, 0); err != nil || !bytes.Equal(got, boot) {
			t.Errorf("slot %s does not read as it was signed: %v", spare, err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
