package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
)

// findTool returns the path of a tool that Debian keeps out of a user's PATH.
func findTool(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/sbin/" + name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatalf("%s is missing", name)
	return ""
}

// fatPart makes a FAT partition of an image in a file of its size.
func fatPart(t *testing.T, boardName, part string) string {
	t.Helper()
	source, err := projectDir()
	if err != nil {
		t.Fatal(err)
	}
	firmware, err := moduleDir(t.Context(), source, piFirmware)
	if err != nil {
		t.Fatal(err)
	}
	b := &build{buildCmd: buildCmd{Version: "0.0.1"}, board: boards[boardName]}
	if b.kernel, err = moduleDir(t.Context(), source, b.board.kernel); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), part)
	if b.boot = name; part == "boot-a" {
		if err := b.makePiBoot(firmware); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, bootSize); err != nil {
			t.Fatal(err)
		}
		return name
	}
	size := map[string]int64{"pi": configSize, "pc": espSize, "virt": espSize}[boardName]
	store, err := file.CreateFromPath(name, size)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if boardName == "pi" {
		err = b.fillPiFirst(store, 0, firmware)
	} else {
		err = b.fillESP(store, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Any computer reads the FAT partitions. Two programs of others find no fault in them, also after a
// person has added a file.
func TestFATPartitionsAreClean(t *testing.T) {
	if testing.Short() {
		t.Skip("makes the partitions of images")
	}
	fsck, mcopy, mdir := findTool(t, "fsck.fat"), findTool(t, "mcopy"), findTool(t, "mdir")
	text := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ board, part, folder string }{
		{"pc", "boot", "/EFI/BOOT"}, {"virt", "boot", "/loader/entries"}, {"pi", "boot", ""}, {"pi", "boot-a", "/overlays"},
	} {
		name := fatPart(t, c.board, c.part)
		run := func(args ...string) string {
			t.Helper()
			out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
			if err != nil {
				t.Errorf("%s %s: %v: %s", c.board, c.part, err, out)
			}
			return string(out)
		}
		checkClean := func() {
			t.Helper()
			if out := run(fsck, "-n", name); strings.Count(out, "\n") > 2 {
				t.Errorf("%s %s: %s", c.board, c.part, out)
			}
		}
		checkClean()
		if list := run(mdir, "-i", name, "-/", "-b", "::"); !strings.Contains(list, "::"+c.folder+"/") {
			t.Errorf("%s %s: no %q in %s", c.board, c.part, c.folder, list)
		}
		run(mcopy, "-i", name, text, "::"+c.folder+"/note.txt")
		checkClean()
	}
}
