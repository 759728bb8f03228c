package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/klauspost/compress/zstd.(*blockDec).startDecoder"))
}

func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// rig is a box with real slots in a folder, and the keys of a publisher.
type rig struct {
	t       *testing.T
	dir     string
	key     ed25519.PrivateKey
	root    []byte
	slots   *slots.EFI
	version string
	build   int

	restarts int
	mu       sync.Mutex
	lesson   bool // guarded by mu
	healthy  bool // guarded by mu
	now      func() time.Time
	failure  string
	failedAt time.Time
	more     func(*Deps)
	cfg      Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := bundle.NewRoot([]ed25519.PrivateKey{key}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), key: key, root: root, version: "1.0.0", build: 10, healthy: true, now: time.Now, cfg: Config{AllowPrivate: true}}
	r.write("loader/entries/livelearn-a.conf", []byte("sort-key 99999999\nversion 1.0.0\nlinux /a/vmlinuz\noptions quiet "+optionsFor(hal.SlotA)+"\n"))
	r.write("a/vmlinuz", randomBytes(1, 200_000))
	r.write("b/.keep", nil)
	r.write("root-a", append(randomBytes(2, 900_000), make([]byte, 1_100_000)...))
	r.write("root-b", make([]byte, 2_000_000))
	r.boot(hal.SlotA)
	return r
}

func (r *rig) write(name string, data []byte) {
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// boot starts the machine into a slot.
func (r *rig) boot(s hal.Slot) {
	r.slots = &slots.EFI{
		Folder: slots.Folder{Dir: r.dir}, Booted: s, Options: optionsFor,
		Roots:  map[hal.Slot]string{hal.SlotA: filepath.Join(r.dir, "root-a"), hal.SlotB: filepath.Join(r.dir, "root-b")},
		Reboot: func(context.Context, string) error { r.restarts++; return nil },
	}
}

func (r *rig) updater() *Updater {
	r.t.Helper()
	d := Deps{
		Slots: r.slots, Board: "pc", Version: r.version, Build: r.build, Data: 1, ID: "box", Root: r.root, Dir: filepath.Join(r.dir, "state"),
		Healthy:    func() (bool, string) { r.mu.Lock(); defer r.mu.Unlock(); return r.healthy, "media is down" },
		LessonOpen: func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.lesson },
		Failure:    func() (time.Time, string) { return r.failedAt, r.failure },
		Now:        func() time.Time { return r.now() }, Log: slog.New(slog.DiscardHandler),
	}
	if r.more != nil {
		r.more(&d)
	}
	u, err := New(r.cfg, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

func (r *rig) set(lesson, healthy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lesson, r.healthy = lesson, healthy
}

// kernel is that of both systems. The root file system of the next one differs slightly.
func (r *rig) kernel() []byte { return randomBytes(1, 200_000) }

func (r *rig) system() []byte {
	return slices.Concat(randomBytes(2, 400_000), randomBytes(3, 1000), randomBytes(2, 900_000)[400_000:])
}

func (r *rig) bundle(change func(*bundle.Manifest)) []byte {
	r.t.Helper()
	return r.signed(change, bundle.Signer{Roots: [][]byte{r.root}, Keys: []ed25519.PrivateKey{r.key}})
}

func (r *rig) signed(change func(*bundle.Manifest), s bundle.Signer) []byte {
	r.t.Helper()
	m := bundle.Manifest{Board: "pc", Version: "1.1.0", Build: 11, Data: 1, Options: "quiet", Notes: "Better."}
	if change != nil {
		change(&m)
	}
	work, err := os.CreateTemp(r.t.TempDir(), "work")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = work.Close() }()
	var out bytes.Buffer
	list := []bundle.Source{{Part: "boot", Data: bytes.NewReader(r.kernel())}, {Part: "root", Data: bytes.NewReader(r.system())}}
	if err := bundle.WriteBundle(&out, m, list, s, work); err != nil {
		r.t.Fatal(err)
	}
	return out.Bytes()
}

// written checks that the spare slot has the next system and that the running slot is intact.
func (r *rig) written() {
	r.t.Helper()
	if !bytes.Equal(r.read("b/vmlinuz"), r.kernel()) || !bytes.HasPrefix(r.read("root-b"), r.system()) {
		r.t.Error("the spare slot does not have what was sent")
	}
	if !bytes.Equal(r.read("a/vmlinuz"), randomBytes(1, 200_000)) || !bytes.HasPrefix(r.read("root-a"), randomBytes(2, 900_000)) {
		r.t.Error("the running slot was written to")
	}
}

func errorCode(err error) string {
	if err == nil {
		return ""
	}
	return errs.BodyOf(err).Code
}

// cutReader is a connection that drops after a number of bytes.
type cutReader struct {
	io.Reader
	left int
}

var errDropped = errors.New("the connection was lost")

func (c *cutReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errDropped
	}
	n, err := c.Reader.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func TestAMachineWithoutSlotsSaysSo(t *testing.T) {
	r := newRig(t)
	r.more = func(d *Deps) { d.Slots = nil }
	u := r.updater()
	if s := u.Status(t.Context()); s.Supported || s.Why != "no_slots" {
		t.Errorf("%+v", s)
	}
	if err := u.Receive(t.Context(), bytes.NewReader(nil), 0, ""); errorCode(err) != "no_slots" {
		t.Error(err)
	}
	r.more = func(d *Deps) { d.Root = nil }
	if s := r.updater().Status(t.Context()); s.Why != "no_keys" {
		t.Errorf("%+v", s)
	}
}

func optionsFor(slot hal.Slot) string { return slots.KernelOptions(slot, slots.RootByName(slot)) }
