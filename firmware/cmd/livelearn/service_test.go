package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/update/bundle"
)

// serviceRig is an installed system in a folder. The test is its service manager, which starts the
// launcher again when it ends.
type serviceRig struct {
	t        *testing.T
	dir      string
	key      ed25519.PrivateKey
	root     []byte // root.json
	programs *slots.Programs
}

func newServiceRig(t *testing.T) *serviceRig {
	t.Helper()
	r := &serviceRig{t: t, dir: t.TempDir()}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.root, err = bundle.NewRoot([]ed25519.PrivateKey{key}, 1); err != nil {
		t.Fatal(err)
	}
	r.key = key
	r.write("root.json", r.root, 0o644)
	r.write("livelearn.toml", []byte("[gateway]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n[discover]\noff = true\n"), 0o644)
	r.programs = newPrograms(r.path("programs"), "")
	if err := os.Mkdir(r.path("programs"), 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *serviceRig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *serviceRig) write(name string, data []byte, mode os.FileMode) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), data, mode); err != nil {
		r.t.Fatal(err)
	}
}

// run keeps the service running until the test ends.
func (r *serviceRig) run() {
	r.t.Helper()
	program, err := exec.LookPath("livelearn")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		for ctx.Err() == nil {
			c := exec.CommandContext(ctx, program, "service", "--data", r.path("data"), "--config", r.path("livelearn.toml"),
				"--programs", r.path("programs"), "--keys", r.path("root.json"))
			c.Stdout, c.Stderr = r.t.Output(), r.t.Output()
			c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
			c.WaitDelay = timetest.Patience
			_ = c.Run() // whatever the reason for its end, it starts again
		}
		return nil
	})
	r.t.Cleanup(func() { cancel(); _ = g.Wait() })
}

// bundle makes a signed update to a program.
func (r *serviceRig) bundle(number int, program string) *os.File {
	r.t.Helper()
	rootFS, err := os.Create(r.path(fmt.Sprint("root-", number)))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = rootFS.Close() })
	makeSquashfs(r.t, rootFS, program, fmt.Sprintf(`{"build": %d}`, number))
	work, err := os.CreateTemp(r.dir, "work")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = work.Close() })
	out, err := os.Create(r.path(fmt.Sprint("bundle-", number)))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = out.Close() })
	m := bundle.Manifest{Board: updateBoard[runtime.GOARCH], Version: fmt.Sprintf("1.0.%d", number), Build: number, Data: firmware.DataFormat}
	parts := []bundle.Source{{Part: hal.PartBoot, Data: strings.NewReader("a kernel that is not used")}, {Part: hal.PartRoot, Data: rootFS}}
	err = bundle.WriteBundle(out, m, parts, bundle.Signer{Roots: [][]byte{r.root}, Keys: []ed25519.PrivateKey{r.key}}, work)
	if _, e := out.Seek(0, io.SeekStart); errors.Join(err, e) != nil {
		r.t.Fatal(errors.Join(err, e))
	}
	return out
}

// makeSquashfs writes a root file system that holds a program and its description.
func makeSquashfs(t *testing.T, f *os.File, program, release string) {
	t.Helper()
	const size, block = 4 << 20, 128 << 10
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	fsys, err := squashfs.Create(file.New(f, false), size, 0, block)
	if err != nil {
		t.Fatal(err)
	}
	dir := fsys.Workspace()
	share := filepath.Join(dir, appliance.ShareDir)
	err = errors.Join(os.MkdirAll(share, 0o755), os.WriteFile(filepath.Join(dir, slots.ProgramName), []byte(program), 0o755),
		os.WriteFile(filepath.Join(share, "release.json"), []byte(release), 0o644))
	if err := errors.Join(err, fsys.Finalize(squashfs.FinalizeOptions{Compression: &squashfs.CompressorGzip{CompressionLevel: 9, WindowSize: 15}})); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
}

// await waits for a state of the programs in which the box answers too.
func (r *serviceRig) await(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); {
		if is() {
			if _, err := readStatus(r.t.Context(), r.path("data")); err == nil {
				return
			}
		}
		time.Sleep(50 * time.Millisecond) // other processes change the files
	}
	r.t.Fatalf("%s: default %q, trial %q", what, r.programs.Default(), r.programs.Trial())
}

func (r *serviceRig) apply(b *os.File) {
	r.t.Helper()
	if err := control.ApplyUpdate(r.path("data"), b, "now"); err != nil {
		r.t.Fatal(err)
	}
}

func TestServiceTakesSignedUpdatesAndFallsBack(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a box through two updates")
	}
	r := newServiceRig(t)
	r.run()
	r.await("the first start", func() bool { return r.programs.Default() == hal.SlotA })
	program, err := exec.LookPath("livelearn")
	if err != nil {
		t.Fatal(err)
	}
	r.apply(r.bundle(1, fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", program)))
	r.await("a good update", func() bool { return r.programs.Default() == hal.SlotB && r.programs.Trial() == "" })
	if got := r.programs.Version(hal.SlotB); got != "1.0.1" {
		t.Errorf("version %q runs", got)
	}
	r.apply(r.bundle(2, fmt.Sprintf("#!/bin/sh\necho started >>%s\nexit 1\n", r.path("sick"))))
	sick := func() []byte {
		text, _ := os.ReadFile(r.path("sick")) // not there before it started
		return text
	}
	r.await("a bad update", func() bool { return len(sick()) > 0 && r.programs.Trial() == "" })
	if got := r.programs.Default(); got != hal.SlotB || bytes.Count(sick(), []byte("\n")) != 1 {
		t.Errorf("after a bad update slot %s is the default, and the bad program was started: %q", got, sick())
	}
}
