//go:build qemu

package qemutest

import (
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
