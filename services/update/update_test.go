package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// rig is a box with real slots in a folder, and what a publisher has.
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
	r := &rig{t: t, dir: t.TempDir(), key: key, root: root, version: "1.0.0", build: 10, healthy: true, now: time.Now}
	r.write("loader/entries/livelearn-a.conf", []byte("sort-key 99999999\nversion 1.0.0\nlinux /a/vmlinuz\noptions quiet "+slots.KernelOptions(hal.SlotA)+"\n"))
	r.write("a/vmlinuz", noise(1, 200_000))
	r.write("b/.keep", nil)
	r.write("root-a", append(noise(2, 900_000), make([]byte, 1_100_000)...))
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

// boot is a start of the machine into a slot.
func (r *rig) boot(s hal.Slot) {
	r.slots = &slots.EFI{
		Folder: slots.Folder{Dir: r.dir}, Booted: s, Options: slots.KernelOptions,
		Roots:  map[hal.Slot]string{hal.SlotA: filepath.Join(r.dir, "root-a"), hal.SlotB: filepath.Join(r.dir, "root-b")},
		Reboot: func(context.Context, string) error { r.restarts++; return nil },
	}
}

func (r *rig) updater() *Updater {
	r.t.Helper()
	d := Deps{
		Slots: r.slots, Board: "pc", Version: r.version, Build: r.build, Data: 1, ID: "box", Root: r.root, Dir: filepath.Join(r.dir, "state"),
		Healthy: func() (bool, string) { r.mu.Lock(); defer r.mu.Unlock(); return r.healthy, "media is down" },
		Lesson:  func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.lesson },
		Failure: func() (time.Time, string) { return r.failedAt, r.failure },
		Now:     func() time.Time { return r.now() }, Log: slog.New(slog.DiscardHandler), Client: http.DefaultClient,
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

// the next system: a kernel that is the same and a root file system that differs a little.
func (r *rig) kernel() []byte { return noise(1, 200_000) }

func (r *rig) system() []byte {
	return slices.Concat(noise(2, 400_000), noise(3, 1000), noise(2, 900_000)[400_000:])
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
	if err := bundle.Write(&out, m, list, s, work); err != nil {
		r.t.Fatal(err)
	}
	return out.Bytes()
}

// written checks that the spare slot has the next system and that the running one is whole.
func (r *rig) written() {
	r.t.Helper()
	if !bytes.Equal(r.read("b/vmlinuz"), r.kernel()) || !bytes.HasPrefix(r.read("root-b"), r.system()) {
		r.t.Error("the spare slot does not have what was sent")
	}
	if !bytes.Equal(r.read("a/vmlinuz"), noise(1, 200_000)) || !bytes.HasPrefix(r.read("root-a"), noise(2, 900_000)) {
		r.t.Error("the running slot was written to")
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return errs.BodyOf(err).Code
}

// cut is a connection that drops after so many bytes.
type cut struct {
	io.Reader
	left int
}

var errDropped = errors.New("the connection was lost")

func (c *cut) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errDropped
	}
	n, err := c.Reader.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func TestAnUploadGoesOnWhereItWasCut(t *testing.T) {
	r := newRig(t)
	file := r.bundle(nil)
	u := r.updater()
	drops := 0
	for at := int64(0); ; drops++ {
		err := u.Receive(t.Context(), &cut{bytes.NewReader(file[at:]), 300_000}, at, "upload")
		if err == nil {
			break
		}
		if !errors.Is(err, errDropped) {
			t.Fatal(err)
		}
		u = r.updater() // and the box was restarted too
		s := u.Status(t.Context())
		if s.State != Receiving || s.Received <= at || s.Next.Version != "1.1.0" {
			t.Fatalf("after %d drops: %+v", drops, s)
		}
		at = s.Received
		if err := u.Receive(t.Context(), bytes.NewReader(file), 0, "upload"); code(err) != "offset" {
			t.Errorf("from the beginning: %v", err)
		}
	}
	if drops < 3 {
		t.Errorf("%d drops: the test does not bite", drops)
	}
	if s := u.Status(t.Context()); s.State != Received || s.Received != int64(len(file)) || s.Kept.Version != "1.0.0" {
		t.Errorf("%+v", s)
	}
	r.written()
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	r := newRig(t)
	_, foreign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := bundle.NewRoot([]ed25519.PrivateKey{foreign}, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := r.bundle(nil)
	altered := bytes.Clone(good)
	altered[bytes.Index(altered, []byte(`"build":11`))+9] ^= 1
	for want, file := range map[string][]byte{
		"older":           r.bundle(func(m *bundle.Manifest) { m.Build, m.Version = 9, "0.9.0" }),
		"wrong_board":     r.bundle(func(m *bundle.Manifest) { m.Board = "pi" }),
		"data_format":     r.bundle(func(m *bundle.Manifest) { m.Data = 2 }),
		bundle.Unsigned:   r.signed(nil, bundle.Signer{Roots: [][]byte{other}, Keys: []ed25519.PrivateKey{foreign}}),
		bundle.Altered:    altered,
		bundle.Truncated:  good[:1000],
		bundle.NotABundle: []byte("GIF89a and so on"),
	} {
		u := r.updater()
		if err := u.Receive(t.Context(), bytes.NewReader(file), 0, "upload"); code(err) != want {
			t.Errorf("%s: %v", want, err)
		}
		s := u.Status(t.Context())
		if s.State != Idle || s.Last == nil || s.Last.Result != Refused || s.Last.Code != want {
			t.Errorf("%s: %+v, last %+v", want, s, s.Last)
		}
		if err := u.Install(t.Context(), Now); code(err) != "nothing_received" {
			t.Errorf("%s: it can be installed: %v", want, err)
		}
	}
	same := r.bundle(func(m *bundle.Manifest) { m.Build = 10 })
	if err := r.updater().Receive(t.Context(), bytes.NewReader(same), 0, "upload"); code(err) != "older" {
		t.Errorf("what runs already: %v", err)
	}
	late := bytes.Clone(good)
	late[len(late)-10] ^= 1
	u := r.updater()
	if err := u.Receive(t.Context(), bytes.NewReader(late), 0, "upload"); code(err) != bundle.Altered {
		t.Errorf("altered at its end: %v", err)
	}
	if err := u.Install(t.Context(), Now); code(err) != "nothing_received" {
		t.Errorf("half an update can be installed: %v", err)
	}
	if s := u.Status(t.Context()); s.State != Idle || s.Last.Code != bundle.Altered || s.Last.Version != "1.1.0" {
		t.Errorf("who was cut off while sending does not learn why: %+v, last %+v", s, s.Last)
	}
	if st, err := r.slots.State(); err != nil || st.Pending || st.Default != hal.SlotA {
		t.Errorf("%+v %v", st, err)
	}
	big := newRig(t)
	big.write("root-b", make([]byte, 1000))
	if err := big.updater().Receive(t.Context(), bytes.NewReader(big.bundle(nil)), 0, "upload"); err == nil {
		t.Error("a system larger than its slot was taken")
	}
}

// serving serves a bundle and counts the bytes.
func serving(t *testing.T, file []byte, ranges bool) (url string, sent func() int) {
	t.Helper()
	var mu sync.Mutex
	n, fails := 0, 3
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if fails--; fails == 1 {
			w.WriteHeader(http.StatusBadGateway) // once, and it is tried again
			return
		}
		c := &counted{ResponseWriter: w}
		if ranges {
			http.ServeContent(c, req, "", time.Time{}, bytes.NewReader(file))
		} else {
			_, _ = c.Write(file)
		}
		if req.Header.Get("Range") != "" || !ranges {
			n += c.n
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/update.livelearn", func() int { mu.Lock(); defer mu.Unlock(); return n }
}

type counted struct {
	http.ResponseWriter
	n int
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += n
	return n, err
}

func TestWhatTheBoxHasIsNotFetched(t *testing.T) {
	r := newRig(t)
	file := r.bundle(nil)
	url, sent := serving(t, file, true)
	u := r.updater()
	if err := u.Fetch(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	r.written()
	s := u.Status(t.Context())
	if n := sent(); n > len(file)/2 || n == 0 {
		t.Errorf("%d of %d bytes were sent for a change of 1,000", n, len(file))
	} else {
		t.Logf("%d of %d bytes were sent, %d were there", n, len(file), s.Reused)
	}
	if s.State != Received || s.Reused == 0 {
		t.Errorf("%+v", s)
	}
}

func TestAServerWithoutRangesWillDo(t *testing.T) {
	r := newRig(t)
	file := r.bundle(nil)
	url, sent := serving(t, file, false)
	if err := r.updater().Fetch(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if sent() < len(file) {
		t.Errorf("%d of %d bytes", sent(), len(file))
	}
	r.written()
}

func TestBadAddressesAreRefused(t *testing.T) {
	u := newRig(t).updater()
	for _, url := range []string{"", "file:///etc/passwd", "http://", "ftp://x/y", "http://x/" + strings.Repeat("y", 2000)} {
		if err := u.Fetch(t.Context(), url); code(err) != "bad_url" {
			t.Errorf("%.30q: %v", url, err)
		}
	}
	if (Config{Channel: "nowhere"}).Validate() == nil || (Config{Channel: "https://x/y"}).Validate() != nil {
		t.Error("the channel's address")
	}
}

// trial brings a rig to the first start of the next system.
func (r *rig) trial() {
	r.t.Helper()
	u := r.updater()
	if err := u.Receive(r.t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"); err != nil {
		r.t.Fatal(err)
	}
	if err := u.Install(r.t.Context(), Now); err != nil {
		r.t.Fatal(err)
	}
	if r.restarts != 1 || u.Status(r.t.Context()).State != Restarting {
		r.t.Fatalf("%d restarts, %+v", r.restarts, u.Status(r.t.Context()))
	}
	r.boot(hal.SlotB)
	entries := filepath.Join(r.dir, "loader/entries")
	if err := os.Rename(entries+"/livelearn-b+2.conf", entries+"/livelearn-b+1-1.conf"); err != nil {
		r.t.Fatal(err)
	}
	r.version, r.build = "1.1.0", 11
}

// serve runs an updater for a while of fake time.
func serve(t *testing.T, u *Updater, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Serve(ctx) }()
	time.Sleep(d)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAHealthySystemStays(t *testing.T) {
	r := newRig(t)
	r.trial()
	synctest.Test(t, func(t *testing.T) {
		u := r.updater()
		r.set(false, false)
		serve(t, u, time.Minute)
		if st, _ := r.slots.State(); !st.Trying {
			t.Error("it was committed before it was healthy")
		}
		r.set(false, true)
		serve(t, u, healthyFor+3*time.Second)
		if st, err := r.slots.State(); err != nil || st.Trying || st.Default != hal.SlotB {
			t.Errorf("%+v %v", st, err)
		}
		s := u.Status(t.Context())
		if s.Last == nil || s.Last.Result != Committed || s.Last.From != "1.0.0" || s.State != Idle || s.Kept.Version != "1.0.0" {
			t.Errorf("%+v, last %+v", s, s.Last)
		}
		if head, err := u.Head(); err != nil || !bytes.HasPrefix(r.bundle(nil), head) {
			t.Errorf("neighbours get nothing: %v", err)
		}
		if err := u.Receive(t.Context(), bytes.NewReader(r.bundle(func(m *bundle.Manifest) { m.Build, m.Version = 10, "1.0.0" })), 0, "upload"); code(err) != "older" {
			t.Errorf("the version before: %v", err)
		}
	})
}

func TestASickSystemGoesBack(t *testing.T) {
	r := newRig(t)
	r.trial()
	synctest.Test(t, func(t *testing.T) {
		r.set(false, false)
		serve(t, r.updater(), trialTime+time.Minute)
		if r.restarts < 2 {
			t.Fatal("it did not give up")
		}
		r.boot(hal.SlotA)
		r.version, r.build = "1.0.0", 10
		u := r.updater()
		serve(t, u, time.Second)
		s := u.Status(t.Context())
		if s.Last == nil || s.Last.Result != RolledBack || !strings.Contains(s.Last.Reason, "media is down") || s.State != Idle {
			t.Errorf("%+v, last %+v", s, s.Last)
		}
		// What is in the other slot now is the sick one.
		if err := u.Rollback(t.Context()); code(err) != "nothing_kept" || s.Kept != nil {
			t.Errorf("back to what was never good: %v, kept %+v", err, s.Kept)
		}
		// The next one may come.
		if err := u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"); err != nil {
			t.Error(err)
		}
	})
}

func TestAStartThatNeverCameIsTold(t *testing.T) {
	const hung, ended = "it hung, or the power went", "the program ended 4 times"
	for name, c := range map[string]struct{ before, after, want string }{
		"it hung":                         {"", "", hung},
		"it ended":                        {"", ended, ended},
		"it hung, and the last one ended": {ended, ended, hung},
	} {
		t.Logf("%s", name)
		r := newRig(t)
		if c.before != "" {
			r.failure, r.failedAt = c.before, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		}
		r.trial()
		if r.failure = c.after; c.before == "" && c.after != "" {
			r.failedAt = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
		}
		want := c.want
		synctest.Test(t, func(t *testing.T) {
			r.boot(hal.SlotA)
			r.version, r.build = "1.0.0", 10
			u := r.updater()
			serve(t, u, time.Second)
			if s := u.Status(t.Context()); s.Last == nil || s.Last.Result != RolledBack || !strings.Contains(s.Last.Reason, want) {
				t.Errorf("last %+v", s.Last)
			}
		})
	}
}

func TestALessonIsNeverInterrupted(t *testing.T) {
	r := newRig(t)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return noon }
	u := r.updater()
	if err := u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"); err != nil {
		t.Fatal(err)
	}
	r.set(true, true)
	if err := u.Install(t.Context(), Now); code(err) != "lesson_open" || r.restarts != 0 {
		t.Errorf("%v, %d restarts", err, r.restarts)
	}
	if err := u.Rollback(t.Context()); code(err) != "lesson_open" {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) {
		u := r.updater()
		if err := u.Install(t.Context(), Night); err != nil {
			t.Fatal(err)
		}
		serve(t, u, time.Hour)
		r.now = func() time.Time { return noon.Add(15 * time.Hour) } // three in the morning
		serve(t, u, time.Hour)
		if r.restarts != 0 {
			t.Fatal("it restarted in a lesson")
		}
		r.set(false, true)
		r.now = func() time.Time { return noon }
		serve(t, u, time.Hour)
		if r.restarts != 0 {
			t.Fatal("it restarted by day")
		}
		r.now = func() time.Time { return noon.Add(15 * time.Hour) }
		serve(t, u, time.Hour)
		if r.restarts != 1 {
			t.Errorf("%d restarts at night", r.restarts)
		}
	})
	again := newRig(t)
	again.set(true, true)
	synctest.Test(t, func(t *testing.T) {
		u := again.updater()
		if err := u.Receive(t.Context(), bytes.NewReader(again.bundle(nil)), 0, "upload"); err != nil {
			t.Fatal(err)
		}
		if err := u.Install(t.Context(), WhenIdle); err != nil {
			t.Fatal(err)
		}
		serve(t, u, time.Hour)
		again.set(false, true)
		serve(t, u, time.Minute)
		if again.restarts != 1 {
			t.Errorf("%d restarts when the lesson had ended", again.restarts)
		}
	})
}

func TestAPersonMayGoBack(t *testing.T) {
	r := newRig(t)
	r.trial()
	synctest.Test(t, func(t *testing.T) {
		u := r.updater()
		serve(t, u, healthyFor+3*time.Second)
		if err := u.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st, err := r.slots.State(); err != nil || !st.Pending || r.restarts != 2 {
			t.Errorf("%+v %v, %d restarts", st, err, r.restarts)
		}
	})
}

func TestNobodyGoesBackToAVersionInPieces(t *testing.T) {
	r := newRig(t)
	r.trial()
	var u *Updater
	synctest.Test(t, func(t *testing.T) {
		u = r.updater()
		serve(t, u, healthyFor+3*time.Second)
	})
	r.version, r.build = "1.1.0", 11
	file := r.bundle(func(m *bundle.Manifest) { m.Build, m.Version = 12, "1.2.0" })
	if err := u.Receive(t.Context(), &cut{bytes.NewReader(file), 300_000}, 0, "upload"); !errors.Is(err, errDropped) {
		t.Fatal(err)
	}
	if s := u.Status(t.Context()); s.Kept == nil || s.Kept.Version != "1.1.0" {
		t.Errorf("while an update comes, the running version stays: %+v", s.Kept)
	}
	if err := u.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	u = r.updater()
	if err := u.Rollback(t.Context()); code(err) != "nothing_kept" || u.Status(t.Context()).Kept != nil {
		t.Errorf("%v, kept %+v", err, u.Status(t.Context()).Kept)
	}
}

func TestANeighbourHandsItsVersionOn(t *testing.T) {
	first := newRig(t)
	first.trial()
	var u *Updater
	synctest.Test(t, func(t *testing.T) {
		u = first.updater()
		serve(t, u, healthyFor+3*time.Second)
	})
	mux := http.NewServeMux()
	var sent atomic.Int64
	mux.HandleFunc("GET /api/update/head", func(w http.ResponseWriter, _ *http.Request) {
		head, err := u.Head()
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
		_, _ = w.Write(head)
	})
	mux.HandleFunc("GET /api/update/part/{part}", func(w http.ResponseWriter, req *http.Request) {
		p, err := u.Part(req.PathValue("part"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		defer func() { _ = p.Close() }()
		c := &counted{ResponseWriter: w}
		http.ServeContent(c, req, "", time.Time{}, p)
		sent.Add(int64(c.n))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	second := newRig(t)
	second.key, second.root = first.key, first.root
	v := second.updater()
	if err := v.Fetch(t.Context(), srv.URL+"/api/update"); err != nil {
		t.Fatal(err)
	}
	second.written()
	if n := sent.Load(); n == 0 || n > int64(len(first.system())/2) {
		t.Errorf("%d bytes were sent", n)
	}
	if _, err := v.Head(); code(err) != "no_head" {
		t.Errorf("a box hands on what it does not run: %v", err)
	}
}

func TestAFleetFollowsItsChannel(t *testing.T) {
	part := 0
	for i := range 2000 {
		id := fmt.Sprint("box", i)
		if takesPart(id, 11, 10) {
			part++
			if !takesPart(id, 11, 20) {
				t.Fatalf("%s takes part at 10 percent and not at 20", id)
			}
		}
		if takesPart(id, 11, 0) || !takesPart(id, 11, 100) {
			t.Fatal("0 is nobody and 100 is all")
		}
	}
	if part < 140 || part > 260 {
		t.Errorf("%d of 2,000 boxes are 10 percent", part)
	}
	for _, c := range []struct {
		percent int
		want    string
	}{{0, Idle}, {100, Scheduled}} {
		r := newRig(t)
		file := r.bundle(nil)
		s := bundle.Signer{Roots: [][]byte{r.root}, Keys: []ed25519.PrivateKey{r.key}}
		var channel bytes.Buffer
		if err := bundle.WriteChannel(&channel, bundle.Channel{Board: "pc", Version: "1.1.0", Build: 11, URL: "new.livelearn", Percent: c.percent}, s); err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("/fleet/pc.channel", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(channel.Bytes()) })
		mux.HandleFunc("/fleet/new.livelearn", func(w http.ResponseWriter, req *http.Request) {
			http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(file))
		})
		srv := httptest.NewServer(mux)
		defer srv.Close()
		r.cfg = Config{Channel: srv.URL + "/fleet/pc.channel", Auto: true}
		u := r.updater()
		u.follow(t.Context())
		st := u.Status(t.Context())
		if st.State != c.want || st.Channel == nil || st.Channel.Err != "" || st.Channel.Mine != (c.percent == 100) {
			t.Errorf("%d percent: %+v, channel %+v", c.percent, st, st.Channel)
		}
		channel.Truncate(100)
		u.follow(t.Context())
		if got := u.Status(t.Context()).Channel; got.Err == "" {
			t.Error("a channel in pieces is not told")
		}
	}
}

func TestASickDiskIsNoticed(t *testing.T) {
	r := newRig(t)
	r.more = func(d *Deps) { d.Slots = forgetful{r.slots} }
	u := r.updater()
	err := u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload")
	if code(err) != "medium" || u.Status(t.Context()).State != Idle {
		t.Errorf("%v, %+v", err, u.Status(t.Context()))
	}
}

// forgetful are slots whose root takes bytes and keeps none.
type forgetful struct{ hal.Slots }

func (f forgetful) Open(s hal.Slot, part string, write bool) (hal.SlotPart, error) {
	p, err := f.Slots.Open(s, part, write)
	if part == hal.PartRoot && write {
		p = hole{p}
	}
	return p, err
}

type hole struct{ hal.SlotPart }

func (hole) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestAMachineWithoutSlotsSaysSo(t *testing.T) {
	r := newRig(t)
	r.more = func(d *Deps) { d.Slots = nil }
	u := r.updater()
	if s := u.Status(t.Context()); s.Supported || s.Why != "no_slots" {
		t.Errorf("%+v", s)
	}
	if err := u.Receive(t.Context(), bytes.NewReader(nil), 0, ""); code(err) != "no_slots" {
		t.Error(err)
	}
	r.more = func(d *Deps) { d.Root = nil }
	if s := r.updater().Status(t.Context()); s.Why != "no_keys" {
		t.Errorf("%+v", s)
	}
}
