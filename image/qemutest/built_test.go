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

// built is the ignored folder for what is made.
func built(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../build/qemu")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "mkdir", "-p", dir)
	return dir
}

// goBuild builds a program of this module for an architecture, as the image does.
func goBuild(t testing.TB, arch, pack, to string) {
	t.Helper()
	run(t, "env", "CGO_ENABLED=0", "GOARCH="+arch, "go", "build", "-C", "../..", "-trimpath", "-ldflags=-s -w", "-o", to, pack)
}

var programs sync.Mutex

// program is the product, built for an architecture.
func program(t testing.TB, arch string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	name := filepath.Join(built(t), "livelearn-"+arch)
	goBuild(t, arch, "./firmware/cmd/livelearn", name)
	return name
}

// press holds what a publisher has: keys, and images and bundles by version.
type press struct {
	dir, key, root string
}

var (
	printing sync.Mutex
	printed  *press
)

// publisher makes the keys once for a run.
func publisher(t testing.TB) *press {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	if printed == nil {
		dir := filepath.Join(built(t), "images")
		run(t, "rm", "-rf", dir)
		run(t, "mkdir", "-p", dir)
		p := &press{dir: dir, key: filepath.Join(dir, "key"), root: filepath.Join(dir, "root.json")}
		tool := program(t, "amd64")
		run(t, tool, "update", "keys", "new", p.key)
		run(t, tool, "update", "keys", "root", "--key", p.key, "--out", p.root)
		printed = p
	}
	return printed
}

// image builds an image of a version once, and its bundle, which is signed.
func (p *press) image(t testing.TB, board, version string, more ...string) (image, bundle string) {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	base := filepath.Join(p.dir, "livelearn-"+board+"-"+version)
	if _, err := os.Stat(base + ".img"); err != nil {
		args := append([]string{"run", "-C", "../..", "./image", "build", "--board", board, "--version", version, "--out", p.dir, "--root-json", p.root}, more...)
		run(t, "go", args...)
		run(t, program2(t), "update", "sign", "--key", p.key, base+".livelearn")
	}
	return base + ".img", base + ".livelearn"
}

// program2 is the product for this machine, which was built before.
func program2(t testing.TB) string { return filepath.Join(built(t), "livelearn-amd64") }

// fresh is a copy of an image on a disk of 3 GB, as a card is larger than its image.
func fresh(t testing.TB, image string) string {
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

// server gives files to machines, which find this one at 10.0.2.2.
func server(t testing.TB, dir string) (url func(name string) string) {
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
