package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/livelearn/box/image/debian"
)

// The lock file must know every file that an image takes, and no other.
func TestTheLockKnowsEveryFile(t *testing.T) {
	lock, err := debian.ReadLock(lockText)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, p := range debianPackages {
		for arch := range archFolders {
			if !p.isForArch(arch) {
				continue
			}
			known++
			locked, err := lock.Find(p.name, arch)
			if err != nil {
				t.Error(err)
				continue
			}
			want, got := slices.Sorted(maps.Values(p.installed(arch))), slices.Sorted(maps.Keys(locked.Files))
			if !slices.Equal(got, want) {
				t.Errorf("%s for %s: the lock has %q, want %q; run: image lock", p.name, arch, got, want)
			}
		}
	}
	if len(lock.Packages) != known {
		t.Errorf("the lock has %d packages, want %d", len(lock.Packages), known)
	}
}

// lockedFile returns a file of a locked package for a board of arm64 from the cache or the mirror.
func lockedFile(t *testing.T, pack, from string) []byte {
	t.Helper()
	lock, err := debian.ReadLock(lockText)
	if err != nil {
		t.Fatal(err)
	}
	p, err := lock.Find(pack, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	m, err := packageFiles{}.mirror()
	if err != nil {
		t.Fatal(err)
	}
	deb, err := m.Fetch(t.Context(), p.Path, p.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	files, err := debian.Extract(deb, []string{from})
	if err != nil {
		t.Fatal(err)
	}
	return files[from]
}

// The check allows exactly the files of the locked packages.
func TestTheCheckKnowsEachFileOfAPackage(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads a package")
	}
	about, err := json.Marshal(release{Board: "virt"})
	if err != nil {
		t.Fatal(err)
	}
	hostapd := lockedFile(t, "hostapd", "usr/sbin/hostapd")
	elf := []byte("\x7fELF and more")
	for what, c := range map[string]struct {
		name  string
		file  *fstest.MapFile
		fault string
	}{
		"the file":           {"usr/sbin/hostapd", &fstest.MapFile{Data: hostapd, Mode: 0o755}, ""},
		"another version":    {"usr/sbin/hostapd", &fstest.MapFile{Data: append(slices.Clone(hostapd), 0), Mode: 0o755}, "usr/sbin/hostapd: is not the file of the locked package"},
		"not executable":     {"usr/sbin/hostapd", &fstest.MapFile{Data: hostapd, Mode: 0o644}, "usr/sbin/hostapd: has the mode"},
		"another program":    {"usr/sbin/other", &fstest.MapFile{Data: elf, Mode: 0o755}, "usr/sbin/other: is a program that is in no locked package"},
		"a script":           {"usr/share/livelearn/run", &fstest.MapFile{Data: []byte("#!/bin/sh\n")}, "usr/share/livelearn/run: is a program"},
		"a foreign firmware": {"lib/firmware/other.bin", &fstest.MapFile{Data: []byte("firmware")}, "lib/firmware/other.bin: is in no locked package"},
		"a foreign folder":   {"etc/hosts", &fstest.MapFile{Data: []byte("127.0.0.1 x")}, "etc/hosts: is in no locked package"},
		"users":              {"usr/share/livelearn/passwd", &fstest.MapFile{Data: []byte("root:x:0:0")}, "passwd: has users"},
	} {
		root := fstest.MapFS{"usr/share/livelearn/release.json": {Data: about}, c.name: c.file}
		err := checkRootFiles(root, "arm64")
		if err == nil {
			t.Fatalf("%s: an image without a program is said to be good", what)
		}
		if c.fault != "" && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", what, err)
		}
		if c.fault == "" && strings.Contains(err.Error(), c.name+": is") {
			t.Errorf("%s: %v", what, err)
		}
		for _, missing := range []string{"livelearn: is missing", "lib/ld-linux-aarch64.so.1: is missing", "lib/firmware/regulatory.db: is missing"} {
			if !strings.Contains(err.Error(), missing) {
				t.Errorf("%s: does not say that %s: %v", what, missing, err)
			}
		}
		if c.fault == "" && !strings.Contains(err.Error(), "usr/sbin/hostapd: needs libcrypto.so.3") {
			t.Errorf("the libraries of a program are not checked: %v", err)
		}
	}
}

// A machine without the packages gets them from a mirror, and the error of one that cannot says what
// to do.
func TestAnImageWithoutItsPackagesSaysWhatToDo(t *testing.T) {
	b := &build{buildCmd: buildCmd{packageFiles: packageFiles{Mirror: "http://127.0.0.1:1", Cache: t.TempDir()}}, ctx: t.Context(), board: boards["pi"]}
	err := b.copyPackages(t.TempDir())
	for _, part := range []string{"hostapd", "127.0.0.1:1", "image lock"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
}

// The list of parts names the packages of Debian, where they come from and their sums. The texts of
// the licences that they name are there too.
func TestTheListOfPartsHasThePackages(t *testing.T) {
	image := onShelf(t, "pi") + ".img"
	data, err := readRoot(image, "usr/share/livelearn/sbom.spdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var list document
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, p := range debianPackages {
		i := slices.IndexFunc(list.Packages, func(c component) bool { return c.Name == p.name })
		if i < 0 {
			t.Errorf("%s: is not listed", p.name)
			continue
		}
		c := list.Packages[i]
		if c.Version == "" || path.Ext(c.Location) != ".deb" || len(c.Sums) != 1 || len(c.Sums[0].Value) != 64 {
			t.Errorf("%s: %+v", p.name, c)
		}
	}
	text, err := readRoot(image, "usr/share/livelearn/licences/base-files.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"GNU GENERAL PUBLIC LICENSE", "GNU LESSER GENERAL PUBLIC LICENSE", "Apache License"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("base-files.txt has no %s", part)
		}
	}
	program, err := readRoot(image, "usr/sbin/hostapd")
	if err != nil {
		t.Fatal(err)
	}
	if file := filepath.Join(t.TempDir(), "hostapd"); os.WriteFile(file, program, 0o600) != nil || fileSum(t, file) != fileDigest(lockedFile(t, "hostapd", "usr/sbin/hostapd")) {
		t.Error("hostapd is not the file of the package")
	}
}

// A root file system whose names do not fit into one block would lose its folders.
func TestARootWithTooManyNamesIsRefused(t *testing.T) {
	for _, c := range []struct {
		names int
		full  bool
	}{{10, false}, {8 << 10 / 16, true}} {
		f, err := os.Create(filepath.Join(t.TempDir(), "root"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		var block bytes.Buffer
		w := zlib.NewWriter(&block)
		_, err = w.Write(bytes.Repeat([]byte("a file of a root"), c.names))
		head := make([]byte, 80)
		binary.LittleEndian.PutUint64(head[72:], uint64(len(head)))
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		data := binary.LittleEndian.AppendUint16(slices.Clone(head), uint16(block.Len()))
		if _, err := f.Write(append(data, block.Bytes()...)); err != nil {
			t.Fatal(err)
		}
		if err := checkFolders(f, head); (err != nil) != c.full || c.full && !strings.Contains(err.Error(), "too many files") {
			t.Errorf("%d names: %v", c.names, err)
		}
	}
}
