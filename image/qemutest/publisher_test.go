//go:build qemu

package qemutest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// buildDir returns the ignored folder for build output.
func buildDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../build/qemu")
	if err != nil {
		t.Fatal(err)
	}
	runProgram(t, "mkdir", "-p", dir)
	return dir
}

// goBuild builds a program of this module for an architecture, as the image does.
func goBuild(t testing.TB, arch, pack, to string) {
	t.Helper()
	runProgram(t, "env", "CGO_ENABLED=0", "GOARCH="+arch, "go", "build", "-C", "../..", "-trimpath", "-ldflags=-s -w", "-o", to, pack)
}

var programsMu sync.Mutex

// buildProgram returns the product, built for an architecture.
func buildProgram(t testing.TB, arch string) string {
	t.Helper()
	programsMu.Lock()
	defer programsMu.Unlock()
	name := filepath.Join(buildDir(t), "livelearn-"+arch)
	goBuild(t, arch, "./firmware/cmd/livelearn", name)
	return name
}

// publisherKit holds the keys of a publisher, and images and bundles by version.
type publisherKit struct {
	dir, key, root string
}

var (
	printing sync.Mutex
	printed  *publisherKit
)

// newPublisher makes the keys once for a run.
func newPublisher(t testing.TB) *publisherKit {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	if printed == nil {
		dir := filepath.Join(buildDir(t), "images")
		runProgram(t, "rm", "-rf", dir)
		runProgram(t, "mkdir", "-p", dir)
		p := &publisherKit{dir: dir, key: filepath.Join(dir, "key"), root: filepath.Join(dir, "root.json")}
		tool := buildProgram(t, "amd64")
		runProgram(t, tool, "update", "keys", "new", p.key)
		runProgram(t, tool, "update", "keys", "root", "--key", p.key, "--out", p.root)
		printed = p
	}
	return printed
}

// image builds an image of a version and its signed bundle, once.
func (p *publisherKit) image(t testing.TB, board, version string, more ...string) (image, bundle string) {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	base := filepath.Join(p.dir, "livelearn-"+board+"-"+version)
	if _, err := os.Stat(base + ".img"); err != nil {
		args := append([]string{"run", "-C", "../..", "./image", "build", "--quick", "--board", board, "--version", version, "--out", p.dir, "--root-json", p.root}, more...)
		runProgram(t, "go", args...)
		runProgram(t, hostProgram(t), "update", "sign", "--key", p.key, base+".livelearn")
	}
	return base + ".img", base + ".livelearn"
}

// hostProgram returns the product for this machine, which must exist.
func hostProgram(t testing.TB) string { return filepath.Join(buildDir(t), "livelearn-amd64") }

// freshDisk returns a copy of an image on a disk of 3 GB, because a card is larger than its image.
func freshDisk(t testing.TB, image string) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := copySparse(disk, image); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 3<<30); err != nil {
		t.Fatal(err)
	}
	return disk
}

// serveFiles serves files to machines, which reach this one at 10.0.2.2.
func serveFiles(t testing.TB, dir string) (url func(name string) string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	return func(name string) string { return fmt.Sprintf("http://10.0.2.2:%d/%s", port, filepath.Base(name)) }
}
