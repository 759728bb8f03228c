package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tool is this program as people run it: the race detector would make minutes of what is
// seconds of work, and there is one goroutine here.
var tool string

// shelf keeps an image of each board for the tests that only read it.
var shelf struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) { os.Exit(inFolder(m)) }

func inFolder(m *testing.M) int {
	dir, err := os.MkdirTemp("", "livelearn-image-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		tool, shelf.dir = filepath.Join(dir, "image"), filepath.Join(dir, "shelf")
		err = exec.Command("go", "build", "-o", tool, ".").Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// built builds an image into a folder and gives its name without ending.
func built(t *testing.T, board, dir string, more ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds an image")
	}
	args := []string{"build", "--board", board, "--out", dir, "--version", "0.0.1", "--date", "1790000000"}
	cmd := exec.CommandContext(t.Context(), tool, append(args, more...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "livelearn-"+board+"-0.0.1")
}

// onShelf is the image of a board, built once, without ending. Nobody writes to it.
func onShelf(t *testing.T, board string) string {
	t.Helper()
	shelf.Lock()
	defer shelf.Unlock()
	name := filepath.Join(shelf.dir, "livelearn-"+board+"-0.0.1")
	if _, err := os.Stat(name + ".img.gz"); err == nil {
		return name
	}
	return built(t, board, shelf.dir, "--pack", "--url", "https://example.org/x/")
}

// checked runs `image check`.
func checked(t *testing.T, name string) error {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), tool, "check", name).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
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

const most = 64 << 20 // bytes, compressed

func TestImagesAreWholeSmallAndTheSameEachTime(t *testing.T) {
	for _, board := range []string{"pc", "pi", "virt"} {
		name := onShelf(t, board) + ".img"
		if err := checked(t, name); err != nil {
			t.Errorf("%s: %v", board, err)
		}
		info, err := os.Stat(name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		if t.Logf("%s: %.1f MB compressed", board, float64(info.Size())/1e6); info.Size() > most {
			t.Errorf("%s: at most %d MB", board, most>>20)
		}
		licensed(t, name)
		if board == "virt" {
			continue // as pc
		}
		if again := built(t, board, t.TempDir()) + ".img"; sum(t, again) != sum(t, name) {
			t.Errorf("%s: two builds differ", board)
		}
	}
}

// What a person or a fault took out of an image is noticed.
func TestTheCheckBites(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bad.img")
	if out, err := exec.CommandContext(t.Context(), "cp", "--sparse=always", onShelf(t, "pi")+".img", name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
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
		if replace(t, f, head, change[0], change[1]) == 0 {
			t.Errorf("%s: not found", what)
			continue
		}
		if err := checked(t, name); err == nil {
			t.Errorf("%s was changed, and the image is said to be good", what)
		}
		replace(t, f, head, change[0], change[0])
	}
	if err := checked(t, name); err != nil {
		t.Error(err)
	}
}

// replace writes text over each place of the file where head has old, and counts them.
func replace(t *testing.T, f *os.File, head []byte, old, text string) (n int) {
	t.Helper()
	for at := 0; ; n++ {
		i := bytes.Index(head[at:], []byte(old))
		if i < 0 {
			return n
		}
		if _, err := f.WriteAt([]byte(text), int64(at+i)); err != nil {
			t.Fatal(err)
		}
		at += i + len(old)
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
	base := onShelf(t, "pi")
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
