package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/livelearn/box/services/update/bundle"
)

// imageTool is this program as people run it, without the race detector. The detector would turn
// seconds of work into minutes, and the program has one goroutine.
var imageTool string

// imageShelf keeps an image of each board for the tests that only read it. The one of pi trusts key.
var imageShelf struct {
	sync.Mutex
	dir  string
	key  ed25519.PrivateKey
	root []byte // the list of trusted keys, as in the file root.json of dir
}

func TestMain(m *testing.M) { os.Exit(inFolder(m)) }

func inFolder(m *testing.M) int {
	// scripts/test keeps the files of tests in memory. Images are too large for that.
	if err := errors.Join(os.Unsetenv("TMPDIR"), os.Unsetenv("GOTMPDIR")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "livelearn-image-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		imageTool, imageShelf.dir = filepath.Join(dir, "image"), filepath.Join(dir, "shelf")
		cmd := exec.Command("go", "build", "-trimpath", "-o", imageTool, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as scripts/build
		err = cmd.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// buildImage builds an image into a folder and returns its name without the extension.
func buildImage(t *testing.T, board, dir string, more ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds an image")
	}
	args := []string{"build", "--board", board, "--out", dir, "--version", "0.0.1", "--date", "1790000000"}
	cmd := exec.CommandContext(t.Context(), imageTool, append(args, more...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "livelearn-"+board+"-0.0.1")
}

// onShelf returns the image of a board without the extension. It is built once and must not be
// changed.
func onShelf(t *testing.T, board string) string {
	t.Helper()
	imageShelf.Lock()
	defer imageShelf.Unlock()
	name := filepath.Join(imageShelf.dir, "livelearn-"+board+"-0.0.1")
	if _, err := os.Stat(name + ".img.gz"); err == nil {
		return name
	}
	if board == "pi" && imageShelf.root == nil {
		trustNewKey(t)
	}
	return buildImage(t, board, imageShelf.dir, append(boardOptions(board), "--pack", "--url", "https://example.org/x/")...)
}

// trustNewKey makes the key of the shelf.
func trustNewKey(t *testing.T) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := bundle.NewRoot([]ed25519.PrivateKey{key}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(imageShelf.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeOver(t, filepath.Join(imageShelf.dir, "root.json"), bytes.NewReader(root))
	imageShelf.key, imageShelf.root = key, root
}

// boardOptions are those of the image of a board. The one of pi trusts a key, has a bundle of updates and
// is compressed as a release is. The others trust nobody and are compressed quickly: a release's
// compression takes most of the time of a build.
func boardOptions(board string) []string {
	if board != "pi" {
		return []string{"--quick"}
	}
	return []string{"--root-json", filepath.Join(imageShelf.dir, "root.json")}
}

// runCheck runs `image check`.
func runCheck(t *testing.T, name string) error {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), imageTool, "check", name).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func fileSum(t *testing.T, name string) string {
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

const maxCompressed = 64 << 20 // bytes, compressed

func TestImagesAreWholeSmallAndTheSameEachTime(t *testing.T) {
	for _, board := range []string{"pc", "pi", "virt"} {
		name := onShelf(t, board) + ".img"
		if err := runCheck(t, name); err != nil {
			t.Errorf("%s: %v", board, err)
		}
		info, err := os.Stat(name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		if t.Logf("%s: %.1f MB compressed", board, float64(info.Size())/1e6); info.Size() > maxCompressed {
			t.Errorf("%s: at most %d MB", board, maxCompressed>>20)
		}
		checkLicences(t, name)
		if board == "virt" {
			continue // like pc
		}
		if again := buildImage(t, board, t.TempDir(), boardOptions(board)...) + ".img"; fileSum(t, again) != fileSum(t, name) {
			t.Errorf("%s: two builds differ", board)
		}
	}
}

// The check notices everything that a person or a fault removed from an image.
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
		"cmdline.txt":     {" livelearn.slot=a", " livelearn.slot=b"},
		"config.txt":      {"kernel=vmlinuz", "kernel=vmlinux"},
		"no filter in it": {"disable_splash=1", "[boot_partition]"},
		"a device's tree": {"\xd0\x0d\xfe\xed", "\x00\x00\x00\x00"},
		"the MBR":         {"\xfe\xff\xff\x0c\xfe\xff\xff", "\xfe\xff\xff\x83\xfe\xff\xff"},
	} {
		if replaceText(t, f, head, change[0], change[1]) == 0 {
			t.Errorf("%s: not found", what)
			continue
		}
		if err := runCheck(t, name); err == nil {
			t.Errorf("%s was changed, and the image is said to be good", what)
		}
		replaceText(t, f, head, change[0], change[0])
	}
	if err := runCheck(t, name); err != nil {
		t.Error(err)
	}
}

// replaceText writes text over each occurrence of old that follows head in the file, and counts
// them.
func replaceText(t *testing.T, f *os.File, head []byte, old, text string) (n int) {
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
	ours, err := loaderFiles.ReadFile(loaderFile["amd64"][0])
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

// checkLicences checks that the image has a licence for each part of its list.
func checkLicences(t *testing.T, name string) {
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
	if err != nil || e.Download != info.Size() || e.DownloadSum != fileSum(t, base+".img.gz") || e.ExtractSum != fileSum(t, base+".img") || e.URL != "https://example.org/x/livelearn-pi-0.0.1.img.gz" {
		t.Errorf("%+v %v", e, err)
	}
	if e.Download > maxCompressed {
		t.Errorf("%d bytes to load", e.Download)
	}
}

// readRoot reads a file of an image's root file system.
func readRoot(image, name string) ([]byte, error) {
	disk, err := file.OpenFromPath(image, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = disk.Close() }()
	table, err := gpt.Read(disk, sector, sector)
	if err != nil {
		return nil, err
	}
	for _, p := range table.Partitions {
		if p.Name == "root-a" {
			fsys, err := squashfs.Read(disk, int64(p.Size), p.GetStart(), 0)
			if err != nil {
				return nil, err
			}
			return fsys.ReadFile(name)
		}
	}
	return nil, os.ErrNotExist
}
