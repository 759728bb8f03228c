package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// made builds an image and gives its name without ending.
func made(t *testing.T, board string) string {
	t.Helper()
	c := &buildCmd{Board: board, Out: t.TempDir(), Version: "0.0.1", Date: 1_790_000_000, Data: 1}
	if err := c.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(c.Out, "livelearn-"+board+"-0.0.1")
}

func sum(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// packed is the size of a file as people load it.
func packed(t *testing.T, name string) int64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := &counter{}
	w, err := zstd.NewWriter(n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, f); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return n.n
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

const most = 64 << 20 // bytes, compressed

func TestImagesAreWholeSmallAndTheSameEachTime(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images")
	}
	for _, board := range []string{"pc", "pi", "virt"} {
		name := made(t, board) + ".img"
		if err := check(name); err != nil {
			t.Errorf("%s: %v", board, err)
		}
		n := packed(t, name)
		if t.Logf("%s: %.1f MB compressed", board, float64(n)/1e6); n > most {
			t.Errorf("%s: at most %d MB", board, most>>20)
		}
		licensed(t, name)
		if board == "virt" {
			continue // as pc
		}
		if again := made(t, board) + ".img"; sum(t, again) != sum(t, name) {
			t.Errorf("%s: two builds differ", board)
		}
	}
}

// What a person or a fault took out of an image is noticed.
func TestTheCheckBites(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image")
	}
	name := made(t, "pi") + ".img"
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 256<<20)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"autoboot.txt":    {"tryboot_a_b=1", "tryboot_a_b=0"},
		"cmdline-b.txt":   {"root=PARTLABEL=root-b", "root=PARTLABEL=root-x"},
		"config.txt":      {"cmdline=cmdline-a.txt", "cmdline=cmdline-x.txt"},
		"a device's tree": {"\xd0\x0d\xfe\xed", "\x00\x00\x00\x00"},
		"the MBR":         {"\xfe\xff\xff\x0c\xfe\xff\xff", "\xfe\xff\xff\x83\xfe\xff\xff"},
	} {
		bad := bytes.Replace(head, []byte(change[0]), []byte(change[1]), -1)
		if bytes.Equal(bad, head) {
			t.Errorf("%s: not found", what)
			continue
		}
		if _, err := f.WriteAt(bad, 0); err != nil {
			t.Fatal(err)
		}
		if err := check(name); err == nil {
			t.Errorf("%s was changed, and the image is said to be good", what)
		}
		if _, err := f.WriteAt(head, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(name); err != nil {
		t.Error(err)
	}
}

// The loader is Debian's own, byte for byte.
func TestTheLoaderIsDebians(t *testing.T) {
	theirs, err := os.ReadFile("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
	if err != nil {
		t.Skip("the package systemd-boot-efi is not here")
	}
	ours, err := loaders.ReadFile(loaderFile["amd64"][0])
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("dpkg-query", "-W", "-f=${Version}", "systemd-boot-efi").Output(); err != nil || string(out) != loaderVersion {
		t.Skipf("another version is here: %s", out)
	}
	if !bytes.Equal(ours, theirs) {
		t.Error("it is another file")
	}
}

func TestVersionsGiveBuildNumbers(t *testing.T) {
	last := 0
	for _, v := range []string{"0.0.1", "0.1.0", "0.1.1", "0.9.999", "1.0.0", "12.34.56"} {
		n, err := number(v)
		if err != nil || n <= last {
			t.Errorf("%s: %d %v", v, n, err)
		}
		last = n
	}
	for _, v := range []string{"", "1", "1.2", "1.2.1000", "x.y.z", strings.Repeat("9", 30)} {
		if n, err := number(v); err == nil && n < 1 {
			t.Errorf("%q: %d", v, n)
		}
	}
}

// licensed checks that each part of the image's list of parts has a licence in the image.
func licensed(t *testing.T, name string) {
	t.Helper()
	data, err := readRoot(name, "usr/share/livelearn/sbom.spdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var list document
	if err := json.Unmarshal(data, &list); err != nil || len(list.Packages) < 40 {
		t.Fatalf("%d parts, %v", len(list.Packages), err)
	}
	for _, p := range list.Packages {
		if p.File == "" {
			t.Errorf("%s %s: no licence", p.Name, p.Version)
			continue
		}
		if text, err := readRoot(name, "usr/share/livelearn/licences/"+p.File); err != nil || len(text) < 100 {
			t.Errorf("%s %s: %d bytes of licence, %v", p.Name, p.Version, len(text), err)
		}
	}
}

func TestImagerIsToldWhatItLoads(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image")
	}
	c := &buildCmd{Board: "pi", Out: t.TempDir(), Version: "0.0.1", Date: 1_790_000_000, Data: 1, Pack: true, URL: "https://example.org/x/"}
	if err := c.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(c.Out, "livelearn-pi-0.0.1")
	data, err := os.ReadFile(base + ".imager.json")
	if err != nil {
		t.Fatal(err)
	}
	var list osList
	if err := json.Unmarshal(data, &list); err != nil || len(list.List) != 1 {
		t.Fatalf("%s %v", data, err)
	}
	e := list.List[0]
	info, err := os.Stat(base + ".img.gz")
	if err != nil || e.Download != info.Size() || e.DownloadSum != sum(t, base+".img.gz") || e.ExtractSum != sum(t, base+".img") || e.URL != "https://example.org/x/livelearn-pi-0.0.1.img.gz" {
		t.Errorf("%+v %v", e, err)
	}
	if e.Download > most {
		t.Errorf("%d bytes to load", e.Download)
	}
}
